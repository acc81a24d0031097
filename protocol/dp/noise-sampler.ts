/**
 * The noise that a job names, drawn for whole vectors.
 */
import type { Noise } from '../../schemas/privacy.ts';
import type { RandomSource } from '../random.ts';
import { discreteGaussianSampler } from './discrete-gaussian-sampler.ts';
import { skellamSampler } from './skellam-sampler.ts';
import type { NoiseSampler } from './table-sampler.ts';

/** @throws `noiseTooSmall`, `noiseTableTooLarge` */
export function noiseSampler(noise: Noise, random: RandomSource): NoiseSampler {
  const { type, sigma } = noise;
  return type === 'skellam' ? skellamSampler(sigma * sigma, random) : discreteGaussianSampler(sigma, random);
}
