/**
 * A question to a column of a table under differential privacy. Everything that decides about noise is said here, so that
 * what an answer costs is known before a row is read. Ranges are checked where it is planned.
 */
import { type Static, Type } from 'typebox';

const closed = { additionalProperties: false } as const;

const budget = { epsilon: Type.Number() } as const;
const Delta = Type.Number();
const rows = { maxRows: Type.Integer() } as const;
/** In units of the column; without a step one is chosen from the bounds. */
const grid = {
  lower: Type.Number(),
  upper: Type.Number(),
  step: Type.Optional(Type.Number()),
} as const;

export const StatisticQuestion = Type.Union([
  Type.Object({ statistic: Type.Literal('count'), ...budget, ...rows }, closed),
  Type.Object({ statistic: Type.Literal('sum'), ...budget, ...rows, ...grid }, closed),
  Type.Object({ statistic: Type.Literal('mean'), ...budget, ...rows, ...grid }, closed),
  Type.Object(
    { statistic: Type.Literal('quantile'), ...budget, ...rows, ...grid, quantile: Type.Number() },
    closed,
  ),
  /** Numbers between edges. */
  Type.Object(
    {
      statistic: Type.Literal('histogram'),
      ...budget,
      delta: Type.Optional(Delta),
      maxBuckets: Type.Integer(),
      edges: Type.Array(Type.Number()),
    },
    closed,
  ),
  /** Categories that are known beforehand. */
  Type.Object(
    {
      statistic: Type.Literal('categories'),
      ...budget,
      delta: Type.Optional(Delta),
      maxBuckets: Type.Integer(),
      names: Type.Array(Type.String()),
    },
    closed,
  ),
  /** Categories that nobody knows beforehand. */
  Type.Object(
    {
      statistic: Type.Literal('keys'),
      ...budget,
      delta: Delta,
      maxBuckets: Type.Integer(),
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
