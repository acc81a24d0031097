/**
 * The records of a privacy ledger: what a data owner allows, and what was promised and drawn of it. Facts, in the
 * order in which they became true; never changed.
 */
import { type Static, Type } from 'typebox';
import { Neighbouring } from './dp-event.ts';
import { Attempt, JobId, OrganisationId, PRINTABLE, Round, Sha256, Timestamp } from './ids.ts';

const closed = { additionalProperties: false } as const;

/** Whose data a budget is about. */
export const BudgetUnit = Type.Union([
  Type.Literal('example'),
  Type.Literal('person'),
  Type.Literal('participant'),
]);
export type BudgetUnit = Static<typeof BudgetUnit>;

/** As the owner calls it; versions of a data set share what was spent, as they share rows. */
export const DataSetName = Type.String({ minLength: 1, maxLength: 400, pattern: PRINTABLE });

/** A job, or a question to the data. */
export const UseId = Type.String({ pattern: '^[a-z]{1,16}-[0-9a-f]{16}$' });
export type UseId = Static<typeof UseId>;

/** Millionths of an epsilon. */
export const MicroEpsilon = Type.Integer({ minimum: 1, maximum: 1_000_000_000_000 });

const at = { at: Timestamp } as const;

/** What the owner allows from now on, in place of what it had allowed before. */
export const BudgetRecord = Type.Object(
  {
    type: Type.Literal('budget'),
    ...at,
    dataSet: DataSetName,
    unit: BudgetUnit,
    neighbouring: Neighbouring,
    microEpsilon: MicroEpsilon,
    delta: Type.Number({ exclusiveMinimum: 0, exclusiveMaximum: 1 }),
    /** In the data set, when this was set. */
    units: Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER }),
    /** By what the owner has said so, in words. */
    setBy: Type.String({ minLength: 1, maxLength: 200, pattern: PRINTABLE }),
  },
  closed,
);
export type BudgetRecord = Static<typeof BudgetRecord>;

/** So much of a budget is kept for a job. */
export const ReserveRecord = Type.Object(
  {
    type: Type.Literal('reserve'),
    ...at,
    useId: UseId,
    /** Of the manifest; null for what has none. */
    manifestSha256: Type.Union([Sha256, Type.Null()]),
    name: Type.String({ minLength: 1, maxLength: 80, pattern: PRINTABLE }),
    purpose: Type.String({ minLength: 1, maxLength: 200, pattern: PRINTABLE }),
    /** Who asks; null where the node was not told. */
    author: Type.Union([OrganisationId, Type.Null()]),
    dataSet: DataSetName,
    unit: BudgetUnit,
    neighbouring: Neighbouring,
    /** One attempt of one round: a tree of events, `dp-event.ts`. */
    event: Type.Unknown(),
    rounds: Round,
  },
  closed,
);
export type ReserveRecord = Static<typeof ReserveRecord>;

/** Rows are read and noise is drawn for this attempt: never taken back. */
export const DrawRecord = Type.Object(
  { type: Type.Literal('draw'), ...at, useId: UseId, round: Round, attempt: Attempt },
  closed,
);
export type DrawRecord = Static<typeof DrawRecord>;

/** The job has ended: what was reserved and not drawn is free again. */
export const SettleRecord = Type.Object({ type: Type.Literal('settle'), ...at, useId: UseId }, closed);
export type SettleRecord = Static<typeof SettleRecord>;

export const LedgerRecord = Type.Union([BudgetRecord, ReserveRecord, DrawRecord, SettleRecord]);
export type LedgerRecord = Static<typeof LedgerRecord>;

/** A line of the file. */
export const LedgerLine = Type.Object(
  {
    /** Counts from 1. */
    number: Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER }),
    /** Hash of the line before; 64 zeros in the first. */
    previous: Sha256,
    record: LedgerRecord,
    /** Of what stands before, with a key that only the node has. */
    mac: Sha256,
  },
  closed,
);
export type LedgerLine = Static<typeof LedgerLine>;

/** Where a ledger ends. */
export const LedgerHead = Type.Object(
  { count: Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER }), hash: Sha256 },
  closed,
);
export type LedgerHead = Static<typeof LedgerHead>;

/** Jobs of which a report tells. */
export const REPORTED_JOBS_MAX = 500;

/** What a node tells its coordinator of its ledger, so that an older copy of it is found out. */
export const LedgerReport = Type.Object(
  {
    head: LedgerHead,
    /** Attempts drawn for each job, those that drew last; up to so many. */
    draws: Type.Array(
      Type.Object({ jobId: JobId, draws: Type.Integer({ minimum: 0, maximum: 1_000_000_000 }) }, closed),
      { maxItems: REPORTED_JOBS_MAX },
    ),
  },
  closed,
);
export type LedgerReport = Static<typeof LedgerReport>;
