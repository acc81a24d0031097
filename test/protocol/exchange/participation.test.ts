import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  decideParticipation,
  isPermittedPurpose,
  type ParticipationContext,
} from '../../../protocol/exchange/participation.ts';
import type { TrainingManifest } from '../../../schemas/job.ts';
import type { CostLimits, NodePolicy } from '../../../schemas/node-policy.ts';
import { manifestOf } from '../../fixtures/manifest.ts';

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
  organisations: ['clinic-a', 'clinic-b', 'stranger'],
};
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

const maybe = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined });
const rules = fc.record({
  allowPlainAggregation: maybe(fc.boolean()),
  purposes: maybe(fc.subarray(['sepsis: *', 'other', '*'], { minLength: 1 })),
  requirePrivacy: maybe(fc.boolean()),
  allowTrustedCoordinator: maybe(fc.boolean()),
  minimumCohort: maybe(fc.integer({ min: 1, max: 5 })),
  knownOrganisations: fc.subarray(['clinic-a', 'clinic-b', 'clinic-c'], { minLength: 1 }),
  minimumKnownOrganisations: maybe(fc.integer({ min: 1, max: 2 })),
  hours: maybe(
    fc.subarray(
      [
        { from: '22:00', to: '23:30' },
        { from: '01:00', to: '05:00' },
      ],
      { minLength: 1 },
    ),
  ),
});
const costs = fc.record({
  roundsPerJob: maybe(fc.integer({ min: 15, max: 60 })),
  examplesPerRound: maybe(fc.integer({ min: 15, max: 600 })),
  secondsPerRound: maybe(fc.integer({ min: 1, max: 9 })),
  secondsPerJob: maybe(fc.integer({ min: 8, max: 40 })),
  bytesUpPerRound: maybe(fc.integer({ min: 50, max: 1000 })),
  bytesDownPerRound: maybe(fc.integer({ min: 50, max: 1000 })),
  memoryMegabytes: maybe(fc.integer({ min: 30, max: 200 })),
});

/** Both rules at once: shorter lists, fewer permissions, higher minima, lower limits. */
function both(a: NodePolicy, b: NodePolicy): NodePolicy {
  const shared = <T>(x?: readonly T[], y?: readonly T[]) =>
    x && y ? x.filter((one) => y.includes(one)) : (x ?? y);
  const higher = (x?: number, y?: number) => (x === undefined ? y : Math.max(x, y ?? x));
  return {
    allowPlainAggregation: a.allowPlainAggregation === true && b.allowPlainAggregation === true,
    purposes: shared(a.purposes, b.purposes),
    allowTrustedCoordinator: a.allowTrustedCoordinator === true && b.allowTrustedCoordinator === true,
    requirePrivacy: a.requirePrivacy === true || b.requirePrivacy === true,
    minimumCohort: higher(a.minimumCohort, b.minimumCohort),
    knownOrganisations: shared(a.knownOrganisations, b.knownOrganisations),
    minimumKnownOrganisations: higher(a.minimumKnownOrganisations, b.minimumKnownOrganisations),
    hours: shared(a.hours, b.hours),
  } as NodePolicy;
}

test('a stricter policy never permits more', () => {
  let permitted = 0;
  fc.assert(
    fc.property(rules, rules, costs, costs, fc.boolean(), (a, b, lowA, lowB, isPlain) => {
      const [policyA, policyB] = [a as NodePolicy, b as NodePolicy];
      const lower = Object.fromEntries(
        Object.keys(lowA).map((key) => {
          const [x, y] = [lowA[key as keyof typeof lowA], lowB[key as keyof typeof lowB]];
          return [key, x === undefined ? y : Math.min(x, y ?? x)];
        }),
      ) as CostLimits;
      const of = isPlain ? plainManifest : manifest;
      if (decide(both(policyA, policyB), lower, {}, of).type !== 'permitted') return;
      permitted += 1;
      expect(decide(policyA, lowA as CostLimits, {}, of)).toEqual({ type: 'permitted' });
    }),
    { numRuns: 3000 },
  );
  expect(permitted).toBeGreaterThan(0);
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
