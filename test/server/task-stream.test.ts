import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { toHex } from '../../protocol/bytes.ts';
import { succeed } from '../../protocol/key-succession.ts';
import type { TaskLine } from '../../schemas/task-stream.ts';
import { DEFAULT_SETTINGS } from '../../server/coordinator.ts';
import { HEARTBEAT_MS } from '../../server/task-stream.ts';
import { atRest } from '../../sim/virtual-clock.ts';
import { type Node, nodeOf, TestFederation } from '../fixtures/federation.ts';

const { livenessMs } = DEFAULT_SETTINGS;
let federation: TestFederation;
let a: Node;
let stops: AbortController[];

beforeEach(async () => {
  federation = await TestFederation.open({ participants: 2, settings: { recruitGraceMs: 0 } });
  [a] = federation.participants as [Node];
  stops = [];
});
afterEach(async () => {
  for (const stop of stops) stop.abort();
  await atRest();
  expect(federation.reported).toEqual([]);
});

interface Listening {
  readonly lines: TaskLine[];
  readonly stop: AbortController;
  hasEnded: boolean;
  /** The lines since the last time, after `milliseconds`. */
  after(milliseconds: number): Promise<TaskLine[]>;
  answer(): Promise<boolean>;
}

async function listen(node: Node = a): Promise<Listening> {
  const stop = new AbortController();
  stops.push(stop);
  const lines: TaskLine[] = [];
  let taken = 0;
  const listening: Listening = {
    lines,
    stop,
    hasEnded: false,
    after: async (milliseconds) => {
      await federation.clock.advance(milliseconds);
      await atRest();
      const news = lines.slice(taken);
      taken = lines.length;
      return news;
    },
    answer: async () => {
      const [opened] = lines;
      const streamId = opened?.type === 'opened' ? opened.streamId : '';
      return (await federation.call('answerStream', node, { params: { streamId } })).open;
    },
  };
  const stream = await federation.call('taskStream', node, {}, stop.signal);
  void (async () => {
    for await (const line of stream) lines.push(line);
    listening.hasEnded = true;
  })();
  await atRest();
  return listening;
}

const isLive = (node: Node = a) => federation.coordinator.presence.isLive(node.nodeId);
const isTask = (line: TaskLine | undefined) => line?.type === 'tasks' && line.tasks.length === 1;

describe('what a node is told', () => {
  test('first the id of its stream and what there is to do, then only what changes', async () => {
    const stream = await listen();
    expect(await stream.after(0)).toEqual([
      {
        type: 'opened',
        streamId: expect.stringMatching(/^[A-Za-z0-9_-]{22}$/),
        spreadMs: 10,
        directoryVersion: 4,
      },
      { type: 'tasks', tasks: [], directoryVersion: 4 },
    ]);
    await federation.appear();
    await federation.createJob({ cohort: { size: 2, minimum: 2 } });
    const [line, ...more] = await stream.after(0);
    expect(line).toEqual({ type: 'tasks', tasks: federation.tasksOf(a), directoryVersion: 4 });
    expect(isTask(line)).toBe(true);
    expect(more).toEqual([]);
  });

  test('after a new beginning all that is to be done, whatever it was told before', async () => {
    const first = await listen();
    await federation.appear();
    await federation.createJob({ cohort: { size: 2, minimum: 2 } });
    const told = (await first.after(0)).at(-1);
    first.stop.abort();
    const second = await listen();
    expect(isTask(told)).toBe(true);
    expect((await second.after(0)).at(-1)).toEqual(told);
  });

  test('a node that reads slowly is told the newest list alone', async () => {
    const stop = new AbortController();
    stops.push(stop);
    const stream = await federation.call('taskStream', a, {}, stop.signal);
    const reader = stream[Symbol.asyncIterator]();
    await reader.next();
    await reader.next();
    await federation.appear();
    const { jobId } = await federation.createJob({ cohort: { size: 2, minimum: 2 } });
    await atRest();
    expect(federation.tasksOf(a)).toMatchObject([{ jobId }]);
    await federation.call('cancelJob', federation.operator, { params: { jobId } });
    const job = await federation.createJob({ cohort: { size: 2, minimum: 2 } });
    await atRest();
    const { value } = await reader.next();
    expect(value).toMatchObject({ type: 'tasks', tasks: [{ jobId: job.jobId }] });
  });

  test('that it is silent between heartbeats, and for how long all nodes spread', async () => {
    const stream = await listen();
    await stream.after(0);
    const other = await listen(federation.participants[1]);
    expect(await stream.after(HEARTBEAT_MS - 1)).toEqual([]);
    expect(await stream.after(1)).toEqual([{ type: 'heartbeat', spreadMs: 20, directoryVersion: 4 }]);
    other.stop.abort();
  });
});

describe('a node on a stream is live', () => {
  test('while it answers', async () => {
    const stream = await listen();
    for (let turn = 0; turn < 5; turn += 1) {
      expect((await stream.after(HEARTBEAT_MS)).at(-1)?.type).toBe('heartbeat');
      expect(await stream.answer()).toBe(true);
      await stream.after(HEARTBEAT_MS - 1);
      expect(isLive()).toBe(true);
      await stream.after(1);
      expect(await stream.answer()).toBe(true);
    }
    expect(stream.hasEnded).toBe(false);
  });

  test('and is not once it owes an answer for long, until it gives it', async () => {
    const stream = await listen();
    await stream.after(HEARTBEAT_MS + livenessMs - 1);
    expect(isLive()).toBe(true);
    await stream.after(1);
    expect(isLive()).toBe(false);
    await stream.answer();
    expect(isLive()).toBe(true);
  });

  test('a task is a question too; the requests that it leads to are answers', async () => {
    const stream = await listen();
    const other = await listen(federation.participants[1]);
    await federation.appear();
    await federation.clock.advance(livenessMs);
    await federation.createJob({ cohort: { size: 2, minimum: 2 } });
    expect(isTask((await stream.after(0)).at(-1))).toBe(true);
    const { model } = federation.tasksOf(a)[0] as { model: string };
    await federation.call('getBlob', a, { params: { sha256: model } });
    await federation.clock.advance(livenessMs);
    expect([isLive(), isLive(federation.participants[1])]).toEqual([true, false]);
    other.stop.abort();
  });

  test('one that has been stopped is not chosen again after a round without it', async () => {
    const [, b] = federation.participants as [Node, Node];
    const stopped = await listen(a);
    await listen(b);
    const cohort = { size: 2, minimum: 1 };
    const deadlines = { collectSeconds: 30, evaluateSeconds: 30 };
    const job = await federation.createJob({ cohort, deadlines, rounds: 2 });
    await atRest();
    expect(job.state.cohort).toHaveLength(2);
    await federation.work(b);
    await stopped.after(29_000);
    federation.coordinator.presence.saw(b.nodeId);
    await stopped.after(1000);
    expect(job.state).toMatchObject({ round: 2, phase: 'collecting', cohort: [b.nodeId] });
  });

  test('whoever leaves a question without an answer until the next loses the stream', async () => {
    const stream = await listen();
    await stream.after(2 * HEARTBEAT_MS - 1);
    expect(stream.hasEnded).toBe(false);
    await stream.after(1);
    expect(stream.hasEnded).toBe(true);
    expect(await stream.answer()).toBe(false);
  });

  test('one whose connection broke is not', async () => {
    const stream = await listen();
    expect(isLive()).toBe(true);
    stream.stop.abort();
    await atRest();
    expect(isLive()).toBe(false);
    expect(await stream.answer()).toBe(false);
  });
});

describe('a stream ends', () => {
  test('when the node opens another: then that one counts', async () => {
    const first = await listen();
    const second = await listen();
    expect([first.hasEnded, second.hasEnded]).toEqual([true, false]);
    first.stop.abort();
    expect(isLive()).toBe(true);
    expect([await first.answer(), await second.answer()]).toEqual([false, true]);
    expect(federation.coordinator.presence.streams).toBe(1);
  });

  test('when the coordinator closes', async () => {
    const stream = await listen();
    federation.coordinator.beginClosing();
    await atRest();
    expect(stream.hasEnded).toBe(true);
  });

  test('when the node is revoked, and not that of another; nobody is told of tasks any more', async () => {
    const other = await listen(federation.participants[1]);
    const stream = await listen();
    await stream.after(0);
    const { operator } = federation;
    const revoked = { params: { nodeId: a.nodeId }, body: { reason: 'stolen' } };
    await federation.call('revokeMember', operator, revoked);
    expect(await stream.after(0)).toEqual([]);
    expect([stream.hasEnded, other.hasEnded]).toEqual([true, false]);
    await other.after(HEARTBEAT_MS);
    expect(other.lines.at(-1)).toMatchObject({ type: 'heartbeat', directoryVersion: 5 });
  });

  test('when another key has taken the place of that of the node, at the moment that was said', async () => {
    const stream = await listen();
    const next = await nodeOf('next', 'participant');
    const pinned = {
      federationId: federation.coordinator.federation.id,
      coordinatorKey: toHex((await nodeOf('coordinator', 'operator')).signer.publicKey),
    };
    const { byOld, byNew } = await succeed(a.signer, next.signer, pinned);
    const body = { publicKey: toHex(next.signer.publicKey), byOld, byNew, overlapSeconds: 10 };
    await federation.call('succeedKey', a, { body });
    await stream.after(9999);
    expect(stream.hasEnded).toBe(false);
    await stream.after(1);
    expect(stream.hasEnded).toBe(true);
  });

  test('with nothing of it left', async () => {
    const pending = federation.clock.pending;
    const stream = await listen();
    expect(federation.clock.pending).toBe(pending + 1);
    stream.stop.abort();
    await atRest();
    expect(federation.clock.pending).toBe(pending);
    expect(federation.coordinator.presence.streams).toBe(0);
  });
});

test('waiting costs the store nothing', async () => {
  const stream = await listen();
  let writes = 0;
  const { store } = federation;
  const claim = store.claimOnce.bind(store);
  store.claimOnce = (...request) => {
    writes += 1;
    return claim(...request);
  };
  const append = store.append.bind(store);
  store.append = (...request) => {
    writes += 1;
    return append(...request);
  };
  for (let turn = 0; turn < 10; turn += 1) {
    await stream.after(HEARTBEAT_MS);
    await stream.answer();
  }
  expect(stream.lines.filter(({ type }) => type === 'heartbeat')).toHaveLength(10);
  expect(writes).toBe(0);
  await federation.enrol('one more', 'participant');
  expect(writes).toBeGreaterThan(0);
});
