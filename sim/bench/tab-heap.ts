/**
 * What the JavaScript of a tab holds, in its page and in its workers, as V8 counts it after everything that nobody
 * holds any more was collected.
 */
import type { CDPSession, Page } from 'playwright-core';

export interface TabHeap {
  /** Objects of JavaScript. */
  readonly usedBytes: number;
  /** What array buffers hold beside them. */
  readonly bufferBytes: number;
  /** Workers that the page has started, of which the numbers tell too. */
  readonly workers: number;
}

export async function tabHeap(page: Page): Promise<TabHeap> {
  const session = await page.context().newCDPSession(page);
  try {
    const places: Send[] = [
      (method) => session.send(method as 'Runtime.getHeapUsage'),
      ...(await workersOf(session)),
    ];
    const heaps: Pick<TabHeap, 'usedBytes' | 'bufferBytes'>[] = [];
    for (const send of places) heaps.push(await heapOf(send));
    const sum = (key: 'usedBytes' | 'bufferBytes') => heaps.reduce((total, heap) => total + heap[key], 0);
    return { usedBytes: sum('usedBytes'), bufferBytes: sum('bufferBytes'), workers: places.length - 1 };
  } finally {
    await session.detach();
  }
}

/** A command of the DevTools protocol to one of the places where a tab runs. */
type Send = (method: string) => Promise<unknown>;

async function heapOf(send: Send): Promise<Pick<TabHeap, 'usedBytes' | 'bufferBytes'>> {
  await send('HeapProfiler.collectGarbage');
  const usage = (await send('Runtime.getHeapUsage')) as { usedSize: number; backingStorageSize?: number };
  return { usedBytes: usage.usedSize, bufferBytes: usage.backingStorageSize ?? Number.NaN };
}

/** Messages to a worker travel within those to its page. */
async function workersOf(session: CDPSession): Promise<Send[]> {
  const waiting = new Map<string, (message: { result?: unknown; error?: { message: string } }) => void>();
  const sessions: string[] = [];
  session.on('Target.attachedToTarget', ({ sessionId, targetInfo }) => {
    if (targetInfo.type === 'worker') sessions.push(sessionId);
  });
  session.on('Target.receivedMessageFromTarget', ({ sessionId, message }) => {
    const answer = JSON.parse(message);
    waiting.get(`${sessionId} ${answer.id}`)?.(answer);
  });
  // Those that run already are told of before this is answered.
  await session.send('Target.setAutoAttach', {
    autoAttach: true,
    waitForDebuggerOnStart: false,
    flatten: false,
  });
  let id = 0;
  return sessions.map((sessionId) => async (method) => {
    id += 1;
    const message = JSON.stringify({ id, method });
    const answered = new Promise<unknown>((resolve, reject) => {
      waiting.set(`${sessionId} ${id}`, ({ result, error }) =>
        error ? reject(new Error(`${method}: ${error.message}`)) : resolve(result),
      );
    });
    await session.send('Target.sendMessageToTarget', { sessionId, message });
    return answered;
  });
}
