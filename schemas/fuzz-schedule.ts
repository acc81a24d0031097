/**
 * One run of the fuzzer as data: a small federation and the faults that befall it. What a seed draws, what is shrunk,
 * and what a file for `hanse sim fuzz --replay` holds.
 *
 * Each fault names its own moment - the n-th message of a node, the n-th append, a time - so that one can be taken out
 * and the others stay what they are.
 */
import { type Static, Type } from 'typebox';
import { SuiteId } from './secagg.ts';

const closed = { additionalProperties: false } as const;
/** Counts from 0. */
const Index = Type.Integer({ minimum: 0, maximum: 1_000_000 });
const Milliseconds = Type.Integer({ minimum: 0, maximum: 86_400_000 });
/** `coordinator`, `operator`, or the number of a node: participants first, then the evaluator. */
const Machine = Type.Union([Type.Literal('coordinator'), Type.Literal('operator'), Index]);

/** Routes whose messages can be named as such. */
const NamedRoute = Type.Union([
  Type.Literal('putUpdate'),
  Type.Literal('openUpload'),
  Type.Literal('putChunk'),
  Type.Literal('completeUpload'),
  Type.Literal('revokeMember'),
  Type.Literal('succeedKey'),
  Type.Literal('taskStream'),
  Type.Literal('advertiseKeys'),
  Type.Literal('getRoster'),
  Type.Literal('putShares'),
  Type.Literal('getDelivery'),
  Type.Literal('putMaskedUpdate'),
  Type.Literal('getSurvivors'),
  Type.Literal('putConsent'),
  Type.Literal('getCertificate'),
  Type.Literal('putAnswer'),
]);

/** To the n-th message that a machine sends, over all its lives; to the n-th of a route, if it names one. */
export const MessageFault = Type.Object(
  {
    kind: Type.Literal('message'),
    from: Machine,
    message: Index,
    /** Only messages of this route are counted. */
    route: Type.Optional(NamedRoute),
    what: Type.Union([
      Type.Literal('request lost'),
      Type.Literal('answer lost'),
      Type.Literal('request cut'),
      Type.Literal('request late'),
      Type.Literal('answer late'),
      Type.Literal('request twice'),
      /** Of an answer that does not end; to others nothing happens. */
      Type.Literal('stream broken'),
      /** The node is killed with the request not sent. */
      Type.Literal('killed before'),
      /** The node is killed with the request on its way. */
      Type.Literal('killed after'),
    ]),
    /** How late; of what comes twice or breaks, how long after the first or the beginning; of who is killed, how long away. */
    byMs: Milliseconds,
  },
  closed,
);
export type MessageFault = Static<typeof MessageFault>;

/** To the n-th operation of its kind on the disk of the coordinator, over all its lives. */
export const DiskFault = Type.Object(
  {
    kind: Type.Literal('disk'),
    operation: Type.Union([
      Type.Literal('append'),
      Type.Literal('put'),
      Type.Literal('add chunk'),
      Type.Literal('read events'),
      Type.Literal('read content'),
    ]),
    at: Index,
    what: Type.Union([
      /** Fails, and nothing was written. */
      Type.Literal('fails'),
      /** Fails, though all was written. */
      Type.Literal('fails late'),
      /** The process is killed with nothing written. */
      Type.Literal('killed before'),
      /** The process is killed with all written, before anybody hears of it. */
      Type.Literal('killed after'),
    ]),
    /** How long a killed process is away. */
    downMs: Milliseconds,
  },
  closed,
);
export type DiskFault = Static<typeof DiskFault>;

/** To the n-th time that a node writes down what it has spent of secure rounds, over all its lives; as of the disk. */
export const JournalFault = Type.Object(
  {
    kind: Type.Literal('journal'),
    of: Index,
    at: Index,
    what: Type.Union([
      Type.Literal('fails'),
      Type.Literal('fails late'),
      Type.Literal('killed before'),
      Type.Literal('killed after'),
    ]),
    /** How long a killed node is away. */
    downMs: Milliseconds,
  },
  closed,
);
export type JournalFault = Static<typeof JournalFault>;

/** At a time since the start: the process is killed, or stands still for a while. */
export const ProcessFault = Type.Object(
  {
    kind: Type.Literal('process'),
    of: Machine,
    what: Type.Union([Type.Literal('killed'), Type.Literal('frozen')]),
    atMs: Milliseconds,
    forMs: Milliseconds,
  },
  closed,
);
export type ProcessFault = Static<typeof ProcessFault>;

/** At a time since the start the clock of a machine is set forward or back, for good. */
export const ClockFault = Type.Object(
  {
    kind: Type.Literal('clock'),
    of: Machine,
    atMs: Milliseconds,
    byMs: Type.Integer({ minimum: -86_400_000, maximum: 86_400_000 }),
  },
  closed,
);
export type ClockFault = Static<typeof ClockFault>;

/** What a node is asked for in this round comes to nothing, in its n-th process. */
export const TrainingFault = Type.Object(
  {
    kind: Type.Literal('training'),
    of: Index,
    round: Type.Integer({ minimum: 1 }),
    life: Type.Integer({ minimum: 1 }),
    /** Nothing that another attempt would change: data that do not fit. */
    lasts: Type.Optional(Type.Boolean()),
  },
  closed,
);
export type TrainingFault = Static<typeof TrainingFault>;

/** At a time since the start the operator revokes a node, or the node takes another key. */
export const MembershipFault = Type.Object(
  {
    kind: Type.Literal('membership'),
    of: Index,
    what: Type.Union([Type.Literal('revoked'), Type.Literal('key changed')]),
    atMs: Milliseconds,
    /** How long the old key goes on being accepted. */
    overlapSeconds: Type.Integer({ minimum: 0, maximum: 86_400 }),
  },
  closed,
);
export type MembershipFault = Static<typeof MembershipFault>;

export const FuzzFault = Type.Union([
  MessageFault,
  DiskFault,
  JournalFault,
  ProcessFault,
  ClockFault,
  TrainingFault,
  MembershipFault,
]);
export type FuzzFault = Static<typeof FuzzFault>;

export const FuzzSchedule = Type.Object(
  {
    /** Decides what is no fault: latencies, durations, updates. */
    seed: Type.Integer({ minimum: 0, maximum: 4_294_967_295 }),
    participants: Type.Integer({ minimum: 1, maximum: 64 }),
    hasEvaluator: Type.Boolean(),
    rounds: Type.Integer({ minimum: 1, maximum: 100 }),
    cohort: Type.Object(
      { size: Type.Integer({ minimum: 1 }), minimum: Type.Integer({ minimum: 1 }) },
      closed,
    ),
    /** Where the job sums masked updates; absent: plain ones. */
    secure: Type.Optional(
      Type.Object(
        {
          suite: SuiteId,
          /** Participants chosen beyond the size of the cohort. */
          extra: Type.Integer({ minimum: 0, maximum: 64 }),
          answerSeconds: Type.Integer({ minimum: 1, maximum: 3600 }),
          /** What keys, seals and masks are made with: symbols, for speed, or the real ones. */
          primitives: Type.Union([Type.Literal('symbolic'), Type.Literal('real')]),
          /** Whether what follows upon a message comes with the answer to it, or is always asked for. */
          replies: Type.Union([Type.Literal('with the answer'), Type.Literal('asked for')]),
        },
        closed,
      ),
    ),
    maxAttempts: Type.Integer({ minimum: 1, maximum: 10 }),
    collectSeconds: Type.Integer({ minimum: 1, maximum: 3600 }),
    evaluateSeconds: Type.Integer({ minimum: 1, maximum: 3600 }),
    /** Whether nodes ask for tasks again and again, or keep a stream of them open. */
    tasks: Type.Union([Type.Literal('asked for'), Type.Literal('streamed')]),
    /** Whether updates come in one piece or in chunks. */
    updates: Type.Union([Type.Literal('whole'), Type.Literal('in chunks')]),
    faults: Type.Array(FuzzFault, { maxItems: 10_000 }),
  },
  closed,
);
export type FuzzSchedule = Static<typeof FuzzSchedule>;
