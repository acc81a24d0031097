/**
 * That a data set has a new version, for rows of it were withdrawn: SPEC.md 6.7. It says how many, and never which.
 */
import { type Static, Type } from 'typebox';
import { DataSetVersion } from './ids.ts';
import { DisplayName } from './member.ts';

/** consent: persons have withdrawn theirs. erasure: persons have asked to be deleted. */
export const WithdrawalReason = Type.Union([Type.Literal('consent'), Type.Literal('erasure')]);
export type WithdrawalReason = Static<typeof WithdrawalReason>;

export const DataSetChange = Type.Object(
  {
    /** Of the data set. */
    name: DisplayName,
    oldVersion: DataSetVersion,
    newVersion: DataSetVersion,
    reason: WithdrawalReason,
    /** How many rows. */
    removed: Type.Integer({ minimum: 1, maximum: 0xffff_ffff }),
  },
  { additionalProperties: false },
);
export type DataSetChange = Static<typeof DataSetChange>;
