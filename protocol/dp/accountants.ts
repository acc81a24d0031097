/**
 * The accountants, by name, and the noise that one of them finds sufficient.
 */
import type { DpEvent, Neighbouring } from '../../schemas/dp-event.ts';
import { HanseError } from '../problem.ts';
import { leastEnough } from './bisection.ts';
import { pldEpsilon } from './pld-accountant.ts';
import { rdpEpsilon } from './rdp-accountant.ts';

/** Epsilon at delta, in (0, 1), under a neighbouring relation. Throws `eventUnsupported` for what it cannot judge. */
export type Accountant = (event: DpEvent, neighbouring: Neighbouring, delta: number) => number;

export type AccountantName = 'rdp' | 'pld';

/** By the name. */
export const ACCOUNTANTS: Readonly<Record<AccountantName, Accountant>> = {
  rdp: rdpEpsilon,
  pld: pldEpsilon,
};

export interface Calibrated {
  readonly noiseMultiplier: number;
  /** Of this noise: never above the target. */
  readonly epsilon: number;
}

const TOLERANCE = 1e-7;

/**
 * The least noise whose epsilon is within the target, rounded up to a relative 1e-7.
 * @param eventOf the event with that noise; its epsilon falls as the noise grows
 * @throws `budgetUnreachable` if even noise 2^29 is not sufficient
 */
export function calibrateNoise(
  accountant: Accountant,
  eventOf: (noiseMultiplier: number) => DpEvent,
  neighbouring: Neighbouring,
  targetEpsilon: number,
  delta: number,
): Calibrated {
  const epsilonAt = (noise: number) => accountant(eventOf(noise), neighbouring, delta);
  // Where even much noise is not sufficient the search would try the accountant in vain.
  if (!(epsilonAt(2 ** 29) <= targetEpsilon))
    throw new HanseError('budgetUnreachable', { targetEpsilon, delta });
  const noiseMultiplier = leastEnough((noise) => epsilonAt(noise) <= targetEpsilon, 1, TOLERANCE);
  return { noiseMultiplier, epsilon: epsilonAt(noiseMultiplier) };
}
