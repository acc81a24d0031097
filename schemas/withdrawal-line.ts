/**
 * A line of the journal of withdrawals, beside the identity of a node: SPEC.md 6.7. It has numbers of rows in no line, and of
 * persons nothing at all.
 */
import { type Static, Type } from 'typebox';
import { DataSetChange } from './data-set-change.ts';
import { Timestamp } from './ids.ts';

const closed = { additionalProperties: false } as const;
const { name, oldVersion } = DataSetChange.properties;
const Path = Type.String({ minLength: 1, maxLength: 4096 });

/** The old version is used no more, from this line on. */
export const WithdrawalReplaced = Type.Object(
  {
    type: Type.Literal('replaced'),
    at: Timestamp,
    ...DataSetChange.properties,
    /** The list of the rows that are left; absent: all of the source. */
    rows: Type.Optional(Path),
    /** Of the source without the rows, which takes its place; absent: the source stays as it is. */
    rewritten: Type.Optional(Type.Object({ from: Path, to: Path }, closed)),
  },
  closed,
);
export type WithdrawalReplaced = Static<typeof WithdrawalReplaced>;

/** The coordinator knows. */
const WithdrawalTold = Type.Object({ type: Type.Literal('told'), at: Timestamp, name, oldVersion }, closed);

export const WithdrawalLine = Type.Union([WithdrawalReplaced, WithdrawalTold]);
export type WithdrawalLine = Static<typeof WithdrawalLine>;
