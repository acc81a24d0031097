/**
 * The decision of a node against an independent engine: the same verdict, and the same rules that refuse, as Cedar finds
 * them in policies that are written from the same file of an owner.
 */
import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { decideParticipation, explainParticipation } from '../../../protocol/exchange/participation.ts';
import { type CostLimits, type NodePolicy, PolicyRule } from '../../../schemas/node-policy.ts';
import { CedarTwin } from '../../fixtures/cedar-twin.ts';
import { contexts, costLimits, manifests, policies } from '../../fixtures/participation-worlds.ts';

const words = fc.record({ policy: policies, limits: costLimits });
const asked = fc.array(fc.tuple(manifests, contexts), { minLength: 30, maxLength: 30 });

/** As the twin tells it. */
function decided(...given: Parameters<typeof decideParticipation>) {
  const decision = decideParticipation(...given);
  const rules = decision.type === 'refused' ? decision.refusals.map(({ rule }) => rule) : [];
  return { type: decision.type, rules: rules.sort() };
}

test('over well more than a thousand cases Cedar decides as the node does, and names the same rules', () => {
  const [verdicts, refusing] = [new Map<string, number>(), new Map<string, number>()];
  const count = (of: Map<string, number>, key: string) => of.set(key, (of.get(key) ?? 0) + 1);
  fc.assert(
    fc.property(words, asked, (word, jobs) => {
      const twin = new CedarTwin(word);
      for (const [manifest, context] of jobs) {
        const answer = twin.decide(manifest, context);
        const own = decided(word, manifest, context);
        // One assertion a case would take longer than the case.
        if (!isDeepStrictEqual(own, answer)) expect(own).toEqual(answer);
        count(verdicts, answer.type);
        for (const rule of answer.rules) count(refusing, rule);
      }
    }),
    { numRuns: 48 },
  );
  // A comparison shows nothing about a verdict, or a rule, that never came up.
  expect([...verdicts.keys()].sort()).toEqual(['permitted', 'postponed', 'refused']);
  expect([...refusing.keys()].sort()).toEqual(PolicyRule.anyOf.map(({ const: rule }) => rule).sort());
});

test('what is written for Cedar fits its schema, strictly, as do the requests', () => {
  const all = fc.sample(words, 60).reduce((a, b) => ({
    policy: { ...a.policy, ...b.policy, allowPlainAggregation: false, allowTrustedCoordinator: false },
    limits: { ...a.limits, ...b.limits },
  }));
  const twin = new CedarTwin(all);
  expect(twin.validate()).toEqual([]);
  for (const [manifest, context] of fc.sample(fc.tuple(manifests, contexts), 5))
    expect(twin.decide(manifest, context, true)).toEqual(twin.decide(manifest, context));
  const misspelt = new CedarTwin({ policy: {}, limits: {} }, (conditions) => {
    conditions.minimumCohort = 'context.cohortMinimun >= 3';
  });
  expect(misspelt.validate()).not.toEqual([]);
});

/** One rule by itself shows its faults sooner. */
function only<T extends object>(of: T, rule: string): T {
  return Object.fromEntries(Object.entries(of).filter(([name]) => name === rule)) as T;
}

/** Each is a slip that somebody could make on either side. */
test.each<[rule: keyof NodePolicy | keyof CostLimits, wrong: (condition: string) => string]>([
  ['minimumCohort', (condition) => condition.replace('>=', '>')],
  ['roundsPerJob', (condition) => condition.replace('<=', '<')],
  ['operators', (condition) => condition.replace('containsAll', 'containsAny')],
  ['organisations', (condition) => condition.replace('!context.author.isRevoked && ', '')],
  ['budget', (condition) => condition.replace(/ && context.promise.femtoDelta.*/, '')],
  ['excludedOrganisations', (condition) => condition.replace(/ && context.company.strangers == 0/, '')],
  ['hours', (condition) => condition.replace('context.minute <', 'context.minute <=')],
])('a planted fault of the rule %s is found', (rule, wrong) => {
  const search = fc.check(
    fc.property(words, asked, ({ policy, limits }, jobs) => {
      const word = {
        policy: { timeZone: policy.timeZone ?? 'UTC', ...only(policy, rule) },
        limits: only(limits, rule),
      };
      const twin = new CedarTwin(word, (conditions) => {
        const condition = conditions[rule];
        if (condition !== undefined) conditions[rule] = wrong(condition);
      });
      for (const [manifest, context] of jobs)
        expect(twin.decide(manifest, context)).toEqual(decided(word, manifest, context));
    }),
    { numRuns: 400, endOnFailure: true },
  );
  expect(search.failed).toBe(true);
});

test('the explanation of a decision is the decision', () => {
  fc.assert(
    fc.property(words, manifests, contexts, (word, manifest, context) => {
      const found = explainParticipation(word, manifest, context);
      expect(found.map(({ rule }) => rule)).toEqual([...PolicyRule.anyOf.map((one) => one.const), 'hours']);
      const rules = found.filter(({ verdict }) => verdict === 'refused').map(({ rule }) => rule);
      const isLate = found.some(({ verdict }) => verdict === 'postponed');
      const type = rules.length > 0 ? 'refused' : isLate ? 'postponed' : 'permitted';
      expect(decided(word, manifest, context)).toEqual({ type, rules: rules.sort() });
    }),
    { numRuns: 300 },
  );
});
