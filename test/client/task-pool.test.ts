import { expect, test } from 'vitest';
import { TaskPool, type TaskPoolOptions } from '../../client/task-pool.ts';
import type { TrainTask } from '../../schemas/task.ts';

const task = (job: string, round = 1): TrainTask => ({
  type: 'train',
  jobId: `job-${job}`,
  manifestSha256: job,
  round,
  attempt: 1,
  model: '0'.repeat(64),
  deadline: '2026-01-01T12:00:00.000Z',
});

function poolOf(atOnce: number, options: Partial<TaskPoolOptions> = {}) {
  const begun: string[] = [];
  const ends = new Map<string, (error?: Error) => void>();
  const pool = new TaskPool({
    atOnce,
    attained: () => 0,
    perform: (one) => {
      const name = `${one.manifestSha256}${one.round}`;
      begun.push(name);
      return new Promise((resolve, reject) => {
        ends.set(name, (error) => (error ? reject(error) : resolve()));
      });
    },
    ...options,
  });
  const end = async (name: string, error?: Error) => {
    ends.get(name)?.(error);
    await new Promise(setImmediate);
  };
  return { pool, begun, end };
}

test('tasks of several jobs are under way at once, up to the limit, and one of each job', async () => {
  const { pool, begun, end } = poolOf(2);
  pool.offer([task('a'), task('a', 2), task('b'), task('c')]);
  expect(begun).toEqual(['a1', 'b1']);
  await end('b1');
  expect(begun).toEqual(['a1', 'b1', 'c1']);
  await end('a1');
  expect(begun).toEqual(['a1', 'b1', 'c1', 'a2']);
});

test('the newest list counts: what is gone is not begun, what was done is done once, what comes again is done again', async () => {
  const { pool, begun, end } = poolOf(1);
  pool.offer([task('a'), task('b')]);
  pool.offer([task('a'), task('c')]);
  await end('a1');
  expect(begun).toEqual(['a1', 'c1']);
  await end('c1');
  pool.offer([task('a'), task('c')]);
  expect(begun).toEqual(['a1', 'c1']);
  pool.offer([task('c')]);
  pool.offer([task('a'), task('c')]);
  expect(begun).toEqual(['a1', 'c1', 'a1']);
});

test('a task in whose place there is another of its job is ended; one that is merely gone is not', async () => {
  const signals = new Map<string, AbortSignal>();
  const { pool } = poolOf(2, {
    perform: (one, superseded) => {
      signals.set(`${one.manifestSha256}${one.round}`, superseded);
      return new Promise((resolve) => {
        superseded.addEventListener('abort', () => resolve());
      });
    },
  });
  pool.offer([task('a'), task('b')]);
  pool.offer([task('b')]);
  expect([signals.get('a1')?.aborted, signals.get('b1')?.aborted]).toEqual([false, false]);
  pool.offer([task('a', 2), task('b')]);
  await new Promise(setImmediate);
  expect([signals.get('a1')?.aborted, signals.get('b1')?.aborted]).toEqual([true, false]);
  expect(signals.get('a2')?.aborted).toBe(false);
});

test('the job that has had least comes first', async () => {
  const had: Record<string, number> = { a: 0, b: 5, c: 3, d: 5 };
  const { pool, begun, end } = poolOf(1, { attained: ({ manifestSha256 }) => had[manifestSha256] ?? 0 });
  pool.offer(['a', 'b', 'c', 'd'].map((name) => task(name)));
  for (const name of ['a1', 'c1', 'b1']) await end(name);
  expect(begun).toEqual(['a1', 'c1', 'b1', 'd1']);
});

test('room comes when a task ends and none takes its place; a close waits for what is under way', async () => {
  const { pool, begun, end } = poolOf(1);
  await pool.room();
  pool.offer([task('a'), task('b')]);
  let isThere = false;
  const waiting = pool.room().then(() => {
    isThere = true;
  });
  await end('a1');
  expect([begun, isThere]).toEqual([['a1', 'b1'], false]);
  let isClosed = false;
  const closing = pool.close().then(() => {
    isClosed = true;
  });
  pool.offer([task('b'), task('c')]);
  await new Promise(setImmediate);
  expect(isClosed).toBe(false);
  await end('b1');
  await Promise.all([waiting, closing]);
  expect(begun).toEqual(['a1', 'b1']);
});

test('what ends the life of the node ends the pool, for whoever waits', async () => {
  const { pool, begun, end } = poolOf(2);
  pool.offer([task('a'), task('b'), task('c')]);
  const told = expect(pool.room()).rejects.toThrow('revoked');
  await end('a1', new Error('revoked'));
  await told;
  await expect(pool.failed).rejects.toThrow('revoked');
  await end('b1');
  await pool.close();
  expect(begun).toEqual(['a1', 'b1']);
});
