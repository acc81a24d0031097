import fc from 'fast-check';
import { expect, test } from 'vitest';
import { rdpEpsilon } from '../../../protocol/dp/rdp-accountant.ts';
import { roundedGaussianSampler } from '../../../protocol/dp/rounded-gaussian.ts';
import { nodesOf, TreeNoise, type TreePlan, treeLevels } from '../../../protocol/dp/tree-aggregation.ts';
import { epsilonOfZcdp } from '../../../protocol/dp/zcdp.ts';
import { seededRandom } from '../../../protocol/random.ts';

const SIGMA = 20;

function plan(steps: number, dimension: number, drawn: string[] = []): TreePlan {
  return {
    steps,
    dimension,
    randomOf: ({ level, index }) => {
      drawn.push(`${level}/${index}`);
      const key = new Uint8Array(32).fill(3);
      new DataView(key.buffer).setUint32(0, level);
      new DataView(key.buffer).setUint32(4, index);
      return seededRandom(key);
    },
    noiseFrom: (random) => roundedGaussianSampler(SIGMA, random),
  };
}

test('the nodes of a step are disjoint, without gaps, and as many as its binary digits', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 2 ** 31 }), (step) => {
      const nodes = nodesOf(step);
      let end = 0;
      for (const { level, index } of nodes) {
        expect(index * 2 ** level).toBe(end);
        end = (index + 1) * 2 ** level;
      }
      expect(end).toBe(step);
      expect(nodes).toHaveLength([...step.toString(2)].filter((digit) => digit === '1').length);
    }),
  );
  expect(nodesOf(6)).toEqual([
    { level: 2, index: 0 },
    { level: 1, index: 2 },
  ]);
});

test('a step is in one node of each level, and in no more of those that are ever used than the event charges', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 300 }), (steps) => {
      const uses = new Map<number, Set<string>>();
      for (let t = 1; t <= steps; t += 1)
        for (const { level, index } of nodesOf(t))
          for (let s = index * 2 ** level + 1; s <= (index + 1) * 2 ** level; s += 1)
            uses.set(s, (uses.get(s) ?? new Set()).add(`${level}/${index}`));
      const most = Math.max(...[...uses.values()].map(({ size }) => size));
      expect(most).toBeLessThanOrEqual(treeLevels(steps));
      // Step 1 is in the first node of every level: the charge is not too high either.
      expect(uses.get(1)?.size).toBe(treeLevels(steps));
    }),
    { numRuns: 40 },
  );
});

test('prefix sums carry noise of a variance that is the number of their nodes, and are integers', () => {
  const dimension = 2000;
  const tree = new TreeNoise(plan(8, dimension));
  const total = new Float64Array(dimension);
  for (let t = 1; t <= 8; t += 1) {
    const difference = tree.next();
    for (let i = 0; i < dimension; i += 1) total[i] = (total[i] as number) + (difference[i] as number);
    const { noise } = tree;
    expect(total.every((value, i) => Number.isInteger(value) && value === noise[i])).toBe(true);
    const nodes = nodesOf(t).length;
    expect(tree.held).toBe(nodes);
    const variance = total.reduce((sum, x) => sum + x * x, 0) / dimension;
    // The standard error is sqrt(2 / 2000) = 3.2 %; independent draws at each step would have t in place of the nodes.
    expect(variance / (SIGMA ** 2 + 1 / 12) / nodes).toBeGreaterThan(0.84);
    expect(variance / (SIGMA ** 2 + 1 / 12) / nodes).toBeLessThan(1.16);
  }
});

test('each node is drawn once, and a coordinator that starts anew goes on with the same noise', () => {
  const drawn: string[] = [];
  const whole = new TreeNoise(plan(32, 8, drawn));
  const differences = Array.from({ length: 32 }, () => whole.next());
  expect(new Set(drawn).size).toBe(drawn.length);
  expect(drawn).toHaveLength(32);
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 31 }), (step) => {
      const restarted = new TreeNoise(plan(32, 8), step);
      expect(restarted.step).toBe(step);
      expect(restarted.next()).toEqual(differences[step]);
    }),
    { numRuns: 20 },
  );
  // A control: under another key the noise is another.
  const other = { ...plan(32, 8), randomOf: () => seededRandom(new Uint8Array(32).fill(9)) };
  expect(new TreeNoise(other, 5).next()).not.toEqual(differences[5]);
});

test('a tree ends with its last step', () => {
  const tree = new TreeNoise(plan(3, 1));
  for (let t = 0; t < 3; t += 1) tree.next();
  expect(tree.step).toBe(3);
  expect(() => tree.next()).toThrow(RangeError);
  for (const [steps, step] of [
    [0, 0],
    [1.5, 0],
    [2 ** 32, 0],
    [4, 5],
    [4, -1],
  ] as const)
    expect(() => new TreeNoise(plan(steps, 1), step)).toThrow(RangeError);
});

test('the event of a tree is rho = levels / (2 z^2) of zero-concentrated privacy', () => {
  const [z, delta] = [8, 1e-5];
  for (const steps of [1, 100, 128]) {
    const rho = treeLevels(steps) / (2 * z ** 2);
    const epsilon = rdpEpsilon(
      { type: 'treeAggregation', noiseMultiplier: z, steps },
      'replace-special',
      delta,
    );
    const exact = epsilonOfZcdp(rho, delta);
    // Orders come from a list, so it is a little more, never less.
    expect(epsilon).toBeGreaterThanOrEqual(exact * (1 - 1e-12));
    expect(epsilon).toBeLessThan(exact * 1.01);
  }
});
