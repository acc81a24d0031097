/**
 * The noise that a job names, drawn for whole vectors.
 */
import type { Noise } from '../../schemas/privacy.ts';
import type { RandomSource } from '../random.ts';
import { discreteGaussianSampler } from './discrete-gaussian-sampler.ts';

export interface NoiseSampler {
  /** Adds an independent draw to each number, modulo 2^32. */
  addTo(values: Int32Array): void;
}

export function noiseSampler(noise: Noise, random: RandomSource): NoiseSampler {
  return discreteGaussianSampler(noise.sigma, random);
}
