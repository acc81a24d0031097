/**
 * A row: one thing that is measured, what it is compared with, and what is asked of it.
 *
 * Rows keep their meaning for good: whoever compares two versions compares the same work. What should be measured
 * otherwise becomes a row of another name.
 */
import { median, type Samples } from './measure.ts';

/** A bound on `value`, on `ratio`, or on one of the further numbers of a row. */
export interface Bound {
  readonly of: string;
  readonly atMost?: number;
  readonly atLeast?: number;
}

export interface RowDefinition {
  /** `<what>/<size>/<where>`; says `wall` where the value is not processor time. */
  readonly name: string;
  readonly unit: string;
  /** What is measured, and against which baseline, for people. */
  readonly what: string;
  readonly asked: readonly Bound[];
  measure(context: RowContext): Promise<Measured>;
}

export interface RowContext {
  /** Says how far it has come, on standard error. */
  progress(line: string): void;
  /** Learning rates to try in place of the documented ones, for rows that train. */
  readonly learningRates?: readonly number[];
  /** Folder for pictures and tables. */
  readonly results: string;
  readonly signal: AbortSignal;
}

export interface Measured extends Samples {
  /** Further numbers of the row, by name. */
  readonly more?: Readonly<Record<string, number>>;
}

/** One line of the output. */
export interface RowResult {
  readonly name: string;
  /** Median of the repetitions. */
  readonly value: number;
  readonly unit: string;
  /** Median of the repetitions of the baseline. */
  readonly baseline: number;
  /** value / baseline. */
  readonly ratio: number;
  readonly min: number;
  readonly max: number;
  readonly runs: number;
  /** The bounds in words: `value <= 0.5; peakMB <= 64`. */
  readonly asked: string;
  readonly met: boolean;
  readonly [more: string]: number | string | boolean;
}

export function resultOf({ name, unit, asked }: RowDefinition, measured: Measured): RowResult {
  const { values, baselines, more = {} } = measured;
  const value = median(values);
  const baseline = median(baselines);
  const numbers: Record<string, number> = { ...more, value, ratio: value / baseline };
  return {
    name,
    value: rounded(value),
    unit,
    baseline: rounded(baseline),
    ratio: rounded(value / baseline),
    ...Object.fromEntries(Object.entries(more).map(([key, number]) => [key, rounded(number)])),
    min: rounded(Math.min(...values)),
    max: rounded(Math.max(...values)),
    runs: values.length,
    asked: asked.map(inWords).join('; '),
    met: asked.every((bound) => holds(bound, numbers[bound.of] ?? Number.NaN)),
  };
}

function holds({ atMost = Infinity, atLeast = -Infinity }: Bound, number: number): boolean {
  return number <= atMost && number >= atLeast;
}

function inWords({ of, atMost, atLeast }: Bound): string {
  const parts = [
    ...(atMost === undefined ? [] : [`${of} <= ${atMost}`]),
    ...(atLeast === undefined ? [] : [`${of} >= ${atLeast}`]),
  ];
  return parts.join(' and ');
}

/** Four significant digits: repetitions differ in the third. */
function rounded(number: number): number {
  return Number(number.toPrecision(4));
}
