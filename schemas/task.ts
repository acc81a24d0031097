/**
 * What the coordinator asks of a node, and what the node answers beside its update. SPEC.md section 8.1.
 */
import { type Static, Type } from 'typebox';
import { Attempt, JobId, Round, Sha256, Timestamp } from './ids.ts';
import { LetterNumber } from './letter.ts';
import { SignedDescriptor } from './secagg.ts';

const closed = { additionalProperties: false } as const;
const context = { jobId: JobId, manifestSha256: Sha256, round: Round, attempt: Attempt } as const;

export const TrainTask = Type.Object(
  {
    type: Type.Literal('train'),
    ...context,
    model: Sha256,
    deadline: Timestamp,
    /** Where aggregation is secure. */
    secure: Type.Optional(SignedDescriptor),
  },
  closed,
);
export type TrainTask = Static<typeof TrainTask>;

export const EvaluateTask = Type.Object(
  { type: Type.Literal('evaluate'), ...context, model: Sha256, deadline: Timestamp },
  closed,
);
export type EvaluateTask = Static<typeof EvaluateTask>;

export const Task = Type.Union([TrainTask, EvaluateTask]);
export type Task = Static<typeof Task>;

/** Empty when nothing came up while the request waited. */
export const Tasks = Type.Object(
  {
    tasks: Type.Array(Task, { maxItems: 1000 }),
    /** Version of the directory: a member that knows another fetches it. */
    directoryVersion: Type.Optional(Type.Integer({ minimum: 1 })),
    /** Number of the newest letter that waits for the organisation of the node; absent where none does. */
    letters: Type.Optional(LetterNumber),
  },
  closed,
);
export type Tasks = Static<typeof Tasks>;

/** The node will not do the task; the code says why and the round does not wait for it. */
export const Decline = Type.Object(
  {
    code: Type.String({ pattern: '^[a-zA-Z]{1,40}$' }),
    /** With `policyRefused`: the name of the rule, `PolicyRule` of `node-policy.ts` or one that is newer. */
    reason: Type.Optional(Type.String({ pattern: '^[a-zA-Z]{1,40}$' })),
  },
  closed,
);
export type Decline = Static<typeof Decline>;

export const Receipt = Type.Object(
  {
    /** SHA-256 of the stored body: it is on disk, and part of the round. */
    sha256: Sha256,
    bytes: Type.Integer({ minimum: 0 }),
  },
  closed,
);
export type Receipt = Static<typeof Receipt>;
