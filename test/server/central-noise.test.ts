import { describe, expect, test } from 'vitest';
import { primitives } from '#primitives';
import { seededRandom } from '../../protocol/random.ts';
import { Secret } from '../../protocol/secret.ts';
import type { CentralNoise } from '../../schemas/privacy.ts';
import { addCentralNoise } from '../../server/central-noise.ts';

const SIGMA = 300;
const LENGTH = 20_000;
const source = (key = 1) => ({
  primitives,
  random: seededRandom(new Uint8Array(32).fill(key)),
  noiseKey: new Secret(new Uint8Array(32).fill(key)),
});

/** What a round of a job is given. */
async function noiseOf(noise: CentralNoise, round: number, jobId = 'job-1', key = 1): Promise<Int32Array> {
  const coordinates = new Int32Array(LENGTH);
  await addCentralNoise(coordinates, noise, { jobId, round }, source(key));
  return coordinates;
}

/** Over its expectation, in units of its standard deviation. */
function excess(noise: Int32Array, variance: number): number {
  const measured = noise.reduce((sum, x) => sum + x * x, 0) / noise.length;
  return (measured / variance - 1) / Math.sqrt(2 / noise.length);
}

describe('noise that is drawn afresh', () => {
  const noise = { type: 'gaussian', sigma: SIGMA } as const;

  test('has the variance of the manifest, another draw in each round, and is added to what is there', async () => {
    const drawn = source();
    const [first, second] = [new Int32Array(LENGTH).fill(7), new Int32Array(LENGTH)];
    await addCentralNoise(first, noise, { jobId: 'job-1', round: 1 }, drawn);
    await addCentralNoise(second, noise, { jobId: 'job-1', round: 1 }, drawn);
    expect(second).not.toEqual(first.map((x) => x - 7));
    for (const one of [first.map((x) => x - 7), second])
      expect(Math.abs(excess(one, SIGMA ** 2))).toBeLessThan(5);
    // The control: a tenth too little is seen.
    expect(excess(second, (1.1 * SIGMA) ** 2)).toBeLessThan(-5);
  });

  test('wraps where the sum is at the end of the ring', async () => {
    const coordinates = new Int32Array(LENGTH).fill(2 ** 31 - 1);
    await addCentralNoise(coordinates, noise, { jobId: 'job-1', round: 1 }, source());
    expect(coordinates.some((x) => x < 0)).toBe(true);
    const zeros = await noiseOf(noise, 1);
    expect(coordinates.map((x) => (x - (2 ** 31 - 1)) | 0)).toEqual(zeros);
  });
});

describe('noise of a tree', () => {
  const noise = { type: 'gaussianTree', sigma: SIGMA, rounds: 5 } as const;

  test('sums of rounds carry as much as their step has nodes, never as much as all rounds', async () => {
    const sum = new Int32Array(LENGTH);
    for (const [round, nodes] of [
      [1, 1],
      [2, 1],
      [3, 2],
      [4, 1],
      [5, 2],
    ] as const) {
      const drawn = await noiseOf(noise, round);
      for (let i = 0; i < LENGTH; i += 1) sum[i] = (sum[i] as number) + (drawn[i] as number);
      expect(Math.abs(excess(sum, nodes * SIGMA ** 2))).toBeLessThan(5);
    }
  });

  test('is the same after a new start, and another for another tree, job or key', async () => {
    const round2 = await noiseOf(noise, 2);
    expect(await noiseOf(noise, 2)).toEqual(round2);
    expect(await noiseOf(noise, 7)).not.toEqual(round2);
    expect(await noiseOf(noise, 2, 'job-2')).not.toEqual(round2);
    expect(await noiseOf(noise, 2, 'job-1', 2)).not.toEqual(round2);
  });
});
