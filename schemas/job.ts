/**
 * The job manifest: everything that defines a federated training, or a statistic over several owners, as data. SPEC.md
 * section 6.
 *
 * A manifest is immutable and known by the SHA-256 of its JCS form (RFC 8785). It names content by hash; a participant
 * that agrees to a manifest agrees to exactly these bytes.
 */
import { type Static, Type } from 'typebox';
import { Codec } from './codec.ts';
import { Attempt, FederationId, JobId, NodeId, PRINTABLE, Round, Sha256, Timestamp } from './ids.ts';
import { PrivacyPromise } from './privacy.ts';
import { SecureAggregation, SuiteId } from './secagg.ts';
import { StatisticQuestion } from './statistic-question.ts';
import { Strategy } from './strategy.ts';
import { LocalTraining } from './training.ts';

const closed = { additionalProperties: false } as const;

/** Whose data the privacy promise of a job is about. `none`: the job makes none. */
export const PrivacyUnit = Type.Union([
  Type.Literal('none'),
  Type.Literal('example'),
  Type.Literal('person'),
  Type.Literal('participant'),
]);
export type PrivacyUnit = Static<typeof PrivacyUnit>;

/** Patterns over names of tensors: `*` any run of characters, `?` one. */
const NamePatterns = Type.Array(Type.String({ minLength: 1, maxLength: 200, pattern: PRINTABLE }), {
  minItems: 1,
  maxItems: 64,
});

const GRAPH_CHOICES = {
  /** Initialisers that are not trained. */
  freeze: Type.Optional(NamePatterns),
  /** Initialisers and Constant nodes that are, whether or not they are frozen. */
  train: Type.Optional(NamePatterns),
  /** The shape of one example, where the model leaves it open. */
  inputShape: Type.Optional(
    Type.Array(Type.Integer({ minimum: 1, maximum: 1_000_000_000 }), { minItems: 1, maxItems: 8 }),
  ),
};

/** How a forward graph is to be read. SPEC.md section 6.1. */
export const GraphChoices = Type.Object(GRAPH_CHOICES, closed);
export type GraphChoices = Static<typeof GraphChoices>;

/**
 * `secure`: the coordinator sees sums alone. `plain`: it sees each update; shown as such wherever the job is listed, and
 * refused by nodes whose owners have not permitted it.
 */
export const Aggregation = Type.Union([Type.Literal('secure'), Type.Literal('plain')]);
export type Aggregation = Static<typeof Aggregation>;

/** What every manifest has. */
const COMMON = {
  manifestVersion: Type.Literal(1),
  federationId: FederationId,
  name: Type.String({ minLength: 1, maxLength: 80, pattern: PRINTABLE }),
  purpose: Type.String({ minLength: 1, maxLength: 200, pattern: PRINTABLE }),
  privacyUnit: PrivacyUnit,
  /** The promise; absent where the unit is `none`. */
  privacy: Type.Optional(PrivacyPromise),
  aggregation: Aggregation,
  /** How, where aggregation is `secure`; absent where it is `plain`. */
  secureAggregation: Type.Optional(SecureAggregation),
  /** The parameters before round 1, a float32 vector. */
  initialModel: Sha256,
  /** Number of parameters, d. */
  parameters: Type.Integer({ minimum: 1, maximum: 500_000_000 }),
  /** `examples`: an update counts in proportion to the number of its examples; `uniform`: all alike. */
  weighting: Type.Union([Type.Literal('examples'), Type.Literal('uniform')]),
  codec: Codec,
  strategy: Strategy,
  rounds: Round,
  cohort: Type.Object(
    {
      /** Updates in a round, at most: it does not wait for more. */
      size: Type.Integer({ minimum: 1, maximum: 10_000 }),
      /** Participants chosen beyond `size`, so that a round need not wait for the slowest; absent: none. */
      extra: Type.Optional(Type.Integer({ minimum: 0, maximum: 10_000 })),
      /** Updates without which a round is not aggregated; never lowered. */
      minimum: Type.Integer({ minimum: 1, maximum: 10_000 }),
    },
    closed,
  ),
  deadlines: Type.Object(
    {
      /** From the announcement of a round to its last acceptable update. */
      collectSeconds: Type.Number({ exclusiveMinimum: 0, maximum: 604_800 }),
      /** From aggregation to release without an evaluation. */
      evaluateSeconds: Type.Number({ exclusiveMinimum: 0, maximum: 604_800 }),
    },
    closed,
  ),
  /** Attempts at one round before the job fails. */
  maxAttempts: Attempt,
  /** Evaluate after every so many rounds, and after the last; 0: never. */
  evaluateEvery: Type.Integer({ minimum: 0, maximum: 1_000_000 }),
  /** Part of an experiment that is to be repeated: cohorts are then drawn from it. Absent in production. */
  seed: Type.Optional(Type.String({ minLength: 1, maxLength: 80, pattern: PRINTABLE })),
};

/** A federated training. */
export const TrainingManifest = Type.Object(
  {
    ...COMMON,
    graph: Type.Object(
      {
        /** The forward graph, an ONNX file. */
        forward: Sha256,
        /** The train step that every participant must arrive at when it compiles the forward graph itself. */
        trainStep: Sha256,
        ...GRAPH_CHOICES,
      },
      closed,
    ),
    training: LocalTraining,
  },
  closed,
);
export type TrainingManifest = Static<typeof TrainingManifest>;

/**
 * A statistic over the tables of several owners, of which nobody sees more than the sum: one secure round, whose updates are
 * integers that each owner has counted, with its share of noise. SPEC.md 12.7.
 */
export const StatisticManifest = Type.Object(
  {
    ...COMMON,
    kind: Type.Literal('statistic'),
    statistic: Type.Object(
      {
        question: StatisticQuestion,
        /** Of the tables, as their owners have declared it. */
        column: Type.String({ minLength: 1, maxLength: 200, pattern: PRINTABLE }),
      },
      closed,
    ),
  },
  closed,
);
export type StatisticManifest = Static<typeof StatisticManifest>;

export const JobManifest = Type.Union([TrainingManifest, StatisticManifest]);
export type JobManifest = Static<typeof JobManifest>;

/** Whether a job asks a question, and trains nothing. */
export function isStatistic(manifest: JobManifest): manifest is StatisticManifest {
  return 'kind' in manifest;
}

export const JobPhase = Type.Union([
  Type.Literal('recruiting'),
  Type.Literal('advertising'),
  Type.Literal('sharing'),
  Type.Literal('collecting'),
  Type.Literal('consenting'),
  Type.Literal('unmasking'),
  Type.Literal('aggregating'),
  Type.Literal('evaluating'),
  Type.Literal('releasing'),
  Type.Literal('finished'),
  Type.Literal('failed'),
  Type.Literal('cancelled'),
]);
export type JobPhase = Static<typeof JobPhase>;

/** Result of an evaluator on its hold-out set. */
export const Metrics = Type.Object(
  {
    loss: Type.Number(),
    /** Fraction of examples classified correctly; null where the loss has no classes. */
    accuracy: Type.Union([Type.Number({ minimum: 0, maximum: 1 }), Type.Null()]),
    examples: Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER }),
  },
  closed,
);
export type Metrics = Static<typeof Metrics>;

/** How a secure attempt went. */
export const SecureSummary = Type.Object(
  {
    suite: SuiteId,
    threshold: Type.Integer({ minimum: 2 }),
    /** U1, U2 and U3: participants whose keys, shares and updates came in time. */
    roster: Type.Integer({ minimum: 0 }),
    delivered: Type.Integer({ minimum: 0 }),
    survivors: Type.Integer({ minimum: 0 }),
    consents: Type.Integer({ minimum: 0 }),
    answers: Type.Integer({ minimum: 0 }),
    /** Bytes of shares and of answers; those of updates are `bytesUp`. */
    shareBytes: Type.Integer({ minimum: 0 }),
    answerBytes: Type.Integer({ minimum: 0 }),
    /** When each phase that was reached began. */
    phases: Type.Array(Type.Object({ phase: JobPhase, at: Timestamp }, closed)),
    /** Nodes whose answers contradicted those of the others. */
    faulty: Type.Array(NodeId),
    /** The signed record, and the sum that was opened, where there is one. */
    record: Type.Union([Sha256, Type.Null()]),
    sum: Type.Union([Sha256, Type.Null()]),
  },
  closed,
);
export type SecureSummary = Static<typeof SecureSummary>;

/** What a round whose clipping is adaptive has told of the lengths of its updates. SPEC.md 12.10. */
export const RoundClipping = Type.Object(
  {
    /** C of the round, in units of the parameters. */
    clipNorm: Type.Number({ exclusiveMinimum: 0 }),
    /** b: the share of updates that are no longer. It has noise, and may lie outside of 0..1. */
    fraction: Type.Number(),
  },
  closed,
);
export type RoundClipping = Static<typeof RoundClipping>;

/** One finished attempt, as anybody who may see the job may see it. */
export const RoundSummary = Type.Object(
  {
    round: Round,
    attempt: Attempt,
    outcome: Type.Union([Type.Literal('released'), Type.Literal('aborted')]),
    /** The problem code, where the attempt was aborted. */
    reason: Type.Union([Type.String(), Type.Null()]),
    cohort: Type.Integer({ minimum: 0 }),
    updates: Type.Integer({ minimum: 0 }),
    /** Refusals by problem code. */
    declined: Type.Record(Type.String(), Type.Integer({ minimum: 1 })),
    /** Number of examples behind the model, or of updates where weights are uniform. */
    weight: Type.Integer({ minimum: 0 }),
    /** L2 norm of the change of the model before the strategy. */
    updateNorm: Type.Union([Type.Number(), Type.Null()]),
    /** Where clipping is adaptive and the round was released. */
    clipping: Type.Optional(RoundClipping),
    bytesUp: Type.Integer({ minimum: 0 }),
    metrics: Type.Union([Metrics, Type.Null()]),
    /** Where aggregation is secure. */
    secure: Type.Optional(SecureSummary),
    /** Evaluators that would not measure the model, by problem code; absent: none. */
    unmeasured: Type.Optional(Type.Record(Type.String(), Type.Integer({ minimum: 1 }))),
    model: Type.Union([Sha256, Type.Null()]),
    openedAt: Timestamp,
    endedAt: Timestamp,
  },
  closed,
);
export type RoundSummary = Static<typeof RoundSummary>;

export const JobStatus = Type.Object(
  {
    jobId: JobId,
    manifestSha256: Sha256,
    manifest: JobManifest,
    phase: JobPhase,
    round: Round,
    attempt: Attempt,
    /** The released model, or the initial one. */
    model: Sha256,
    /** Why the job failed, a problem code. */
    reason: Type.Union([Type.String(), Type.Null()]),
    cohort: Type.Array(NodeId),
    received: Type.Integer({ minimum: 0 }),
    /** Length of the stream of events behind this status: pass it as `after` to wait for a change. */
    sequence: Type.Integer({ minimum: 0 }),
    bytesUp: Type.Integer({ minimum: 0 }),
    bytesDown: Type.Integer({ minimum: 0 }),
    /** What a job waits for that recruits, or whose release waits for witnesses; in words. */
    waitingFor: Type.Union([Type.String(), Type.Null()]),
    /** Why what was aggregated is not released; absent: nothing holds it up. */
    withheld: Type.Optional(Type.Literal('aggregatedUnreleased')),
    /** Who has created it; absent: the coordinator does not tell yet. */
    createdBy: Type.Optional(NodeId),
    /** Nodes that are not drawn for this job until they report anew, by the code with which they declined; absent: none. */
    unsuited: Type.Optional(Type.Record(Type.String(), Type.Integer({ minimum: 1 }))),
    createdAt: Timestamp,
    rounds: Type.Array(RoundSummary),
  },
  closed,
);
export type JobStatus = Static<typeof JobStatus>;

/** A line of the list of jobs. */
export const JobLine = Type.Object(
  {
    jobId: JobId,
    name: Type.String(),
    phase: JobPhase,
    round: Round,
    rounds: Round,
    aggregation: Aggregation,
    privacyUnit: PrivacyUnit,
    accuracy: Type.Union([Type.Number(), Type.Null()]),
    createdAt: Timestamp,
  },
  closed,
);
export type JobLine = Static<typeof JobLine>;
