// covers: protocol/exchange/policy-rules.ts, protocol/exchange/cost-rules.ts, protocol/exchange/rule-finding.ts
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decideParticipation, explainParticipation } from '../../../protocol/exchange/participation.ts';
import { isPermittedPurpose } from '../../../protocol/exchange/policy-rules.ts';
import type { ParticipationContext } from '../../../protocol/exchange/rule-finding.ts';
import { isStatistic, type JobManifest, type TrainingManifest } from '../../../schemas/job.ts';
import { type CostLimits, type NodePolicy, PolicyRule } from '../../../schemas/node-policy.ts';
import { manifestOf } from '../../fixtures/manifest.ts';
import { contexts, costLimits, manifests, policies } from '../../fixtures/participation-worlds.ts';

const base = manifestOf('fed-0123456789abcdef', {
  aggregation: 'secure',
  secureAggregation: { suite: 1, colluders: 0, answerSeconds: 60 },
});
const manifest = {
  ...base,
  purpose: 'sepsis: early warning',
  rounds: 20,
  cohort: { size: 10, minimum: 4 },
  training: { ...base.training, epochs: 2, batchSize: 10 },
};
const context: ParticipationContext = {
  at: Date.parse('2026-01-05T23:00:00Z'),
  examples: 100,
  millisecondsPerStep: 100,
  secondsSpent: 8,
  stepBytes: 50_000_000,
  operators: ['Gemm', 'Relu'],
  author: { organisationId: 'clinic-a', publicKey: 'aa'.repeat(32), isRevoked: false },
  organisations: ['clinic-a', 'clinic-b', 'stranger'],
  company: { organisations: [{ organisationId: 'clinic-b', publicKey: 'bb'.repeat(32) }], strangers: 0 },
};
const TRAIN_STEP = manifest.graph.trainStep;
const plainManifest: TrainingManifest = { ...manifest, aggregation: 'plain' };
const decide = (
  policy: NodePolicy,
  limits: CostLimits = {},
  changed: Partial<ParticipationContext> = {},
  of: TrainingManifest = manifest,
) => decideParticipation({ policy, limits }, of, { ...context, ...changed });

test('without rules every job is permitted whose coordinator sees sums alone, and no other', () => {
  const plain = (policy: NodePolicy) => decide(policy, {}, {}, plainManifest);
  expect(decide({})).toEqual({ type: 'permitted' });
  const refused = { type: 'refused', refusals: [{ rule: 'allowPlainAggregation' }] };
  expect(plain({})).toMatchObject(refused);
  expect(plain({ allowPlainAggregation: false })).toMatchObject(refused);
  expect(plain({ allowPlainAggregation: true })).toEqual({ type: 'permitted' });
  // Who permits the one does not refuse the other.
  expect(decide({ allowPlainAggregation: true })).toEqual({ type: 'permitted' });
});

describe('each rule permits what it names, and refuses the next thing by its own name', () => {
  const known = ['clinic-a', 'clinic-b', 'clinic-c'];
  test.each<[rule: string, permits: [NodePolicy, CostLimits], refuses: [NodePolicy, CostLimits]]>([
    ['purposes', [{ purposes: ['x', 'sepsis: *'] }, {}], [{ purposes: ['sepsis'] }, {}]],
    [
      'organisations',
      [{ organisations: ['clinic-a', 'clinic-b'] }, {}],
      [{ organisations: ['clinic-b'] }, {}],
    ],
    [
      'organisations',
      [{ organisations: ['aa'.repeat(32)] }, {}],
      [{ excludedOrganisations: ['clinic-a'] }, {}],
    ],
    ['graphHashes', [{ graphHashes: [TRAIN_STEP] }, {}], [{ graphHashes: ['00'.repeat(32)] }, {}]],
    ['operators', [{ operators: ['Relu', 'Gemm', 'Conv'] }, {}], [{ operators: ['Gemm'] }, {}]],
    ['budget', [{}, {}], [{ budget: { epsilon: 1e6, delta: 0.9 } }, {}]],
    [
      'excludedOrganisations',
      [{ excludedOrganisations: ['x'] }, {}],
      [{ excludedOrganisations: ['clinic-b'] }, {}],
    ],
    ['requirePrivacy', [{ requirePrivacy: false }, {}], [{ requirePrivacy: true }, {}]],
    ['minimumCohort', [{ minimumCohort: 4 }, {}], [{ minimumCohort: 5 }, {}]],
    [
      'minimumKnownOrganisations',
      [{ knownOrganisations: known, minimumKnownOrganisations: 2 }, {}],
      [{ knownOrganisations: known, minimumKnownOrganisations: 3 }, {}],
    ],
    ['roundsPerJob', [{}, { roundsPerJob: 20 }], [{}, { roundsPerJob: 19 }]],
    ['examplesPerRound', [{}, { examplesPerRound: 200 }], [{}, { examplesPerRound: 199 }]],
    ['secondsPerRound', [{}, { secondsPerRound: 2 }], [{}, { secondsPerRound: 1.9 }]],
    ['secondsPerJob', [{}, { secondsPerJob: 10 }], [{}, { secondsPerJob: 9.9 }]],
    ['bytesUpPerRound', [{}, { bytesUpPerRound: 1e6 }], [{}, { bytesUpPerRound: 64 }]],
    ['bytesDownPerRound', [{}, { bytesDownPerRound: 1e6 }], [{}, { bytesDownPerRound: 64 }]],
    ['memoryMegabytes', [{}, { memoryMegabytes: 50 }], [{}, { memoryMegabytes: 49 }]],
  ])('%s', (rule, permits, refuses) => {
    expect(decide(...permits)).toEqual({ type: 'permitted' });
    expect(decide(...refuses)).toMatchObject({ type: 'refused', refusals: [{ rule }] });
  });
});

test('a job with a promise is what a node that requires one takes part in', () => {
  const promising: TrainingManifest = { ...manifest, privacyUnit: 'example' };
  expect(decide({ requirePrivacy: true }, {}, {}, promising)).toEqual({ type: 'permitted' });
});

test('a coordinator that adds the noise itself is trusted by those who say so alone', () => {
  const centralNoise = { type: 'gaussian', sigma: 100 } as const;
  const trusting: TrainingManifest = {
    ...manifest,
    privacyUnit: 'participant',
    privacy: { delta: 1e-6, epsilonModel: 1, centralNoise },
  };
  const refused = { type: 'refused', refusals: [{ rule: 'allowTrustedCoordinator' }] };
  expect(decide({}, {}, {}, trusting)).toMatchObject(refused);
  expect(decide({ allowTrustedCoordinator: false }, {}, {}, trusting)).toMatchObject(refused);
  expect(decide({ allowTrustedCoordinator: true }, {}, {}, trusting)).toEqual({ type: 'permitted' });
  const shared: TrainingManifest = {
    ...trusting,
    privacy: { delta: 1e-6, epsilonServer: 1, epsilonModel: 1 },
  };
  expect(decide({}, {}, {}, shared)).toEqual({ type: 'permitted' });
});

test('a promise is within the budget of a job if both of its figures are', () => {
  const promising: TrainingManifest = {
    ...manifest,
    privacyUnit: 'example',
    privacy: { delta: 1e-6, epsilonServer: 2, epsilonModel: 1 },
  };
  const within = (epsilon: number, delta: number) =>
    decide({ budget: { epsilon, delta } }, {}, {}, promising).type;
  expect([within(2, 1e-6), within(2, 1e-7), within(1.999999, 1e-6), within(1, 1e-5)]).toEqual([
    'permitted',
    'refused',
    'refused',
    'refused',
  ]);
});

test('who measures a model has not compiled the train step, and goes by the forward graph alone', () => {
  const { forward, trainStep } = manifest.graph;
  const measuring = (graphHashes: string[]) => decide({ graphHashes }, {}, { isMeasurement: true }).type;
  expect([measuring([forward]), measuring([trainStep])]).toEqual(['permitted', 'refused']);
  expect(decide({ graphHashes: [forward] }).type).toBe('permitted');
});

test('a statistic has no graph: it is none of those listed, and has no operator that is not', () => {
  const { graph: _, training: __, ...common } = manifest;
  const question = { statistic: 'count', epsilon: 1, maxRows: 1 } as const;
  const statistic: JobManifest = { ...common, kind: 'statistic', statistic: { question, column: 'age' } };
  const { operators: ___, ...unread } = context;
  const asked = (policy: NodePolicy) => decideParticipation({ policy, limits: {} }, statistic, unread).type;
  expect([asked({}), asked({ operators: ['Gemm'] }), asked({ graphHashes: [TRAIN_STEP] })]).toEqual([
    'permitted',
    'permitted',
    'refused',
  ]);
});

test('names that look alike are other names', () => {
  // A Cyrillic letter, a full-width one, another normal form, one that cannot be seen, and upper case.
  for (const purpose of [
    's\u0435psis: a',
    '\uff53epsis: a',
    'sepsi\u0301s: a',
    'sep\u200bsis: a',
    'SEPSIS: a',
  ])
    expect(decide({ purposes: ['sepsis: *'] }, {}, {}, { ...manifest, purpose }).type).toBe('refused');
  expect(decide({ purposes: ['sepsis: *'] }, {}, {}, { ...manifest, purpose: 'sepsis: a' }).type).toBe(
    'permitted',
  );
  for (const organisationId of ['\u0441linic-a', 'clinic-a\u200b', 'Clinic-a', 'clinic-a ', 'constructor']) {
    const author = { organisationId, publicKey: 'cc'.repeat(32), isRevoked: false };
    expect(decide({ organisations: ['clinic-a'] }, {}, { author }).type).toBe('refused');
  }
});

test('every rule is explained, whether it is set or not, in words for the owner', () => {
  const policy: NodePolicy = { purposes: ['research'], hours: [{ from: '22:00', to: '06:00' }] };
  const found = explainParticipation({ policy, limits: { memoryMegabytes: 50 } }, manifest, context);
  expect(found.map(({ rule }) => rule)).toEqual([
    ...PolicyRule.anyOf.map(({ const: rule }) => rule),
    'hours',
  ]);
  const of = (rule: string) => found.find((one) => one.rule === rule);
  expect(of('purposes')).toEqual({
    rule: 'purposes',
    verdict: 'refused',
    permitted: 'research',
    found: 'sepsis: early warning',
  });
  expect(of('memoryMegabytes')).toMatchObject({ verdict: 'permitted', permitted: 'at most 50', found: '50' });
  expect(of('minimumCohort')).toMatchObject({ verdict: 'doesNotApply', permitted: 'anything', found: '4' });
  expect(of('allowPlainAggregation')).toMatchObject({ verdict: 'permitted', found: 'secure sums' });
  expect(of('hours')).toMatchObject({ verdict: 'permitted', permitted: '22:00 to 06:00 in UTC' });
  const { stepBytes: _, operators: __, ...early } = context;
  const before = explainParticipation({ policy: { operators: ['Gemm'] }, limits: {} }, manifest, early);
  expect(before.find(({ rule }) => rule === 'operators')).toMatchObject({
    verdict: 'unknown',
    permitted: 'Gemm',
  });
  const closed = explainParticipation(
    { policy: { hours: [{ from: '01:00', to: '02:00' }] }, limits: {} },
    manifest,
    context,
  );
  expect(closed.at(-1)).toMatchObject({
    verdict: 'postponed',
    found: '2026-01-05T23:00:00.000Z; waits until 2026-01-06T01:00:00.000Z',
  });
});

test('what is not measured yet is not refused, and organisations that nobody named are nobody', () => {
  const limits = { secondsPerRound: 1, memoryMegabytes: 1 };
  const { millisecondsPerStep: _, stepBytes: __, organisations: ___, ...unknown } = context;
  const decideUnknown = (policy: NodePolicy) => decideParticipation({ policy, limits }, manifest, unknown);
  expect(decideUnknown({})).toEqual({ type: 'permitted' });
  expect(decideUnknown({ minimumKnownOrganisations: 1 })).toMatchObject({ type: 'refused' });
});

test('outside its hours it postpones, and says until when; a refusal comes first', () => {
  const hours = [{ from: '01:00', to: '02:00' }];
  expect(decide({ hours })).toEqual({ type: 'postponed', until: Date.parse('2026-01-06T01:00:00Z') });
  expect(decide({ hours, timeZone: 'Europe/Berlin' })).toMatchObject({
    until: Date.parse('2026-01-06T00:00:00Z'),
  });
  expect(decide({ hours: [{ from: '22:00', to: '06:00' }] })).toEqual({ type: 'permitted' });
  expect(decide({ hours, purposes: ['x'] })).toMatchObject({ type: 'refused' });
});

test('a purpose is compared as a whole', () => {
  expect(isPermittedPurpose('research', ['research'])).toBe(true);
  expect(isPermittedPurpose('research and marketing', ['research'])).toBe(false);
  expect(isPermittedPurpose('Research', ['research'])).toBe(false);
});

/** Both rules at once: shorter lists, fewer permissions, higher minima, lower limits. */
function both(a: NodePolicy, b: NodePolicy): NodePolicy {
  const shared = <T>(x?: readonly T[], y?: readonly T[]) =>
    x && y ? x.filter((one) => y.includes(one)) : (x ?? y);
  const higher = (x?: number, y?: number) => (x === undefined ? y : Math.max(x, y ?? x));
  // Where some have to be known, no list is a list of nobody.
  const known = ({ knownOrganisations, minimumKnownOrganisations: least }: NodePolicy) =>
    knownOrganisations ?? (least === undefined ? undefined : []);
  const budgets = [a.budget, b.budget].filter((budget) => budget !== undefined);
  const excluded = [...(a.excludedOrganisations ?? []), ...(b.excludedOrganisations ?? [])];
  return {
    allowPlainAggregation: a.allowPlainAggregation === true && b.allowPlainAggregation === true,
    purposes: shared(a.purposes, b.purposes),
    organisations: shared(a.organisations, b.organisations),
    excludedOrganisations: excluded.length > 0 ? excluded : undefined,
    graphHashes: shared(a.graphHashes, b.graphHashes),
    operators: shared(a.operators, b.operators),
    allowTrustedCoordinator: a.allowTrustedCoordinator === true && b.allowTrustedCoordinator === true,
    requirePrivacy: a.requirePrivacy === true || b.requirePrivacy === true,
    budget:
      budgets.length === 0
        ? undefined
        : {
            epsilon: Math.min(...budgets.map(({ epsilon }) => epsilon)),
            delta: Math.min(...budgets.map(({ delta }) => delta)),
          },
    minimumCohort: higher(a.minimumCohort, b.minimumCohort),
    knownOrganisations: shared(known(a), known(b)),
    minimumKnownOrganisations: higher(a.minimumKnownOrganisations, b.minimumKnownOrganisations),
    hours: shared(a.hours, b.hours),
    timeZone: a.timeZone,
  } as NodePolicy;
}

function lower(a: CostLimits, b: CostLimits): CostLimits {
  const keys = new Set([...Object.keys(a), ...Object.keys(b)] as (keyof CostLimits)[]);
  return Object.fromEntries([...keys].map((key) => [key, Math.min(a[key] ?? Infinity, b[key] ?? Infinity)]));
}

const words = fc.record({ policy: policies, limits: costLimits });

test('a stricter policy never permits more', () => {
  let permitted = 0;
  fc.assert(
    fc.property(words, words, manifests, contexts, (a, b, of, at) => {
      const strict = { policy: both(a.policy, b.policy), limits: lower(a.limits, b.limits) };
      if (decideParticipation(strict, of, at).type !== 'permitted') return;
      permitted += 1;
      expect(decideParticipation(a, of, at)).toEqual({ type: 'permitted' });
    }),
    { numRuns: 1000 },
  );
  expect(permitted).toBeGreaterThan(0);
});

test('each rule that is taken out of a policy leaves no more refusals than there were', () => {
  fc.assert(
    fc.property(words, manifests, contexts, ({ policy, limits }, of, at) => {
      const refusing = (word: typeof policy) => {
        const decision = decideParticipation({ policy: word, limits }, of, at);
        return decision.type === 'refused' ? decision.refusals.map(({ rule }) => rule) : [];
      };
      const all = refusing(policy);
      for (const name of Object.keys(policy)) {
        // These two permit; the list of who is known belongs to its minimum.
        if (['allowPlainAggregation', 'allowTrustedCoordinator', 'knownOrganisations'].includes(name))
          continue;
        const { [name as keyof NodePolicy]: _, ...rest } = policy;
        for (const rule of refusing(rest)) expect(all).toContain(rule);
      }
    }),
    { numRuns: 100 },
  );
});

/** What of a manifest each rule reads: whatever else a coordinator changes, it goes on refusing. */
const READ: Readonly<Record<string, readonly string[]>> = {
  purposes: ['purpose'],
  organisations: [],
  graphHashes: ['graph'],
  operators: [],
  allowPlainAggregation: ['aggregation'],
  requirePrivacy: ['privacyUnit'],
  allowTrustedCoordinator: ['privacy'],
  budget: ['privacy'],
  minimumCohort: ['cohort'],
  minimumKnownOrganisations: [],
  excludedOrganisations: [],
  roundsPerJob: ['rounds'],
  examplesPerRound: ['training'],
  secondsPerRound: ['training'],
  secondsPerJob: ['training'],
  bytesUpPerRound: ['parameters', 'codec'],
  bytesDownPerRound: ['parameters'],
  memoryMegabytes: [],
};

test('no change of a manifest permits what a rule forbids, unless it is of what the rule reads', () => {
  expect(Object.keys(READ).sort()).toEqual(PolicyRule.anyOf.map(({ const: rule }) => rule).sort());
  const seen = new Set<string>();
  fc.assert(
    fc.property(words, manifests, manifests, contexts, (word, of, other, at) => {
      // A statistic is no change of a training: it has no graph, and is another job.
      if (isStatistic(of) !== isStatistic(other)) return;
      const decision = decideParticipation(word, of, at);
      if (decision.type !== 'refused') return;
      for (const { rule } of decision.refusals) {
        const kept = READ[rule] ?? [];
        const pick = (from: object, isKept: boolean) =>
          Object.fromEntries(Object.entries(from).filter(([key]) => kept.includes(key) === isKept));
        const changed = { ...pick(other, false), ...pick(of, true), name: 'permit me' } as JobManifest;
        const after = decideParticipation(word, changed, at);
        const rules = after.type === 'refused' ? after.refusals.map((refusal) => refusal.rule) : [];
        expect(rules).toContain(rule);
        seen.add(rule);
      }
    }),
    { numRuns: 800 },
  );
  expect([...seen].sort()).toEqual(Object.keys(READ).sort());
});

test('nothing in the manifest but what a rule is about changes the verdict', () => {
  const policy = { purposes: ['sepsis: *'], minimumCohort: 5 };
  const verdict = (changed: object) =>
    decideParticipation({ policy, limits: {} }, { ...manifest, ...changed }, context).type;
  expect(verdict({ cohort: { size: 10, minimum: 5 } })).toBe('permitted');
  fc.assert(
    fc.property(fc.string({ minLength: 1 }), fc.integer({ min: 1, max: 1e6 }), (name, rounds) => {
      expect(verdict({ name, rounds, seed: name })).toBe('refused');
    }),
  );
});
