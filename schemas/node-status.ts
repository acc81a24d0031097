/**
 * What a node remembers for its owner beside its identity, and what it tells the owner. Neither leaves the machine.
 */
import { type Static, Type } from 'typebox';

const closed = { additionalProperties: false } as const;
const amount = Type.Number({ minimum: 0 });

/** What a job has taken of this node, since the node first saw it. */
export const JobSpending = Type.Object(
  {
    name: Type.String(),
    /** Of the engine, in training and evaluation. */
    milliseconds: amount,
    steps: amount,
    /** Updates and metrics delivered. */
    rounds: amount,
    bytesUp: amount,
    bytesDown: amount,
  },
  closed,
);
export type JobSpending = Static<typeof JobSpending>;
