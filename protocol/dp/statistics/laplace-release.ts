/**
 * An integer under discrete Laplace noise: its event, known before any row is read, and its release.
 */
import type { Mechanism } from '../../../schemas/dp-event.ts';
import type { RandomSource } from '../../random.ts';
import {
  type Decay,
  decayNumber,
  decayOf,
  discreteLaplaceDeviation,
  discreteLaplaceSampler,
} from '../discrete-laplace-sampler.ts';
import { checkSensitivity } from './limits.ts';

export interface LaplacePlan {
  readonly event: Extract<Mechanism, { type: 'discreteLaplace' }>;
  readonly decay: Decay;
  /** Of the noise, in the integer's units. */
  readonly deviation: number;
}

/** @param sensitivity what one person can change. Throws `statisticRefused` if it is not in 1..10^9. */
export function planLaplace(epsilon: number, sensitivity: number): LaplacePlan {
  checkSensitivity(sensitivity);
  const decay = decayOf(epsilon, sensitivity);
  return {
    event: { type: 'discreteLaplace', a: decayNumber(decay), sensitivity },
    decay,
    deviation: discreteLaplaceDeviation(decay),
  };
}

/** @returns value plus noise, cut to what a number holds exactly, which is seen by nobody who does not look for it */
export function releaseInteger(value: number | bigint, { decay }: LaplacePlan, random: RandomSource): number {
  const noised = BigInt(value) + discreteLaplaceSampler(decay, random)();
  const most = BigInt(Number.MAX_SAFE_INTEGER);
  return Number(noised > most ? most : noised < -most ? -most : noised);
}
