import { expect, test } from 'vitest';
import { loadCpuProvider } from '../../client/engine/cpu.ts';
import { EngineTurns } from '../../client/engine-turns.ts';
import { JobCache } from '../../client/job-cache.ts';
import { seededRandom } from '../../protocol/random.ts';
import { jobShelf } from '../fixtures/job-shelf.ts';
import { scriptedCoordinator } from '../fixtures/scripted-coordinator.ts';
import { clouds } from '../fixtures/small-job.ts';

const NEVER = new AbortController().signal;

/** Time stands still but for what runs cost. */
function turnsOf() {
  let at = 0;
  const turns = new EngineTurns({ now: () => at, soon: setImmediate });
  const order: string[] = [];
  let running = 0;
  const run = (key: string, cost: number) =>
    turns.take(key, async () => {
      running += 1;
      expect(running).toBe(1);
      order.push(key);
      await new Promise(setImmediate);
      at += cost;
      running -= 1;
    });
  const job = async (key: string, cost: number, count: number) => {
    for (let i = 0; i < count; i += 1) await run(key, cost);
  };
  return { turns, order, job };
}

test('one runs at a time, and time is shared, not turns', async () => {
  const { turns, order, job } = turnsOf();
  await Promise.all([job('a', 30, 4), job('b', 10, 12)]);
  expect(order.join('')).toMatch(/^a(bbb)a/);
  expect([turns.used('a'), turns.used('b'), turns.used('c')]).toEqual([120, 120, 0]);
  // At every turn neither has had more than a turn of each beyond the other.
  let [a, b] = [0, 0];
  for (const key of order) {
    if (key === 'a') a += 30;
    else b += 10;
    expect(Math.abs(a - b)).toBeLessThanOrEqual(40);
  }
});

test('a run that fails gives its turn on', async () => {
  const { turns, job, order } = turnsOf();
  const failing = turns.take('a', () => Promise.reject(new Error('broken')));
  const [failed] = await Promise.allSettled([failing, job('b', 1, 2)]);
  expect(failed.status).toBe('rejected');
  expect(order.join('')).toBe('bb');
});

test('two trainings side by side give what each gives alone, to the bit', async () => {
  const provider = await loadCpuProvider({ threads: 1 });
  const shelves = await Promise.all([jobShelf({ rounds: 1 }), jobShelf({ rounds: 2 })]);
  const train = async (jobs: JobCache, index: 0 | 1) => {
    const shelf = shelves[index];
    const { trainer } = await jobs.trainer(shelf.trainTask(), scriptedCoordinator(shelf.script), NEVER);
    if (!('train' in trainer)) throw new TypeError('a job without lots');
    const parameters = new Float32Array(shelf.manifest.parameters).fill(0.1 + index);
    const random = seededRandom(new Uint8Array(32).fill(index));
    return trainer.train({ parameters, examples: clouds(12), epochs: 300, learningRate: 0.1, random });
  };
  const alone = new JobCache(provider);
  const expected = [await train(alone, 0), await train(alone, 1)];
  const turns = new EngineTurns({ now: () => performance.now(), soon: setImmediate });
  const shared = new JobCache(provider, turns);
  const got = await Promise.all([train(shared, 0), train(shared, 1)]);
  expect(got.map(({ parameters }) => parameters)).toEqual(expected.map(({ parameters }) => parameters));
  for (const { manifestSha256 } of shelves) expect(turns.used(manifestSha256)).toBeGreaterThan(0);
  await alone.release();
  await shared.release();
});
