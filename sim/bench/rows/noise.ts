/**
 * What noise costs a participant: discrete Gaussian draws from a table, with the randomness that they take.
 *
 * Baseline: that randomness alone, 4 bytes a coordinate, of the platform's CSPRNG in one array of 64 KiB. It is what
 * draws begin with, and cannot be saved.
 */
import { primitives } from '#primitives';
import { discreteGaussianSampler } from '../../../protocol/dp/discrete-gaussian-sampler.ts';
import { cpuMsInTurns, median, type Samples } from '../measure.ts';
import type { RowDefinition } from '../row.ts';

const LENGTH = 1_000_000;
const RUNS = 11;
/** In one repetition: processor time is told in steps of milliseconds. */
const VECTORS = 10;
const BLOCK_BYTES = 65_536;
/** A usual one, and the one with the largest table. */
const SIGMA = 793;
const SIGMA_WORST = 4096;

export const samplerCdt: RowDefinition = {
  name: 'privacy/sampler/cdt',
  unit: 'ns',
  what: 'processor time of a draw of the discrete Gaussian, sigma 793; `worst` of sigma 4096; baseline: its randomness alone',
  asked: [
    { of: 'value', atMost: 150 },
    { of: 'worst', atMost: 150 },
  ],
  async measure() {
    // Milliseconds of a million are nanoseconds of one.
    const { values, baselines } = await millionDraws(SIGMA);
    return { values, baselines, more: { worst: median((await millionDraws(SIGMA_WORST)).values) } };
  },
};

export const noise1M: RowDefinition = {
  name: 'privacy/noise/1M',
  unit: 's',
  what: 'processor time of noise for 10^6 coordinates, sigma 793, the table at hand; `first` makes the table; baseline: its randomness alone',
  asked: [
    { of: 'value', atMost: 0.2 },
    { of: 'first', atMost: 0.2 },
  ],
  async measure() {
    const coordinates = new Int32Array(LENGTH);
    const started = process.cpuUsage();
    // A sigma that no other row has made a table of.
    discreteGaussianSampler(SIGMA + 0.5, primitives.random).addTo(coordinates);
    const { user, system } = process.cpuUsage(started);
    const { values, baselines } = await millionDraws(SIGMA);
    const seconds = (all: readonly number[]) => all.map((ms) => ms / 1000);
    return {
      values: seconds(values),
      baselines: seconds(baselines),
      more: { first: (user + system) / 1e6 },
    };
  },
};

/** Milliseconds of processor time for a million coordinates. */
function millionDraws(sigma: number): Promise<Samples> {
  const sampler = discreteGaussianSampler(sigma, primitives.random);
  const coordinates = new Int32Array(LENGTH);
  const bytes = new Uint8Array(BLOCK_BYTES);
  return cpuMsInTurns(
    async () => {
      for (let i = 0; i < VECTORS; i += 1) sampler.addTo(coordinates);
      return { units: VECTORS };
    },
    async () => {
      for (let drawn = 0; drawn < 4 * LENGTH * VECTORS; drawn += BLOCK_BYTES) primitives.random.fill(bytes);
      return { units: VECTORS };
    },
    RUNS,
  );
}
