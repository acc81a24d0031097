/**
 * Integers in which promises are compared with what a policy permits, so that every engine finds the same: epsilon in
 * millionths, as the ledger has it (SPEC.md 12.6), delta in units of 10^-15. SPEC.md section 6.5. Pure.
 */
import type { JobManifest } from '../../schemas/job.ts';
import type { JobBudget } from '../../schemas/node-policy.ts';

const MICRO = 1e6;
const FEMTO = 1e15;

export interface PromiseUnits {
  readonly microEpsilon: number;
  readonly femtoDelta: number;
}

/**
 * Rounded up; undefined for a job that promises nothing. Epsilon is the larger of the two: where the coordinator is trusted
 * nothing is promised against it, and that is the matter of another rule.
 */
export function statedUnits({ privacy }: Pick<JobManifest, 'privacy'>): PromiseUnits | undefined {
  if (!privacy) return undefined;
  const { epsilonModel, epsilonServer = 0, delta } = privacy;
  return {
    microEpsilon: roundedUp(Math.max(epsilonModel, epsilonServer), MICRO),
    femtoDelta: roundedUp(delta, FEMTO),
  };
}

/** Rounded down. */
export function permittedUnits({ epsilon, delta }: JobBudget): PromiseUnits {
  return { microEpsilon: roundedDown(epsilon, MICRO), femtoDelta: roundedDown(delta, FEMTO) };
}

/** The least whole number of units that is not less than the value. */
function roundedUp(value: number, perOne: number): number {
  const nearest = Math.round(value * perOne);
  return nearest / perOne < value ? nearest + 1 : nearest;
}

/** The largest that is not more. */
function roundedDown(value: number, perOne: number): number {
  const nearest = Math.round(value * perOne);
  return nearest / perOne > value ? nearest - 1 : nearest;
}
