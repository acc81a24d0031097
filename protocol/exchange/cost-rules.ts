/**
 * The rules of an owner about what a job may cost. SPEC.md section 6.5. Pure.
 */
import type { CostLimits } from '../../schemas/node-policy.ts';
import { roundCost } from './job-cost.ts';
import { compare, type Finding, type RuleInput } from './rule-finding.ts';

type Rule = (input: RuleInput) => Finding;

/** Of a measurement: what it takes of the node is neither steps nor an update. */
const OF_MEASUREMENTS: ReadonlySet<keyof CostLimits> = new Set<keyof CostLimits>([
  'roundsPerJob',
  'bytesDownPerRound',
]);

export const COST_RULES: Readonly<Record<keyof CostLimits, Rule>> = {
  roundsPerJob: limiting('roundsPerJob', ({ manifest }) => manifest.rounds),
  examplesPerRound: limiting('examplesPerRound', (input) => costOf(input).examples),
  secondsPerRound: limiting('secondsPerRound', secondsOfRound),
  secondsPerJob: limiting('secondsPerJob', (input) => {
    const { secondsSpent } = input.context;
    return secondsSpent + (secondsOfRound(input) ?? 0);
  }),
  bytesUpPerRound: limiting('bytesUpPerRound', (input) => costOf(input).bytesUp),
  bytesDownPerRound: limiting('bytesDownPerRound', (input) => costOf(input).bytesDown),
  memoryMegabytes: limiting('memoryMegabytes', ({ context: { stepBytes } }) =>
    stepBytes === undefined ? undefined : stepBytes / 1e6,
  ),
};

/** @param amount in the unit of the limit; undefined while it is not known */
function limiting(rule: keyof CostLimits, amount: (input: RuleInput) => number | undefined): Rule {
  return (input) => {
    const { isMeasurement = false } = input.context;
    if (isMeasurement && !OF_MEASUREMENTS.has(rule))
      return compare(undefined, 'a measurement, which trains nothing', () => true);
    const limit = input.limits[rule];
    const permitted = limit === undefined ? undefined : `at most ${limit}`;
    const got = amount(input);
    if (got === undefined && permitted !== undefined)
      return { verdict: 'unknown', permitted, found: 'not measured yet' };
    const found = got === undefined ? 'not measured yet' : `${Number(got.toFixed(3))}`;
    return compare(permitted, found, () => (got ?? 0) <= (limit ?? 0));
  };
}

function costOf({ manifest, context }: RuleInput) {
  return roundCost(manifest, context.examples);
}

function secondsOfRound(input: RuleInput): number | undefined {
  const { millisecondsPerStep } = input.context;
  return millisecondsPerStep === undefined ? undefined : (costOf(input).steps * millisecondsPerStep) / 1000;
}
