/**
 * What the owner of a node permits, and what it may cost. SPEC.md section 6.5. It never leaves the node, but for
 * `memoryMegabytes` (8.2), and nothing that a coordinator sends can widen it.
 */
import { type Static, Type } from 'typebox';
import { OrganisationId, PublicKey, Sha256 } from './ids.ts';

const closed = { additionalProperties: false } as const;

const TimeOfDay = Type.String({ pattern: '^(?:[01][0-9]|2[0-3]):[0-5][0-9]$', description: '22:00' });

export const Weekday = Type.Union([
  Type.Literal('mon'),
  Type.Literal('tue'),
  Type.Literal('wed'),
  Type.Literal('thu'),
  Type.Literal('fri'),
  Type.Literal('sat'),
  Type.Literal('sun'),
]);
export type Weekday = Static<typeof Weekday>;

/** From one time of day to another, past midnight where that is the earlier one; equal times are the whole day. */
export const HoursWindow = Type.Object(
  {
    from: TimeOfDay,
    to: TimeOfDay,
    /** The days on which the window begins; absent: all. */
    weekdays: Type.Optional(Type.Array(Weekday, { minItems: 1, maxItems: 7 })),
  },
  closed,
);
export type HoursWindow = Static<typeof HoursWindow>;

/** Ids or, better, public keys of organisations: an id is only as good as the operator who gave it. */
const Organisations = Type.Array(Type.Union([OrganisationId, PublicKey]), { minItems: 1, maxItems: 1000 });

/** The most that a job may promise away of those whose data it is trained on. */
export const JobBudget = Type.Object(
  {
    /** Counted in millionths. */
    epsilon: Type.Number({ minimum: 1e-6, maximum: 1e6 }),
    /** Counted in units of 10^-15. */
    delta: Type.Number({ minimum: 1e-15, exclusiveMaximum: 1 }),
  },
  closed,
);
export type JobBudget = Static<typeof JobBudget>;

export const NodePolicy = Type.Object(
  {
    /** Purposes to serve, as jobs word them: `*` is any run of characters, `?` one. Absent: all. */
    purposes: Type.Optional(
      Type.Array(Type.String({ minLength: 1, maxLength: 200 }), { minItems: 1, maxItems: 256 }),
    ),
    /** Whose jobs to serve: the organisation of the node that has created the job. Absent: everybody's. */
    organisations: Type.Optional(Organisations),
    /** Whose jobs are not served, and with whose nodes this one is in no cohort. */
    excludedOrganisations: Type.Optional(Organisations),
    /** SHA-256 of forward graphs and of train steps: what may be run on the data. Absent: whatever passes the checks. */
    graphHashes: Type.Optional(Type.Array(Sha256, { minItems: 1, maxItems: 1000 })),
    /** ONNX operators that a forward graph may have, as its file names them. Absent: all that are supported. */
    operators: Type.Optional(
      Type.Array(Type.String({ pattern: '^[A-Z][A-Za-z0-9]{0,63}$', description: 'Gemm' }), {
        minItems: 1,
        maxItems: 256,
      }),
    ),
    /** Takes part also where the coordinator sees each update; absent: only where it sees sums alone. */
    allowPlainAggregation: Type.Optional(Type.Boolean()),
    /** Takes part only in jobs that promise differential privacy to somebody. Absent: in others too. */
    requirePrivacy: Type.Optional(Type.Boolean()),
    /**
     * Takes part also where the coordinator adds the noise of a promise, and so sees sums without it; absent: only where
     * participants add it.
     */
    allowTrustedCoordinator: Type.Optional(Type.Boolean()),
    /** What a job may promise at most; one without a promise has no bound. Absent: what the ledger has room for. */
    budget: Type.Optional(JobBudget),
    /** Updates without which the model of a round is not made: the job must ask for as many. */
    minimumCohort: Type.Optional(Type.Integer({ minimum: 1, maximum: 10_000 })),
    /** Ids or public keys of organisations that this node knows by other ways than the coordinator. */
    knownOrganisations: Type.Optional(Organisations),
    /** So many of them must be in the cohort. */
    minimumKnownOrganisations: Type.Optional(Type.Integer({ minimum: 1, maximum: 1000 })),
    /** When the node asks for work; absent: always. */
    hours: Type.Optional(Type.Array(HoursWindow, { minItems: 1, maxItems: 32 })),
    /** Of the hours, as in the IANA database: Europe/Berlin. Absent: UTC. */
    timeZone: Type.Optional(Type.String({ minLength: 1, maxLength: 64 })),
  },
  closed,
);
export type NodePolicy = Static<typeof NodePolicy>;

const count = (maximum: number) => Type.Optional(Type.Integer({ minimum: 1, maximum }));
const seconds = Type.Optional(Type.Number({ exclusiveMinimum: 0, maximum: 31_536_000 }));

/** The most that one job may cost. Whatever is absent has no limit. */
export const CostLimits = Type.Object(
  {
    /** Rounds that a job may have. */
    roundsPerJob: count(1_000_000),
    /** Examples times passes over them, in one round. */
    examplesPerRound: count(Number.MAX_SAFE_INTEGER),
    /** Measured time of training, in one round and in the whole job. */
    secondsPerRound: seconds,
    secondsPerJob: seconds,
    /** Of an update, and of a model. */
    bytesUpPerRound: count(Number.MAX_SAFE_INTEGER),
    bytesDownPerRound: count(Number.MAX_SAFE_INTEGER),
    /** That a train step is estimated to need, in units of 1,000,000 bytes. */
    memoryMegabytes: count(1_000_000),
  },
  closed,
);
export type CostLimits = Static<typeof CostLimits>;

/** Which rule has refused. The coordinator is told no more than this name. */
export const PolicyRule = Type.Union([
  Type.Literal('purposes'),
  Type.Literal('organisations'),
  Type.Literal('graphHashes'),
  Type.Literal('operators'),
  Type.Literal('allowPlainAggregation'),
  Type.Literal('requirePrivacy'),
  Type.Literal('allowTrustedCoordinator'),
  Type.Literal('budget'),
  Type.Literal('minimumCohort'),
  Type.Literal('minimumKnownOrganisations'),
  Type.Literal('excludedOrganisations'),
  Type.Literal('roundsPerJob'),
  Type.Literal('examplesPerRound'),
  Type.Literal('secondsPerRound'),
  Type.Literal('secondsPerJob'),
  Type.Literal('bytesUpPerRound'),
  Type.Literal('bytesDownPerRound'),
  Type.Literal('memoryMegabytes'),
]);
export type PolicyRule = Static<typeof PolicyRule>;
