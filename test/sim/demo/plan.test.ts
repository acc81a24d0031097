import { expect, test } from 'vitest';
import { initialParameters } from '../../../client/graph/parameters.ts';
import { demoPlan } from '../../../sim/demo/plan.ts';

test('the 2NN, with weights that the seed decides and a minimum that forgives a fifth', async () => {
  const plan = await demoPlan(3, 10, 'a');
  expect(plan.forward.parameters.map(({ shape }) => shape)).toEqual([
    [784, 200],
    [200],
    [200, 200],
    [200],
    [200, 10],
    [10],
  ]);
  expect(plan.cohort).toEqual({ size: 10, minimum: 8 });
  const weights = async (seed: string) => initialParameters((await demoPlan(3, 10, seed)).forward);
  expect(await weights('a')).toEqual(await weights('a'));
  expect(await weights('a')).not.toEqual(await weights('b'));
});

test('one participant is its own minimum', async () => {
  expect((await demoPlan(1, 1, 'a')).cohort).toEqual({ size: 1, minimum: 1 });
});
