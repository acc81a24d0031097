/**
 * What a participant has spent of the secure rounds of a job. It never leaves the node.
 */
import { type Static, Type } from 'typebox';
import { Attempt, JobId, Round, Sha256 } from './ids.ts';

const closed = { additionalProperties: false } as const;

export const JobAttempts = Type.Object(
  {
    /** The last attempt for which keys were sent. */
    round: Round,
    attempt: Attempt,
    /** Models over which this node has helped to open a sum. */
    opened: Type.Array(Sha256),
    /** What opens the masks of that attempt, until it is known to have arrived. */
    answer: Type.Union([
      Type.Object({ context: Sha256, bytes: Type.String({ pattern: '^[A-Za-z0-9+/=]*$' }) }, closed),
      Type.Null(),
    ]),
  },
  closed,
);
export type JobAttempts = Static<typeof JobAttempts>;

/** The file beside the identity. */
export const SpentAttempts = Type.Object(
  { version: Type.Literal(1), jobs: Type.Record(JobId, JobAttempts, closed) },
  closed,
);
export type SpentAttempts = Static<typeof SpentAttempts>;
