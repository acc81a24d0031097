/**
 * The state of a job, what the reducer asks of the shell, and what it starts an attempt with. SPEC.md section 8.
 *
 * Shapes alone: the rules are in `round.ts`, those of secure attempts in `secagg/secure-phases.ts`.
 */
import type { NodeId, Sha256, Signature } from '../schemas/ids.ts';
import type { JobManifest, JobPhase, Metrics, RoundClipping, RoundSummary } from '../schemas/job.ts';
import type { Advertisement, SecurePhase, SignedDescriptor } from '../schemas/secagg.ts';
import type { HanseError } from './problem.ts';

/** A message that is on disk under its hash. */
export interface StoredMessage {
  readonly sha256: Sha256;
  readonly bytes: number;
}

export interface AcceptedUpdate extends StoredMessage {
  /** Of the sender, where the update is masked. */
  readonly signature?: Signature;
}

export interface Candidate {
  readonly model: Sha256;
  readonly strategyState: Sha256 | null;
  readonly weight: number;
  readonly updateNorm: number;
  /** Where clipping is adaptive. */
  readonly clipping?: RoundClipping;
  /** Where the noise is that of a tree. */
  readonly treeNonce?: string;
  readonly evaluateBy: string | null;
  /** Where aggregation is secure: the signed record of the round, and the sum that was opened. */
  readonly secure?: { readonly record: Sha256; readonly sum: Sha256 };
}

/** What has come of a secure attempt. */
export interface SecureAttempt {
  /** Under which it runs. */
  readonly signed: SignedDescriptor;
  /** Once advertising is over, of U1. */
  readonly advertisements: ReadonlyMap<NodeId, Advertisement>;
  /** Once sharing is over, of U2. U3 is `accepted` of the job once collecting is over. */
  readonly shares: ReadonlyMap<NodeId, StoredMessage>;
  /** In the order in which they came. */
  readonly consents: ReadonlyMap<NodeId, Signature>;
  readonly answers: ReadonlyMap<NodeId, StoredMessage>;
  /** The deadline of answers has passed: what is there has to do. */
  readonly isOverdue: boolean;
  readonly opened: { readonly answers: readonly NodeId[]; readonly faulty: readonly NodeId[] } | null;
  /** Each phase that was reached, and when. */
  readonly phases: readonly { readonly phase: JobPhase; readonly at: string }[];
}

export interface JobState {
  readonly jobId: string;
  readonly manifest: JobManifest;
  readonly manifestSha256: Sha256;
  readonly createdBy: NodeId;
  readonly createdAt: string;
  readonly phase: JobPhase;
  readonly round: number;
  readonly attempt: number;
  /** The released model; before the first release the initial one. */
  readonly model: Sha256;
  readonly strategyState: Sha256 | null;
  readonly cohort: readonly NodeId[];
  /** All that were in a cohort of the job, in whichever round. */
  readonly asked: ReadonlySet<NodeId>;
  readonly openedAt: string | null;
  /** Of collecting. */
  readonly deadline: string | null;
  readonly accepted: ReadonlyMap<NodeId, AcceptedUpdate>;
  readonly declined: ReadonlyMap<NodeId, string>;
  /** Of an attempt whose aggregation is secure, once its cohort is drawn. */
  readonly secure: SecureAttempt | null;
  /**
   * Nodes that cannot take part in this job, and why, until they report anew: 8.2. Kept from attempt to attempt and from
   * round to round.
   */
  readonly unsuited: ReadonlyMap<NodeId, string>;
  /** Participants that are in the tree of the round (SPEC.md 12.11), and take part in no further round of it. */
  readonly inTree: ReadonlySet<NodeId>;
  /** Of each released round of that tree, in their order: what the noise of its nodes follows from. */
  readonly treeNonces: readonly string[];
  /** Aggregated, not yet released. */
  readonly candidate: Candidate | null;
  /** The candidate is not released for want of witnesses, and that is in the log. */
  readonly isWithheld: boolean;
  readonly metrics: Metrics | null;
  /** Evaluators that will not measure the candidate, and why. */
  readonly unmeasured: ReadonlyMap<NodeId, string>;
  readonly history: readonly RoundSummary[];
  readonly failure: string | null;
}

export type Effect =
  /** Choose between the least and the most live participants that `mayBeDrawn`, and answer with `cohortSelected`. */
  | { readonly type: 'selectCohort'; readonly round: number; readonly attempt: number }
  /** Wake the nodes that have something to do. */
  | { readonly type: 'announce'; readonly nodes: readonly NodeId[] | 'evaluators' }
  /** Answer with `deadlinePassed` at this time, unless the phase has ended. */
  | {
      readonly type: 'setDeadline';
      readonly round: number;
      readonly attempt: number;
      readonly phase: SecurePhase | 'evaluating';
      readonly at: string;
    }
  /** Answer with `evaluationGivenUp` if there is no evaluator that `mayMeasure`. */
  | { readonly type: 'seekEvaluator'; readonly round: number; readonly attempt: number }
  /**
   * Open the secrets from the answers that are there, and answer with `secretsOpened`; where they do not suffice and
   * nobody is awaited any more, with `aggregationFailed`.
   */
  | { readonly type: 'openSecrets'; readonly round: number; readonly attempt: number }
  /** Sum the accepted updates, apply the strategy, store both, and answer with `aggregated` or `aggregationFailed`. */
  | { readonly type: 'aggregate'; readonly round: number; readonly attempt: number }
  /** Answer with `released` once enough witnesses have cosigned the log up to here; with `releaseWithheld` while that takes long. */
  | { readonly type: 'release'; readonly round: number; readonly attempt: number; readonly model: Sha256 }
  | { readonly type: 'refuse'; readonly problem: HanseError };

export type Step = readonly [state: JobState, effects: readonly Effect[]];

/** What every attempt begins with. */
export const EMPTY_ATTEMPT = {
  cohort: [],
  openedAt: null,
  deadline: null,
  accepted: new Map<NodeId, AcceptedUpdate>(),
  declined: new Map<NodeId, string>(),
  secure: null,
  candidate: null,
  isWithheld: false,
  metrics: null,
  unmeasured: new Map<NodeId, string>(),
} as const satisfies Partial<JobState>;

/** What every secure attempt begins with, beside its description. */
export const EMPTY_SECURE_ATTEMPT = {
  advertisements: new Map<NodeId, Advertisement>(),
  shares: new Map<NodeId, StoredMessage>(),
  consents: new Map<NodeId, Signature>(),
  answers: new Map<NodeId, StoredMessage>(),
  isOverdue: false,
  opened: null,
  phases: [],
} as const satisfies Omit<SecureAttempt, 'signed'>;
