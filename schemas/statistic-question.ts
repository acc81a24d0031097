/**
 * A question to a column of a table under differential privacy. Everything that decides about noise is said here, so that
 * what an answer costs is known before a row is read. Ranges are checked where it is planned.
 */
import { type Static, Type } from 'typebox';
import { PRINTABLE } from './ids.ts';

const closed = { additionalProperties: false } as const;

/** Any that is meant: what is out of range is refused by a code that says more. */
const Figure = Type.Number({ minimum: -1e100, maximum: 1e100 });
const Most = Type.Integer({ minimum: -1e9, maximum: 1e9 });
const budget = { epsilon: Figure } as const;
const Delta = Figure;
const rows = { maxRows: Most } as const;
/** In units of the column; without a step one is chosen from the bounds. */
const grid = { lower: Figure, upper: Figure, step: Type.Optional(Figure) } as const;
/** More than the buckets that any question may have, and the edge after the last. */
const BUCKETS = { maxItems: 70_000 } as const;

export const StatisticQuestion = Type.Union([
  Type.Object({ statistic: Type.Literal('count'), ...budget, ...rows }, closed),
  Type.Object({ statistic: Type.Literal('sum'), ...budget, ...rows, ...grid }, closed),
  Type.Object({ statistic: Type.Literal('mean'), ...budget, ...rows, ...grid }, closed),
  Type.Object({ statistic: Type.Literal('quantile'), ...budget, ...rows, ...grid, quantile: Figure }, closed),
  /** Numbers between edges. */
  Type.Object(
    {
      statistic: Type.Literal('histogram'),
      ...budget,
      delta: Type.Optional(Delta),
      maxBuckets: Most,
      edges: Type.Array(Figure, BUCKETS),
    },
    closed,
  ),
  /** Categories that are known beforehand. */
  Type.Object(
    {
      statistic: Type.Literal('categories'),
      ...budget,
      delta: Type.Optional(Delta),
      maxBuckets: Most,
      names: Type.Array(Type.String({ maxLength: 200, pattern: `^$|${PRINTABLE}` }), BUCKETS),
    },
    closed,
  ),
  /** Categories that nobody knows beforehand. */
  Type.Object(
    {
      statistic: Type.Literal('keys'),
      ...budget,
      delta: Delta,
      maxBuckets: Most,
    },
    closed,
  ),
]);
export type StatisticQuestion = Static<typeof StatisticQuestion>;

/** What is told. Nothing in it is of the data but for what was noised. */
export interface StatisticAnswer {
  /** A number in units of the column, or of rows; for buckets absent. */
  readonly value?: number;
  /** Of a mean: the noised number of rows. */
  readonly count?: number;
  readonly buckets?: readonly { readonly name: string; readonly count: number }[];
  /** Standard deviation of the noise, where it has one: of the value, or of each count. */
  readonly deviation?: number;
  /** Counts below it are not told. */
  readonly threshold?: number;
}
