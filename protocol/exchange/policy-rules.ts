/**
 * The rules of an owner about jobs, each by itself: what it permits, what was found, and what comes of it. SPEC.md
 * section 6.5. Names are compared by their code units: what looks alike and is another name is another. Pure.
 */
import { isStatistic, type TrainingManifest } from '../../schemas/job.ts';
import type { CostLimits, PolicyRule } from '../../schemas/node-policy.ts';
import { matchesPattern } from '../name-pattern.ts';
import { authorPermitted, excludedAbsent, knownPresent } from './organisation-rules.ts';
import { permittedUnits, statedUnits } from './promise-units.ts';
import { compare, type Finding, type RuleInput, shown } from './rule-finding.ts';

type Rule = (input: RuleInput) => Finding;

/** In the order in which they are told. */
export const POLICY_RULES: Readonly<Record<Exclude<PolicyRule, keyof CostLimits>, Rule>> = {
  purposes: ({ policy: { purposes }, manifest: { purpose } }) =>
    compare(purposes?.join(' | '), purpose, () => isPermittedPurpose(purpose, purposes ?? [])),

  organisations: authorPermitted,

  graphHashes: ({ policy: { graphHashes }, manifest, context: { isMeasurement = false } }) => {
    const hashes = isStatistic(manifest) ? [] : hashesOf(manifest.graph, isMeasurement);
    return compare(
      graphHashes && shown(graphHashes),
      hashes.length > 0 ? hashes.join(' or ') : 'a statistic, which has no graph',
      () => hashes.some((hash) => graphHashes?.includes(hash)),
    );
  },

  operators: ({ policy: { operators }, manifest, context: { operators: used } }) => {
    if (isStatistic(manifest)) return compare(undefined, 'a statistic, which has no graph', () => true);
    if (operators && !used)
      return { verdict: 'unknown', permitted: shown(operators), found: 'the graph is not fetched yet' };
    const others = used?.filter((operator) => !operators?.includes(operator)) ?? [];
    const found = !used ? 'not looked at' : others.length > 0 && operators ? shown(others) : shown(used);
    return compare(operators && shown(operators), found, () => others.length === 0);
  },

  allowPlainAggregation: ({ policy, manifest: { aggregation } }) =>
    policy.allowPlainAggregation === true
      ? compare(undefined, `${aggregation} sums`, () => true)
      : compare(
          'secure sums; plain ones with allowPlainAggregation, or hanse join --allow-plain',
          `${aggregation} sums`,
          () => aggregation !== 'plain',
        ),

  requirePrivacy: ({ policy: { requirePrivacy = false }, manifest: { privacyUnit } }) =>
    compare(
      requirePrivacy ? 'jobs that promise differential privacy' : undefined,
      privacyUnit === 'none' ? 'no promise' : `a promise about each ${privacyUnit}`,
      () => privacyUnit !== 'none',
    ),

  allowTrustedCoordinator: ({ policy, manifest: { privacy } }) =>
    compare(
      policy.allowTrustedCoordinator === true
        ? undefined
        : 'noise of the participants; of the coordinator with allowTrustedCoordinator, or hanse join --trust-coordinator',
      privacy?.centralNoise
        ? 'a promise that the coordinator itself has to keep'
        : 'no noise of the coordinator',
      () => !privacy?.centralNoise,
    ),

  budget: ({ policy: { budget }, manifest }) => {
    const stated = statedUnits(manifest);
    return compare(
      budget && `epsilon at most ${budget.epsilon}, delta at most ${budget.delta}`,
      stated
        ? `epsilon ${stated.microEpsilon / 1e6}, delta ${manifest.privacy?.delta}`
        : 'no promise, and so no bound',
      () => {
        if (!budget || !stated) return false;
        const most = permittedUnits(budget);
        return stated.microEpsilon <= most.microEpsilon && stated.femtoDelta <= most.femtoDelta;
      },
    );
  },

  minimumCohort: ({ policy: { minimumCohort: least }, manifest: { cohort } }) =>
    compare(
      least === undefined ? undefined : `at least ${least} updates`,
      `${cohort.minimum}`,
      () => cohort.minimum >= (least ?? 0),
    ),

  minimumKnownOrganisations: knownPresent,
  excludedOrganisations: excludedAbsent,
};

/** @param patterns as `protocol/name-pattern.ts` reads them; a purpose without `*` and `?` stands for itself */
export function isPermittedPurpose(purpose: string, patterns: readonly string[]): boolean {
  return patterns.some((pattern) => matchesPattern(purpose, pattern));
}

/** Who measures does not compile the train step: that of the manifest is then a word like any other. */
function hashesOf({ forward, trainStep }: TrainingManifest['graph'], isMeasurement: boolean): string[] {
  return isMeasurement ? [forward] : [forward, trainStep];
}
