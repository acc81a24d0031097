// covers: sim/bench/echo-participant.ts, sim/bench/rows/echo-round.ts
import { expect, test } from 'vitest';
import type { CoordinatorApi } from '../../../client/coordinator-api.ts';
import type { PreparedJob } from '../../../client/prepared-job.ts';
import { seededRandom } from '../../../protocol/random.ts';
import type { RoundSummary } from '../../../schemas/job.ts';
import type { TrainTask } from '../../../schemas/task.ts';
import { echoJobs } from '../../../sim/bench/echo-participant.ts';
import { timesBetweenReleases } from '../../../sim/bench/rows/echo-round.ts';

const api = {} as CoordinatorApi;
const task = (manifestSha256: string) => ({ type: 'train', manifestSha256 }) as TrainTask;
const { signal } = new AbortController();

test('an echo gives back the parameters, of a job that is prepared once', async () => {
  const prepared: string[] = [];
  const jobs = echoJobs(async ({ manifestSha256 }) => {
    prepared.push(manifestSha256);
    return { manifestSha256 } as PreparedJob;
  });
  const [first] = [await jobs.trainer(task('a'), api, signal), await jobs.trainer(task('b'), api, signal)];
  const again = await jobs.trainer(task('a'), api, signal);
  expect(prepared).toEqual(['a', 'b']);
  expect(again.job).toBe(first.job);
  const parameters = Float32Array.of(1, 2, 3);
  const examples = { name: '', count: 0, features: new Float32Array(), targets: new Int32Array() };
  const random = seededRandom(new Uint8Array(32));
  const { trainer } = first;
  if (!('train' in trainer)) throw new TypeError('an echo of lots');
  const result = await trainer.train({ parameters, examples, epochs: 1, learningRate: 1, random });
  expect(result.parameters).toEqual(Float32Array.of(1, 2, 3));
  await expect(jobs.evaluator(task('a'), api, signal)).rejects.toMatchObject({ code: 'roleRefused' });
});

test('rounds are timed from release to release, once they are warm', () => {
  const rounds = Array.from({ length: 9 }, (_, i) => ({
    endedAt: new Date(1e12 + (i < 6 ? 1000 * i : 5000 + 10 * (i - 5))).toISOString(),
  })) as RoundSummary[];
  expect(timesBetweenReleases({ rounds })).toEqual([10, 10, 10]);
});
