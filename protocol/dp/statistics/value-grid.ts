/**
 * Values as integers: steps of a grid between two bounds, all three said by who asks and never found in the data. Clamping
 * and rounding is done row by row, so that no row has a say in what becomes of another.
 */
import { refused } from './limits.ts';

export interface ValueGrid {
  /** Of a step, in units of the values. */
  readonly step: number;
  /** The bounds in steps; the lower is below the upper. */
  readonly low: number;
  readonly high: number;
}

/** Fewer steps than these no grid has by itself. */
const STEPS_WANTED = 1000;
const STEPS_MAX = 2 ** 50;
/** What a bound may be beside the grid, in steps. */
const BESIDE = 1e-6;

/**
 * @param step left out: a power of ten with 1000 to 10000 steps between the bounds, where the bounds lie on it
 * @throws `statisticRefused` for bounds that are not finite, in the wrong order or beside the grid, and for a grid too fine
 */
export function valueGrid(
  lower: number,
  upper: number,
  step = Number(`1e${Math.floor(Math.log10((upper - lower) / STEPS_WANTED))}`),
): ValueGrid {
  if (!(Number.isFinite(lower) && Number.isFinite(upper)))
    throw refused('bounds', 'must be two finite numbers');
  if (!(lower < upper)) throw refused('bounds', 'the lower one must be below the upper one');
  if (!(step > 0 && Number.isFinite(step))) throw refused('grid', 'must be a number above 0');
  const [low, high] = [lower / step, upper / step].map((bound) => Math.round(bound) || 0) as [number, number];
  if (!(Math.max(Math.abs(low), Math.abs(high)) <= STEPS_MAX))
    throw refused('grid', 'has more steps up to the bounds than 2^50: take a coarser one');
  if (Math.abs(lower / step - low) > BESIDE || Math.abs(upper / step - high) > BESIDE)
    throw refused('grid', 'both bounds must be multiples of its step');
  if (!(low < high)) throw refused('grid', 'must have a step between the bounds');
  return { step, low, high };
}

/** That of a question, which may leave the step out. Throws as `valueGrid`. */
export function gridOf({
  lower,
  upper,
  step,
}: {
  readonly lower: number;
  readonly upper: number;
  readonly step?: number;
}): ValueGrid {
  return valueGrid(lower, upper, step);
}

/**
 * @param value what a row has
 * @returns in [low, high]; undefined for NaN, which is no value: such rows are left out
 */
export function stepsOf(value: number, { step, low, high }: ValueGrid): number | undefined {
  if (Number.isNaN(value)) return undefined;
  return Math.min(high, Math.max(low, Math.round(value / step))) || 0;
}

/** A number of steps in units of the values. */
export function valueOfSteps(steps: number, { step }: ValueGrid): number {
  return Number((steps * step).toPrecision(15));
}
