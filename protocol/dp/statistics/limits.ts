/**
 * What may be asked of private statistics. Only what the question says is looked at, never the data, so that a refusal tells
 * nothing of them.
 */
import { HanseError } from '../../problem.ts';

/** In steps of the grid, of what one person contributes. */
const SENSITIVITY_MAX = 1e9;
const EPSILON_MIN = 2 ** -16;
const EPSILON_MAX = 50;
/** Beyond it a few persons of every thousand may be given away. */
const DELTA_MAX = 1e-3;
const DELTA_MIN = 1e-15;

/** Throws `statisticRefused` unless 2^-16 <= epsilon <= 50. */
export function checkEpsilon(epsilon: number): void {
  if (!(epsilon >= EPSILON_MIN && epsilon <= EPSILON_MAX))
    throw refused('epsilon', `must lie between ${EPSILON_MIN} and ${EPSILON_MAX}`);
}

/** Throws `statisticRefused` unless 1e-15 <= delta <= 0.001. */
export function checkDelta(delta: number): void {
  if (!(delta >= DELTA_MIN && delta <= DELTA_MAX))
    throw refused('delta', `must lie between ${DELTA_MIN} and ${DELTA_MAX}`);
}

/** @param what `rows` or `keys` of a person. Throws `statisticRefused` unless it is an integer in 1..10000. */
export function checkMost(what: string, most: number): void {
  if (!(Number.isInteger(most) && most >= 1 && most <= 10_000))
    throw refused(`${what} of a person`, 'must be an integer between 1 and 10000');
}

/** Throws `statisticRefused` unless it is an integer in 1..10^9. */
export function checkSensitivity(sensitivity: number): void {
  if (!(Number.isInteger(sensitivity) && sensitivity >= 1 && sensitivity <= SENSITIVITY_MAX))
    throw refused(
      'grid',
      `a person can change ${sensitivity} steps of it, of which there may be 1 to ${SENSITIVITY_MAX}: take another grid, closer bounds or fewer rows`,
    );
}

export function refused(what: string, reason: string): HanseError<'statisticRefused'> {
  return new HanseError('statisticRefused', { what, reason });
}
