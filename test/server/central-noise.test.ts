import { describe, expect, test } from 'vitest';
import { primitives } from '#primitives';
import { nodesOf } from '../../protocol/dp/tree-aggregation.ts';
import { seededRandom } from '../../protocol/random.ts';
import { Secret } from '../../protocol/secret.ts';
import type { CentralNoise } from '../../schemas/privacy.ts';
import { addCentralNoise, treeNonce } from '../../server/central-noise.ts';

const SIGMA = 300;
const LENGTH = 20_000;
const source = (key = 1) => ({
  primitives,
  random: seededRandom(new Uint8Array(32).fill(key)),
  noiseKey: new Secret(new Uint8Array(32).fill(key)),
});

/** Of the rounds of a tree. */
const NONCES = ['1', '2', '3', '4', '5', '6', '7', '8'].map((digit) => digit.repeat(32));

/** What a round of a job is given. */
async function noiseOf(
  noise: CentralNoise,
  round: number,
  { jobId = 'job-1', key = 1, nonces = NONCES } = {},
): Promise<Int32Array> {
  const coordinates = new Int32Array(LENGTH);
  await addCentralNoise(coordinates, noise, { jobId, round, nonces }, source(key));
  return coordinates;
}

/** Over its expectation, in units of its standard deviation. */
function excess(noise: Int32Array, variance: number): number {
  const measured = noise.reduce((sum, x) => sum + x * x, 0) / noise.length;
  return (measured / variance - 1) / Math.sqrt(2 / noise.length);
}

/** Of draws around 0: within 1 / sqrt(d) of 0 where they are independent. */
function correlation(a: Int32Array, b: Int32Array): number {
  const product = (x: Int32Array, y: Int32Array) =>
    x.reduce((sum, one, i) => sum + one * (y[i] as number), 0);
  return product(a, b) / Math.sqrt(product(a, a) * product(b, b));
}

describe('noise that is drawn afresh', () => {
  const noise = { type: 'gaussian', sigma: SIGMA } as const;
  const FIRST = { jobId: 'job-1', round: 1, nonces: [] };

  test('has the variance of the manifest, another draw in each round, and is added to what is there', async () => {
    const drawn = source();
    const [first, second] = [new Int32Array(LENGTH).fill(7), new Int32Array(LENGTH)];
    await addCentralNoise(first, noise, FIRST, drawn);
    await addCentralNoise(second, noise, FIRST, drawn);
    expect(second).not.toEqual(first.map((x) => x - 7));
    for (const one of [first.map((x) => x - 7), second])
      expect(Math.abs(excess(one, SIGMA ** 2))).toBeLessThan(5);
    // The control: a tenth too little is seen.
    expect(excess(second, (1.1 * SIGMA) ** 2)).toBeLessThan(-5);
  });

  test('wraps where the sum is at the end of the ring', async () => {
    const coordinates = new Int32Array(LENGTH).fill(2 ** 31 - 1);
    await addCentralNoise(coordinates, noise, FIRST, source());
    expect(coordinates.some((x) => x < 0)).toBe(true);
    const zeros = await noiseOf(noise, 1);
    expect(coordinates.map((x) => (x - (2 ** 31 - 1)) | 0)).toEqual(zeros);
  });
});

describe('noise of a tree', () => {
  const noise = { type: 'gaussianTree', sigma: SIGMA, rounds: 5 } as const;

  test('sums of rounds carry as much as their step has nodes, never as much as all rounds', async () => {
    const sum = new Int32Array(LENGTH);
    for (let round = 1; round <= 8; round += 1) {
      const drawn = await noiseOf({ ...noise, rounds: 8 }, round);
      for (let i = 0; i < LENGTH; i += 1) sum[i] = (sum[i] as number) + (drawn[i] as number);
      const nodes = nodesOf(round).length;
      expect(Math.abs(excess(sum, nodes * SIGMA ** 2))).toBeLessThan(5);
      // The control: noise of its own in each round would be seen.
      if (round > nodes) expect(excess(sum, round * SIGMA ** 2)).toBeLessThan(-5);
    }
  });

  test('the noise of a node that its parent replaces is taken away to the last step', async () => {
    // The second round ends with the node of both; the fourth with that of all four, which nobody has seen alone.
    const rounds = await Promise.all([1, 2, 3, 4].map((round) => noiseOf(noise, round)));
    const [first, second, third, fourth] = rounds as [Int32Array, Int32Array, Int32Array, Int32Array];
    const both = first.map((x, i) => x + (second[i] as number));
    const all = both.map((x, i) => x + (third[i] as number) + (fourth[i] as number));
    for (const [a, b] of [
      [both, first],
      [all, both],
      [all, third],
    ] as const)
      expect(Math.abs(correlation(a, b))).toBeLessThan(5 / Math.sqrt(LENGTH));
    // The control: what a round is given takes away the noise of the one before.
    expect(correlation(first, second)).toBeLessThan(-0.5);
  });

  test('is the same after a new start, and another for another tree, job or key', async () => {
    const round2 = await noiseOf(noise, 2);
    expect(await noiseOf(noise, 2)).toEqual(round2);
    expect(await noiseOf(noise, 7)).not.toEqual(round2);
    expect(await noiseOf(noise, 2, { jobId: 'job-2' })).not.toEqual(round2);
    expect(await noiseOf(noise, 2, { key: 2 })).not.toEqual(round2);
  });

  test('is another for a round that is opened again, but for the nodes that end before it', async () => {
    const [first = '', , ...rest] = NONCES;
    const repeated = [first, treeNonce(seededRandom(new Uint8Array(32))), ...rest];
    expect(repeated[1]).toMatch(/^[0-9a-f]{32}$/);
    // Of rounds 1 and 2 together there is one node, which ends with round 2; the one of round 1 is gone from both.
    const differences = [NONCES, repeated].map(async (nonces) => {
      const [one, two] = [await noiseOf(noise, 1, { nonces }), await noiseOf(noise, 2, { nonces })];
      return { one, both: one.map((x, i) => x + (two[i] as number)) };
    });
    const [before, after] = await Promise.all(differences);
    expect(after?.one).toEqual(before?.one);
    const apart = before?.both.map((x, i) => x - (after?.both[i] as number));
    expect(Math.abs(excess(apart as Int32Array, 2 * SIGMA ** 2))).toBeLessThan(5);
    // Round 3 adds a node of its own, and takes none away.
    expect(await noiseOf(noise, 3, { nonces: repeated })).toEqual(await noiseOf(noise, 3));
  });
});
