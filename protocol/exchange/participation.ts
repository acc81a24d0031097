/**
 * Whether a node takes part in a round of a job: (policy, manifest, context) -> permitted, postponed or refused.
 * SPEC.md section 6.5.
 *
 * The decision is the owner's. The manifest and all that the coordinator says can only be compared with it, so that no
 * message widens what is permitted; and a policy with one more rule, or a stricter one, never permits more. Pure: time
 * is an argument.
 */
import type { JobManifest } from '../../schemas/job.ts';
import type { CostLimits, NodePolicy, PolicyRule } from '../../schemas/node-policy.ts';
import { matchesPattern } from '../name-pattern.ts';
import { isWithinHours, nextOpening } from './hours.ts';
import { roundCost } from './job-cost.ts';

/** What the node knows of itself and of the round. */
export interface ParticipationContext {
  /** Milliseconds since 1970-01-01 UTC. */
  readonly at: number;
  /** Of this node, in the data set that the job would be trained on. */
  readonly examples: number;
  /** Measured on this node with this job; absent before its first training. */
  readonly millisecondsPerStep?: number;
  /** Of training that this job has taken on this node so far. */
  readonly secondsSpent: number;
  /** What a train step is estimated to need; absent before it is compiled: the node asks again then. */
  readonly stepBytes?: number;
  /**
   * Ids or public keys of the organisations in the cohort. Attacker-controlled unless a signed directory was checked;
   * absent where nobody said.
   */
  readonly organisations?: readonly string[];
}

/** A rule and what it was compared with, for the owner of the node. */
export interface Refusal {
  readonly rule: PolicyRule;
  readonly permitted: string;
  readonly got: string;
}

export type Participation =
  | { readonly type: 'permitted' }
  /** Outside the hours of the policy. @property until as `at`; null if no window opens within two weeks */
  | { readonly type: 'postponed'; readonly until: number | null }
  /** At least one, in the order of the rules. */
  | { readonly type: 'refused'; readonly refusals: readonly Refusal[] };

/** @param manifest attacker-controlled, of its schema */
export function decideParticipation(
  { policy, limits }: { readonly policy: NodePolicy; readonly limits: CostLimits },
  manifest: JobManifest,
  context: ParticipationContext,
): Participation {
  const refusals = [...ruledOut(policy, manifest, context), ...tooCostly(limits, manifest, context)];
  if (refusals.length > 0) return { type: 'refused', refusals };
  const until = closedUntil(policy, context.at);
  return until === undefined ? { type: 'permitted' } : { type: 'postponed', until };
}

/** When the hours of the policy begin again; undefined while they last, null if they do not within two weeks. */
export function closedUntil({ hours, timeZone = 'UTC' }: NodePolicy, at: number): number | null | undefined {
  if (!hours || isWithinHours(hours, timeZone, at)) return undefined;
  return nextOpening(hours, timeZone, at) ?? null;
}

/** @param patterns as `protocol/name-pattern.ts` reads them; a purpose without `*` and `?` stands for itself */
export function isPermittedPurpose(purpose: string, patterns: readonly string[]): boolean {
  return patterns.some((pattern) => matchesPattern(purpose, pattern));
}

function* ruledOut(
  policy: NodePolicy,
  manifest: JobManifest,
  { organisations = [] }: ParticipationContext,
): Iterable<Refusal> {
  const { purposes, minimumCohort, minimumKnownOrganisations, knownOrganisations = [] } = policy;
  const { purpose, cohort, aggregation, privacyUnit, privacy } = manifest;
  if (purposes && !isPermittedPurpose(purpose, purposes))
    yield { rule: 'purposes', permitted: purposes.join(' | '), got: purpose };
  if (aggregation === 'plain' && policy.allowPlainAggregation !== true)
    yield {
      rule: 'allowPlainAggregation',
      permitted: 'secure sums; plain ones with allowPlainAggregation, or hanse join --allow-plain',
      got: 'plain sums',
    };
  if (policy.requirePrivacy === true && privacyUnit === 'none')
    yield { rule: 'requirePrivacy', permitted: 'jobs that promise differential privacy', got: 'no promise' };
  if (privacy?.centralNoise && policy.allowTrustedCoordinator !== true)
    yield {
      rule: 'allowTrustedCoordinator',
      permitted:
        'noise of the participants; of the coordinator with allowTrustedCoordinator, or hanse join --trust-coordinator',
      got: 'a promise that the coordinator itself has to keep',
    };
  if (minimumCohort !== undefined && cohort.minimum < minimumCohort)
    yield {
      rule: 'minimumCohort',
      permitted: `at least ${minimumCohort} updates`,
      got: `${cohort.minimum}`,
    };
  if (minimumKnownOrganisations === undefined) return;
  const present = new Set(organisations);
  const known = new Set(knownOrganisations.filter((name) => present.has(name))).size;
  if (known < minimumKnownOrganisations)
    yield {
      rule: 'minimumKnownOrganisations',
      permitted: `at least ${minimumKnownOrganisations} of those that are known`,
      got: `${known}`,
    };
}

function* tooCostly(
  limits: CostLimits,
  manifest: JobManifest,
  context: ParticipationContext,
): Iterable<Refusal> {
  const { steps, examples, bytesUp, bytesDown } = roundCost(manifest, context.examples);
  const { millisecondsPerStep, secondsSpent, stepBytes } = context;
  const seconds = millisecondsPerStep === undefined ? 0 : (steps * millisecondsPerStep) / 1000;
  const asked: readonly (readonly [rule: keyof CostLimits, got: number | undefined])[] = [
    ['roundsPerJob', manifest.rounds],
    ['examplesPerRound', examples],
    ['secondsPerRound', seconds],
    ['secondsPerJob', secondsSpent + seconds],
    ['bytesUpPerRound', bytesUp],
    ['bytesDownPerRound', bytesDown],
    ['memoryMegabytes', stepBytes === undefined ? undefined : stepBytes / 1e6],
  ];
  for (const [rule, got] of asked) {
    const limit = limits[rule];
    if (limit !== undefined && got !== undefined && got > limit)
      yield { rule, permitted: `at most ${limit}`, got: `${Number(got.toFixed(3))}` };
  }
}
