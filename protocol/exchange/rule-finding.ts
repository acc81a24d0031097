/**
 * What a rule of a node's policy is compared with, and what comes of it. SPEC.md section 6.5. Pure.
 */
import type { JobManifest } from '../../schemas/job.ts';
import type { CostLimits, NodePolicy, PolicyRule } from '../../schemas/node-policy.ts';

/** An organisation as the pinned directory has it. */
export interface NamedOrganisation {
  readonly organisationId: string;
  readonly publicKey: string;
  /** Itself, or of an author the node. */
  readonly isRevoked: boolean;
}

/** Who else is in a cohort, by the pinned directory. */
export interface Company {
  /** Whose nodes are there, each once, also such as are revoked or replaced. */
  readonly organisations: readonly Pick<NamedOrganisation, 'organisationId' | 'publicKey'>[];
  /** Nodes that the directory does not have. */
  readonly strangers: number;
}

/** What the node knows of itself and of the round. */
export interface ParticipationContext {
  /** Milliseconds since 1970-01-01 UTC. */
  readonly at: number;
  /** Whether a model is to be measured, and nothing trained; absent: a round of training, or a statistic. */
  readonly isMeasurement?: boolean;
  /** Of this node, in the data set that the job would be trained on. */
  readonly examples: number;
  /** Measured on this node with this job; absent before its first training. */
  readonly millisecondsPerStep?: number;
  /** Of training that this job has taken on this node so far. */
  readonly secondsSpent: number;
  /** What a train step is estimated to need; absent before it is compiled: the node asks again then. */
  readonly stepBytes?: number;
  /** Of the forward graph, as its file names them; absent before it is fetched: the node asks again then. */
  readonly operators?: readonly string[];
  /**
   * Whose node has created the job. That it was this node is the coordinator's word; whose node it is, the directory's.
   * Absent where nobody said, or the directory does not have the node.
   */
  readonly author?: NamedOrganisation;
  /**
   * Ids or public keys of the organisations in the cohort that are valid. Attacker-controlled unless a signed directory
   * was checked; absent where nobody said.
   */
  readonly organisations?: readonly string[];
  /** Absent where nobody said, or there is no directory. */
  readonly company?: Company;
}

export interface RuleInput {
  readonly policy: NodePolicy;
  readonly limits: CostLimits;
  /** Attacker-controlled, of its schema. */
  readonly manifest: JobManifest;
  readonly context: ParticipationContext;
}

/**
 * `doesNotApply`: the owner has not set the rule, or it is about another kind of work. `unknown`: what it is compared with
 * is not known yet, and it is asked again when it is.
 */
export type Verdict = 'permitted' | 'refused' | 'postponed' | 'unknown' | 'doesNotApply';

/** In words, for the owner of the node and nobody else. */
export interface Finding {
  readonly verdict: Verdict;
  readonly permitted: string;
  readonly found: string;
  /** Of `refused`: because nobody has said what it is compared with. */
  readonly isForLackOfWord?: boolean;
}

export interface RuleFinding extends Finding {
  readonly rule: PolicyRule | 'hours';
}

/** So many names of a list are shown. */
const SHOWN = 8;

/** @param permitted what the rule permits; undefined if it is not set */
export function compare(permitted: string | undefined, found: string, isPermitted: () => boolean): Finding {
  if (permitted === undefined) return { verdict: 'doesNotApply', permitted: 'anything', found };
  return { verdict: isPermitted() ? 'permitted' : 'refused', permitted, found };
}

export function shown(names: readonly string[]): string {
  const rest = names.length - SHOWN;
  return `${names.slice(0, SHOWN).join(', ')}${rest > 0 ? ` and ${rest} more` : ''}`;
}
