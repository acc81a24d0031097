import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { FIRST_LINE_MS, TaskFeed } from '../../client/task-feed.ts';
import { pause } from '../../protocol/clock.ts';
import { HanseError } from '../../protocol/problem.ts';
import { seededRandom } from '../../protocol/random.ts';
import type { Task } from '../../schemas/task.ts';
import type { TaskLine } from '../../schemas/task-stream.ts';
import { atRest, VirtualClock } from '../../sim/virtual-clock.ts';
import {
  type Script,
  type ScriptedCoordinator,
  scriptedCoordinator,
} from '../fixtures/scripted-coordinator.ts';

const STREAM_ID = 'A'.repeat(22);
const SPREAD_MS = 8000;
const opened = { type: 'opened', streamId: STREAM_ID, spreadMs: SPREAD_MS } as const;
const heartbeat = { type: 'heartbeat', spreadMs: SPREAD_MS } as const;
const taskOf = (round: number): Task => ({
  type: 'train',
  jobId: 'job-0123456789abcdef',
  manifestSha256: '0'.repeat(64),
  round,
  attempt: 1,
  model: '0'.repeat(64),
  deadline: '2026-01-01T13:00:00.000Z',
});
const tasks = (...rounds: number[]) => ({ type: 'tasks', tasks: rounds.map(taskOf) }) as const;

/** A stream that is written by the test. */
class Written {
  readonly signal: AbortSignal;
  #lines: TaskLine[] = [];
  #end: { error?: unknown } | undefined;
  #wake: () => void = () => {};

  constructor(signal: AbortSignal) {
    this.signal = signal;
    signal.addEventListener('abort', () => this.end(away), { once: true });
  }

  write(...lines: TaskLine[]): Promise<void> {
    this.#lines.push(...lines);
    this.#wake();
    return atRest();
  }

  end(error?: unknown): Promise<void> {
    this.#end ??= { error };
    this.#wake();
    return atRest();
  }

  async *read(): AsyncGenerator<TaskLine, void, undefined> {
    for (;;) {
      for (const line of this.#lines.splice(0)) yield line;
      if (this.#end?.error) throw this.#end.error;
      if (this.#end) return;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }
}

const away = new HanseError('coordinatorUnreachable', { url: 'http://127.0.0.1:9', reason: 'reset' });
const life = { current: new AbortController() };
let clock: VirtualClock;
let streams: Written[];
let api: ScriptedCoordinator;
const latest = () => streams.at(-1) as Written;

beforeEach(() => {
  clock = new VirtualClock();
  streams = [];
  life.current = new AbortController();
});
afterEach(() => life.current.abort());

function feedOf(
  script: Script = {},
  onDirectory?: (version: number) => void,
  onLetters?: (number: number) => void,
): TaskFeed {
  api = scriptedCoordinator({
    taskStream: (_, { signal }) => {
      streams.push(new Written(signal as AbortSignal));
      return latest().read();
    },
    answerStream: () => ({ open: true }),
    nextTasks: () => ({ tasks: [taskOf(100)] }),
    ...script,
  });
  const random = seededRandom(new Uint8Array(32));
  const { signal } = life.current;
  const told = { ...(onDirectory && { onDirectory }), ...(onLetters && { onLetters }) };
  return new TaskFeed({ api, clock, random, signal, waitSeconds: 20, ...told });
}

/** Goes on in small steps until another stream is asked for. */
async function untilStream(count: number): Promise<void> {
  for (let waited = 0; streams.length < count && waited < 60_000; waited += 100) await clock.advance(100);
  expect(streams).toHaveLength(count);
}

const roundsOf = async (list: Promise<readonly Task[]>) => (await list).map(({ round }) => round);

/** A stream that never says anything, and ends with its signal. */
const heldBack: Script['taskStream'] = (_, { signal }) =>
  new Promise((_resolve, reject) => {
    signal?.addEventListener('abort', () => reject(away), { once: true });
  });

describe('over a stream', () => {
  test('each list is handed on as it comes; of those that nobody waited for the newest', async () => {
    const feed = feedOf();
    const first = roundsOf(feed.next());
    await atRest();
    await latest().write(opened, tasks());
    expect(await first).toEqual([]);
    const second = roundsOf(feed.next());
    await latest().write(tasks(1));
    expect(await second).toEqual([1]);
    await latest().write(tasks(1, 2), tasks(), tasks(3));
    expect(await roundsOf(feed.next())).toEqual([3]);
    expect([api.count('taskStream'), api.count('nextTasks')]).toEqual([1, 0]);
  });

  test('the version of the directory is told with every line, and with every answer', async () => {
    const versions: number[] = [];
    const feed = feedOf({}, (version) => versions.push(version));
    const first = feed.next();
    await atRest();
    await latest().write({ ...opened, directoryVersion: 1 }, { ...tasks(), directoryVersion: 2 });
    await first;
    await latest().write(heartbeat, { ...heartbeat, directoryVersion: 3 });
    expect(versions).toEqual([1, 2, 3]);
    life.current.abort();
    life.current = new AbortController();
    const asking = feedOf(
      {
        taskStream: () => {
          throw new HanseError('routeUnknown', { method: 'GET', path: '' });
        },
        nextTasks: () => ({ tasks: [], directoryVersion: 4 }),
      },
      (version) => versions.push(version),
    );
    await asking.next();
    expect(versions).toEqual([1, 2, 3, 4]);
  });

  test('letters are told as often as they are named, and asked for beyond the newest that was', async () => {
    const told: number[] = [];
    const asked: unknown[] = [];
    const feed = feedOf({}, undefined, (number) => told.push(number));
    const first = feed.next();
    await atRest();
    await latest().write(opened, { ...tasks(), letters: 3 });
    await first;
    await latest().write({ ...heartbeat, letters: 3 }, heartbeat, { ...tasks(), letters: 4 });
    expect(told).toEqual([3, 3, 4]);
    life.current.abort();
    await atRest();
    life.current = new AbortController();
    const asking = feedOf(
      {
        taskStream: () => {
          throw new HanseError('routeUnknown', { method: 'GET', path: '' });
        },
        nextTasks: ({ query }) => {
          asked.push(query);
          return { tasks: [], letters: 7 };
        },
      },
      undefined,
      (number) => told.push(number),
    );
    for (const _ of [1, 2]) await asking.next();
    expect(told).toEqual([3, 3, 4, 7, 7]);
    expect(asked).toMatchObject([{ letters: '0' }, { letters: '7' }]);
  });

  test('heartbeats are answered, one at a time, and so is a task that comes while the node is busy', async () => {
    let finish = () => {};
    const feed = feedOf({
      answerStream: () =>
        new Promise((resolve) => {
          finish = () => resolve({ open: true });
        }),
    });
    const first = feed.next();
    await atRest();
    await latest().write(opened, tasks());
    await first;
    expect(api.count('answerStream')).toBe(0);
    await latest().write(heartbeat, heartbeat);
    expect(api.calls.filter(({ name }) => name === 'answerStream')).toEqual([
      { name: 'answerStream', request: { params: { streamId: STREAM_ID } } },
    ]);
    finish();
    await atRest();
    await latest().write(tasks(1));
    expect(api.count('answerStream')).toBe(2);
    finish();
    await atRest();
    await feed.next();
    const waiting = feed.next();
    await latest().write(tasks(2));
    await waiting;
    expect(api.count('answerStream')).toBe(2);
  });

  test('one that breaks is opened anew within the spread, while nobody waits too', async () => {
    const feed = feedOf();
    const first = feed.next();
    await atRest();
    await latest().write(opened, tasks());
    await first;
    await latest().write(heartbeat);
    await latest().end(away);
    expect(streams).toHaveLength(1);
    await clock.advance(SPREAD_MS);
    expect(streams).toHaveLength(2);
    await latest().write(opened, tasks(7));
    expect(await roundsOf(feed.next())).toEqual([7]);
    await latest().write(heartbeat);
    await latest().end();
    await clock.advance(SPREAD_MS);
    expect(streams).toHaveLength(3);
    expect(api.count('nextTasks')).toBe(0);
  });

  test('one that the coordinator does not know any more is left', async () => {
    const feed = feedOf({ answerStream: () => ({ open: false }) });
    const first = feed.next();
    await atRest();
    await latest().write(opened, tasks());
    await first;
    await latest().write(heartbeat);
    expect(latest().signal.aborted).toBe(true);
    await clock.advance(SPREAD_MS);
    expect(streams).toHaveLength(2);
  });

  test('an answer that is lost is no harm', async () => {
    const feed = feedOf({ answerStream: () => Promise.reject(away) });
    const first = feed.next();
    await atRest();
    await latest().write(opened, tasks(), heartbeat);
    await first;
    await latest().write(heartbeat, tasks(1));
    expect(await roundsOf(feed.next())).toEqual([1]);
    expect(streams).toHaveLength(1);
  });

  test('what cannot pass is thrown, now and ever after', async () => {
    const gone = new HanseError('memberUnknown');
    const feed = feedOf({ taskStream: () => Promise.reject(gone) });
    await expect(feed.next()).rejects.toBe(gone);
    const later = feedOf();
    const first = later.next();
    await atRest();
    await latest().write(opened, tasks());
    await first;
    const next = expect(later.next()).rejects.toBe(gone);
    await latest().end(gone);
    await next;
    await expect(later.next()).rejects.toBe(gone);
  });

  test('the end of the node ends it', async () => {
    const feed = feedOf();
    const first = feed.next();
    await atRest();
    await latest().write(opened);
    life.current.abort();
    expect(await first).toEqual([]);
    await atRest();
    expect(latest().signal.aborted).toBe(true);
    expect(await feed.next()).toEqual([]);
    expect(clock.pending).toBe(0);
    expect([api.count('taskStream'), api.count('nextTasks')]).toEqual([1, 0]);
  });
});

describe('without a stream', () => {
  test('a coordinator that has none is asked again and again', async () => {
    const feed = feedOf({
      taskStream: () => Promise.reject(new HanseError('routeUnknown', { method: 'GET', path: '/' })),
    });
    expect(await roundsOf(feed.next())).toEqual([100]);
    const again = feed.next();
    await clock.advance(1000);
    expect(await roundsOf(again)).toEqual([100]);
    expect([api.count('taskStream'), api.count('nextTasks')]).toEqual([1, 2]);
  });

  test('one whose first line is held back is left for a request, and tried again after it', async () => {
    let isHeldBack = true;
    const feed = feedOf({
      taskStream: (request, options) => {
        if (isHeldBack) return heldBack(request, options);
        streams.push(new Written(options.signal as AbortSignal));
        return latest().read();
      },
    });
    const first = roundsOf(feed.next());
    await clock.advance(FIRST_LINE_MS - 1);
    expect(api.count('nextTasks')).toBe(0);
    await clock.advance(1);
    expect(await first).toEqual([100]);
    isHeldBack = false;
    const second = roundsOf(feed.next());
    await atRest();
    await latest().write(opened, tasks(1));
    expect(await second).toEqual([1]);
    await clock.advance(10 * FIRST_LINE_MS);
    expect([api.count('taskStream'), api.count('nextTasks')]).toEqual([2, 1]);
  });

  test('one that is held back again and again is not tried for ten minutes', async () => {
    const feed = feedOf({ taskStream: heldBack });
    for (let turn = 0; turn < 3; turn += 1) {
      const list = feed.next();
      await clock.advance(FIRST_LINE_MS + 1000);
      await list;
    }
    expect([api.count('taskStream'), api.count('nextTasks')]).toEqual([3, 3]);
    for (let turn = 0; turn < 100; turn += 1) {
      const list = feed.next();
      await clock.advance(1000);
      await list;
    }
    expect([api.count('taskStream'), api.count('nextTasks')]).toEqual([3, 103]);
    await clock.advance(600_000);
    const list = feed.next();
    await clock.advance(FIRST_LINE_MS + 1000);
    await list;
    expect(api.count('taskStream')).toBe(4);
  });

  test('a coordinator that is away holds nothing back: its stream is waited for', async () => {
    const feed = feedOf({
      taskStream: async (_, { signal, onAttempt }) => {
        onAttempt?.(true);
        onAttempt?.(false);
        await pause(clock, 100 * FIRST_LINE_MS, signal);
        onAttempt?.(true);
        streams.push(new Written(signal as AbortSignal));
        return latest().read();
      },
    });
    const list = roundsOf(feed.next());
    await clock.advance(100 * FIRST_LINE_MS);
    await latest().write(opened, tasks(1));
    expect(await list).toEqual([1]);
    expect([api.count('taskStream'), api.count('nextTasks')]).toEqual([1, 0]);
  });

  test('a node that is busy tries on, and asks once it has time', async () => {
    let isHeldBack = false;
    const feed = feedOf({
      taskStream: (request, options) => {
        streams.push(new Written(options.signal as AbortSignal));
        return isHeldBack ? heldBack(request, options) : latest().read();
      },
    });
    const first = feed.next();
    await atRest();
    await latest().write(opened, tasks());
    await first;
    isHeldBack = true;
    await latest().end();
    await untilStream(3);
    expect(api.count('nextTasks')).toBe(0);
    await clock.advance(3 * FIRST_LINE_MS + SPREAD_MS);
    expect(await roundsOf(feed.next())).toEqual([100]);
  });

  test('one that ends early again and again is given up alike, one that lives is not', async () => {
    const feed = feedOf();
    const first = feed.next();
    await atRest();
    await latest().write(opened, tasks());
    await first;
    for (let turn = 1; turn < 6; turn += 1) {
      await latest().write(heartbeat);
      await latest().end();
      await untilStream(turn + 1);
      await latest().write(opened, tasks());
    }
    await feed.next();
    const next = roundsOf(feed.next());
    for (let turn = 7; turn < 9; turn += 1) {
      await latest().end(new HanseError('coordinatorMisbehaved', { what: 'a line' }));
      await untilStream(turn);
    }
    await latest().end();
    expect(await next).toEqual([100]);
    expect(streams).toHaveLength(8);
  });
});
