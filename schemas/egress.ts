/**
 * What is about to leave a node in a round, as its owner sees it before it does. It never leaves the node.
 */
import { type Static, Type } from 'typebox';
import { Attempt, JobId, Round } from './ids.ts';

const closed = { additionalProperties: false } as const;

/** Counts of `counts.length` equal bins from `least` to `greatest`; the last takes `greatest` too. */
export const Histogram = Type.Object(
  {
    least: Type.Number(),
    greatest: Type.Number(),
    counts: Type.Array(Type.Integer({ minimum: 0 }), { maxItems: 1024 }),
  },
  closed,
);
export type Histogram = Static<typeof Histogram>;

export const Egress = Type.Object(
  {
    jobId: JobId,
    jobName: Type.String(),
    round: Round,
    attempt: Attempt,
    /** Of the message, with its header. */
    bytes: Type.Integer({ minimum: 0 }),
    /** L2 norm of the differences as trained. */
    norm: Type.Number({ minimum: 0 }),
    clipNorm: Type.Number({ minimum: 0 }),
    isClipped: Type.Boolean(),
    parameters: Type.Integer({ minimum: 1 }),
    /** Of the differences as trained; after clipping; as they are sent, read back from the message. */
    before: Histogram,
    clipped: Histogram,
    quantised: Histogram,
    /** A coordinate's step on the grid, in units of the parameters. */
    step: Type.Number({ exclusiveMinimum: 0 }),
    /** What the coordinator can learn of it: plain sums show it every update, masks show it the sum. */
    visibleAs: Type.Union([Type.Literal('update'), Type.Literal('sum')]),
  },
  closed,
);
export type Egress = Static<typeof Egress>;
