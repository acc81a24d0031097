import { expect, test } from 'vitest';
import { authorJob } from '../../../client/author-job.ts';
import { initialParameters } from '../../../client/graph/parameters.ts';
import { demoPlan } from '../../../sim/demo/plan.ts';
import { hashOf } from '../../fixtures/vector-files.ts';

test('the 2NN, with weights that the seed decides and a minimum that forgives a fifth', async () => {
  const plan = await demoPlan({
    rounds: 3,
    participants: 10,
    seed: 'a',
    browser: 0,
    isPlain: false,
    isPrivate: false,
  });
  expect(plan.forward.parameters.map(({ shape }) => shape)).toEqual([
    [784, 200],
    [200],
    [200, 200],
    [200],
    [200, 10],
    [10],
  ]);
  expect(plan.cohort).toEqual({ size: 10, minimum: 8 });
  // By their hash: to compare 200,000 numbers one by one takes a second.
  const weights = async (seed: string) => {
    const { forward } = await demoPlan({
      rounds: 3,
      participants: 10,
      seed,
      browser: 0,
      isPlain: false,
      isPrivate: false,
    });
    return hashOf(new Uint8Array(initialParameters(forward).buffer));
  };
  expect(await weights('a')).toEqual(await weights('a'));
  expect(await weights('a')).not.toEqual(await weights('b'));
});

test('the sums of three and more are secure unless somebody wants to see each update; of fewer each would tell the others', async () => {
  const aggregationOf = async (participants: number, isPlain = false) =>
    (await demoPlan({ rounds: 1, participants, seed: 'a', browser: 0, isPlain, isPrivate: true }))
      .aggregation;
  for (const participants of [3, 10]) {
    expect(await aggregationOf(participants)).toMatchObject({ suite: 1 });
    expect(await aggregationOf(participants, true)).toBe('plain');
  }
  for (const participants of [1, 2]) expect(await aggregationOf(participants)).toBe('plain');
});

test('one participant is its own minimum', async () => {
  expect(
    (await demoPlan({ rounds: 1, participants: 1, seed: 'a', browser: 0, isPlain: false, isPrivate: false }))
      .cohort,
  ).toEqual({
    size: 1,
    minimum: 1,
  });
});

test('a promise of epsilon 2 at most about each image, unless it is told to make none', async () => {
  const plan = (isPrivate: boolean) =>
    demoPlan({ rounds: 60, participants: 10, seed: 'a', browser: 0, isPlain: false, isPrivate });
  const { manifest } = await authorJob(await plan(true), 'fed-0123456789abcdef');
  expect(manifest.privacyUnit).toBe('example');
  expect(manifest.privacy?.delta).toBe(1e-5);
  expect(manifest.privacy?.epsilonServer).toBeLessThanOrEqual(2);
  expect((await plan(false)).privacy).toBeUndefined();
});
