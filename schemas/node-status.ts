/**
 * What a node remembers for its owner beside its identity, and what it tells the owner. Neither leaves the machine.
 */
import { type Static, Type } from 'typebox';

const closed = { additionalProperties: false } as const;
const amount = Type.Number({ minimum: 0 });

const SPENDING = {
  name: Type.String(),
  /** Of the engine, in training and evaluation. */
  milliseconds: amount,
  steps: amount,
  /** Updates and metrics delivered. */
  rounds: amount,
  bytesUp: amount,
  bytesDown: amount,
};

/** What a job has taken of this node, since the node first saw it. */
export const JobSpending = Type.Object(SPENDING, closed);
export type JobSpending = Static<typeof JobSpending>;

/** The file beside the identity. A pause holds until it is taken back, also over restarts. */
export const NodeState = Type.Object(
  { version: Type.Literal(1), paused: Type.Boolean(), jobs: Type.Record(Type.String(), JobSpending) },
  closed,
);
export type NodeState = Static<typeof NodeState>;

/** What the owner may ask of a running node: `hanse node`, `hanse inspect`. */
export const ControlRequest = Type.Object(
  {
    command: Type.Union([
      Type.Literal('status'),
      Type.Literal('pause'),
      Type.Literal('resume'),
      Type.Literal('leave'),
      Type.Literal('inspect'),
    ]),
  },
  closed,
);
export type ControlRequest = Static<typeof ControlRequest>;

export const JobOfNode = Type.Object(
  {
    jobId: Type.String(),
    ...SPENDING,
    /** What is under way; null: nothing. */
    doing: Type.Union([Type.Literal('preparing'), Type.Literal('training'), Type.Null()]),
    round: Type.Union([Type.Integer(), Type.Null()]),
    /** Code and particulars of the latest refusal or failure, while nothing has gone well since. */
    problem: Type.Union([Type.String(), Type.Null()]),
  },
  closed,
);
export type JobOfNode = Static<typeof JobOfNode>;

export const NodeStatus = Type.Object(
  {
    nodeId: Type.String(),
    name: Type.String(),
    role: Type.String(),
    server: Type.String(),
    pid: Type.Integer(),
    startedAt: Type.String(),
    /** starting: nobody has answered yet; ready: it waits to be chosen; waiting: its owner wants it to. */
    state: Type.Union([
      Type.Literal('starting'),
      Type.Literal('ready'),
      Type.Literal('working'),
      Type.Literal('waiting'),
      Type.Literal('leaving'),
    ]),
    /** What it waits for, in words. */
    why: Type.String(),
    /** When it goes on, where that is known. */
    until: Type.Union([Type.String(), Type.Null()]),
    since: Type.String(),
    /** Why the latest request had to be repeated, within the last minute. */
    trouble: Type.Union([Type.String(), Type.Null()]),
    /** The one that was active last comes last. */
    jobs: Type.Array(JobOfNode),
  },
  closed,
);
export type NodeStatus = Static<typeof NodeStatus>;
