/**
 * The events of a job, in the order in which they became true. SPEC.md section 8.
 *
 * A stream of them is the whole memory of a job: its state is a fold (`protocol/round.ts`). Events are facts and are
 * never changed; a new form of an event gets a new version number.
 */
import { type Static, Type } from 'typebox';
import { Attempt, JobId, NodeId, Round, Sha256, Signature, Timestamp } from './ids.ts';
import { JobManifest, Metrics, RoundClipping } from './job.ts';
import { Advertisement, SecurePhase, SignedDescriptor } from './secagg.ts';

/** Version of the format of all events, those of jobs and those of federations. */
export const EVENT_VERSION = 1;

const closed = { additionalProperties: false } as const;
const attempt = { round: Round, attempt: Attempt } as const;
/** Something that a node has sent is on disk under its hash. */
const stored = { node: NodeId, sha256: Sha256, bytes: Type.Integer({ minimum: 0 }) } as const;

export const JobCreated = Type.Object(
  {
    type: Type.Literal('jobCreated'),
    jobId: JobId,
    manifest: JobManifest,
    manifestSha256: Sha256,
    createdBy: NodeId,
  },
  closed,
);
/** Opens an attempt: these nodes, until this moment. */
const CohortSelected = Type.Object(
  {
    type: Type.Literal('cohortSelected'),
    ...attempt,
    cohort: Type.Array(NodeId),
    /** Of `collecting`. */
    deadline: Timestamp,
    /** Where aggregation is secure: the description under which the attempt runs. */
    secure: Type.Optional(SignedDescriptor),
  },
  closed,
);
/** M1: a node has signed its keys for this attempt. */
const KeysAdvertised = Type.Object(
  { type: Type.Literal('keysAdvertised'), ...attempt, node: NodeId, advertisement: Advertisement },
  closed,
);
/** M3: sealed shares. */
const SharesAccepted = Type.Object({ type: Type.Literal('sharesAccepted'), ...attempt, ...stored }, closed);
/** An update. */
export const UpdateAccepted = Type.Object(
  {
    type: Type.Literal('updateAccepted'),
    ...attempt,
    ...stored,
    /** M5: of the sender, where the update is masked. */
    signature: Type.Optional(Signature),
  },
  closed,
);
/** M7. */
const ConsentGiven = Type.Object(
  { type: Type.Literal('consentGiven'), ...attempt, node: NodeId, signature: Signature },
  closed,
);
/** M9: what a survivor reveals. */
const AnswerAccepted = Type.Object({ type: Type.Literal('answerAccepted'), ...attempt, ...stored }, closed);
/** From the answers of these nodes follows a secret of each whose shares were delivered. */
const SecretsOpened = Type.Object(
  {
    type: Type.Literal('secretsOpened'),
    ...attempt,
    answers: Type.Array(NodeId),
    /** Whose answers contradict those of the others. */
    faulty: Type.Array(NodeId),
  },
  closed,
);
const TaskDeclined = Type.Object(
  { type: Type.Literal('taskDeclined'), ...attempt, node: NodeId, code: Type.String() },
  closed,
);
const DeadlinePassed = Type.Object(
  {
    type: Type.Literal('deadlinePassed'),
    ...attempt,
    phase: Type.Union([...SecurePhase.anyOf, Type.Literal('evaluating')]),
  },
  closed,
);
/** The sum was opened and the strategy applied; both results are stored, none is released. */
const Aggregated = Type.Object(
  {
    type: Type.Literal('aggregated'),
    ...attempt,
    model: Sha256,
    strategyState: Type.Union([Sha256, Type.Null()]),
    updates: Type.Integer({ minimum: 1 }),
    weight: Type.Integer({ minimum: 1 }),
    updateNorm: Type.Number({ minimum: 0 }),
    /** Where clipping is adaptive. */
    clipping: Type.Optional(RoundClipping),
    /** Where aggregation is secure: the record of the round, and the sum that was opened. */
    record: Type.Optional(Sha256),
    sum: Type.Optional(Sha256),
    /** Where the noise is that of a tree: of the nodes that end with this round. SPEC.md 12.11. */
    treeNonce: Type.Optional(Type.String({ pattern: '^[0-9a-f]{32}$' })),
    /** When an evaluation has to be in; null where this round is not evaluated. */
    evaluateBy: Type.Union([Timestamp, Type.Null()]),
  },
  closed,
);
const AggregationFailed = Type.Object(
  { type: Type.Literal('aggregationFailed'), ...attempt, code: Type.String() },
  closed,
);
const Evaluated = Type.Object(
  { type: Type.Literal('evaluated'), ...attempt, node: NodeId, metrics: Metrics },
  closed,
);
/** An evaluator will not measure the model; others may. */
const EvaluationDeclined = Type.Object(
  { type: Type.Literal('evaluationDeclined'), ...attempt, node: NodeId, code: Type.String() },
  closed,
);
/** Every evaluator that is there has declined. */
const EvaluationGivenUp = Type.Object({ type: Type.Literal('evaluationGivenUp'), ...attempt }, closed);
/**
 * Too few witnesses have cosigned the log with the aggregation in it, in the time there is: the model stays unreleased until they
 * have. How many members of the quorum have, and how many are needed.
 */
const ReleaseWithheld = Type.Object(
  {
    type: Type.Literal('releaseWithheld'),
    ...attempt,
    cosigned: Type.Integer({ minimum: 0 }),
    needed: Type.Integer({ minimum: 1 }),
  },
  closed,
);
/** From here on the aggregated model is the model of the job. */
const Released = Type.Object({ type: Type.Literal('released'), ...attempt, model: Sha256 }, closed);
/** A node that could not take part in this job has begun anew, and may be drawn again. */
const NodeReported = Type.Object({ type: Type.Literal('nodeReported'), node: NodeId }, closed);
const JobCancelled = Type.Object({ type: Type.Literal('jobCancelled'), by: NodeId }, closed);

export const JobEvent = Type.Union([
  JobCreated,
  CohortSelected,
  KeysAdvertised,
  SharesAccepted,
  UpdateAccepted,
  ConsentGiven,
  AnswerAccepted,
  SecretsOpened,
  TaskDeclined,
  DeadlinePassed,
  Aggregated,
  AggregationFailed,
  Evaluated,
  EvaluationDeclined,
  EvaluationGivenUp,
  ReleaseWithheld,
  Released,
  NodeReported,
  JobCancelled,
]);
export type JobEvent = Static<typeof JobEvent>;
export type JobCreated = Static<typeof JobCreated>;
export type UpdateAccepted = Static<typeof UpdateAccepted>;
