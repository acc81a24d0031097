/**
 * Whether a node takes part in a round of a job: (policy, manifest, context) -> permitted, postponed or refused.
 * SPEC.md section 6.5.
 *
 * The decision is the owner's. The manifest and all that the coordinator says can only be compared with it, so that no
 * message widens what is permitted; and a policy with one more rule, or a stricter one, never permits more. The
 * explanation and the decision are read from the same findings. Pure: time is an argument.
 */
import type { JobManifest } from '../../schemas/job.ts';
import type { CostLimits, NodePolicy, PolicyRule } from '../../schemas/node-policy.ts';
import { COST_RULES } from './cost-rules.ts';
import { isWithinHours, nextOpening } from './hours.ts';
import { POLICY_RULES } from './policy-rules.ts';
import type { Finding, ParticipationContext, RuleFinding, RuleInput } from './rule-finding.ts';

/** What an owner has said. */
export interface OwnersWord {
  readonly policy: NodePolicy;
  readonly limits: CostLimits;
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

const RULES = Object.entries({ ...POLICY_RULES, ...COST_RULES }) as [
  PolicyRule,
  (of: RuleInput) => Finding,
][];

/** @param manifest attacker-controlled, of its schema */
export function decideParticipation(
  word: OwnersWord,
  manifest: JobManifest,
  context: ParticipationContext,
): Participation {
  const refusals = refusalsOf(rulesFound({ ...word, manifest, context }));
  if (refusals.length > 0) return { type: 'refused', refusals };
  const until = closedUntil(word.policy, context.at);
  return until === undefined ? { type: 'permitted' } : { type: 'postponed', until };
}

/** Every rule, those that are not set too; the hours last. @param manifest as above */
export function explainParticipation(
  word: OwnersWord,
  manifest: JobManifest,
  context: ParticipationContext,
): RuleFinding[] {
  return [...rulesFound({ ...word, manifest, context }), hoursFound(word.policy, context.at)];
}

/** When the hours of the policy begin again; undefined while they last, null if they do not within two weeks. */
export function closedUntil({ hours, timeZone = 'UTC' }: NodePolicy, at: number): number | null | undefined {
  if (!hours || isWithinHours(hours, timeZone, at)) return undefined;
  return nextOpening(hours, timeZone, at) ?? null;
}

function rulesFound(input: RuleInput): (RuleFinding & { readonly rule: PolicyRule })[] {
  return RULES.map(([rule, find]) => ({ rule, ...find(input) }));
}

function refusalsOf(found: readonly (RuleFinding & { readonly rule: PolicyRule })[]): Refusal[] {
  return found
    .filter(({ verdict }) => verdict === 'refused')
    .map(({ rule, permitted, found: got }) => ({ rule, permitted, got }));
}

function hoursFound(policy: NodePolicy, at: number): RuleFinding {
  const { hours, timeZone = 'UTC' } = policy;
  const found = new Date(at).toISOString();
  if (!hours) return { rule: 'hours', verdict: 'doesNotApply', permitted: 'always', found };
  const windows = hours.map(
    ({ from, to, weekdays }) => `${from} to ${to}${weekdays ? ` (${weekdays.join(' ')})` : ''}`,
  );
  const until = closedUntil(policy, at);
  const next =
    until === null
      ? 'no window opens within two weeks'
      : until && `waits until ${new Date(until).toISOString()}`;
  return {
    rule: 'hours',
    verdict: until === undefined ? 'permitted' : 'postponed',
    permitted: `${windows.join(', ')} in ${timeZone}`,
    found: next ? `${found}; ${next}` : found,
  };
}
