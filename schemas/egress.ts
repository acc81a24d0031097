/**
 * What is about to leave a node in a round, or has left it, as its owner sees it. This view of it never leaves the node.
 */
import { type Static, Type } from 'typebox';
import { Attempt, JobId, Round } from './ids.ts';
import { Receipt } from './task.ts';

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
    /** The numbers that are sent are not those of parameters, but those of a rotation; absent: they are. */
    isTurned: Type.Optional(Type.Literal(true)),
    /** A coordinate's step on the grid, in units of the parameters. */
    step: Type.Number({ exclusiveMinimum: 0 }),
    /** What the coordinator can learn of it: plain sums show it every update, masks show it the sum. */
    visibleAs: Type.Union([Type.Literal('update'), Type.Literal('sum')]),
  },
  closed,
);
export type Egress = Static<typeof Egress>;

export const LeftEgress = Type.Object(
  {
    egress: Egress,
    /** When its task ended. */
    at: Type.String(),
    /** What the coordinator said it has; null: it did not, and may have all of it, a part, or nothing. */
    receipt: Type.Union([Receipt, Type.Null()]),
  },
  closed,
);
export type LeftEgress = Static<typeof LeftEgress>;

/** What a running node tells its owner of what it has sent: `hanse inspect`. */
export const EgressReport = Type.Object(
  {
    /** Updates are looked at until then; null: always. */
    watchedUntil: Type.Union([Type.String(), Type.Null()]),
    /** The latest that was looked at; null: none was. */
    last: Type.Union([LeftEgress, Type.Null()]),
    /** Updates delivered since the last, or since the start, while nobody looked. */
    unwatched: Type.Integer({ minimum: 0 }),
  },
  closed,
);
export type EgressReport = Static<typeof EgressReport>;
