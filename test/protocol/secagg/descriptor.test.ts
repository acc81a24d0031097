import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { primitives } from '#primitives';
import type { Signer } from '../../../protocol/primitives.ts';
import {
  checkDescriptor,
  checkSecureTerms,
  type DescriptorLimits,
  describeRound,
  mostColluders,
  type RoundTerms,
  roundId,
  sharingOf,
  signDescriptor,
  survivorsMinimum,
  thresholdOf,
} from '../../../protocol/secagg/descriptor.ts';
import type { JobManifest } from '../../../schemas/job.ts';
import type { RoundDescriptor } from '../../../schemas/secagg.ts';
import { DEADLINES, termsOf } from '../../fixtures/secure-attempt.ts';
import { secureManifestOf } from '../../fixtures/small-attempt.ts';

const NONCE = '44'.repeat(32);
const LIMITS: DescriptorLimits = { suites: [1, 2], allowsSparse: false };
let coordinator: Signer;
let terms: RoundTerms;
let right: RoundDescriptor;

beforeAll(async () => {
  coordinator = await primitives.signer(new Uint8Array(32).fill(77));
  terms = termsOf(secureManifestOf(4), coordinator);
  right = describeRound(terms, DEADLINES, NONCE);
});

const check = async (descriptor: RoundDescriptor, limits = LIMITS, of = terms) =>
  checkDescriptor(primitives, await signDescriptor(descriptor, coordinator), of, limits);

test('what follows from the manifest, the round and the model is believed, and has an id', async () => {
  expect(await check(right)).toEqual(await roundId(primitives, right));
  expect(right).toMatchObject({ threshold: 3, survivorsMinimum: 3, rosterMinimum: 3, rosterMaximum: 4 });
});

test('nonce and moments are for the coordinator to choose, and make another round of it', async () => {
  const id = await check(right);
  const later = { ...DEADLINES, unmasking: '2026-11-27T00:06:00.000Z' };
  for (const other of [
    { ...right, nonce: '55'.repeat(32) },
    { ...right, deadlines: later },
  ])
    expect(await check(other)).not.toEqual(id);
});

test.each<[field: keyof RoundDescriptor, value: unknown]>([
  ['federationId', 'fed-ffffffffffffffff'],
  ['coordinatorKey', 'ab'.repeat(32)],
  ['jobId', 'job-ffffffffffffffff'],
  ['manifestSha256', 'ab'.repeat(32)],
  ['round', 4],
  ['attempt', 2],
  ['model', 'ab'.repeat(32)],
  ['suite', 2],
  ['parameters', 6],
  ['width', 21],
  ['rosterMinimum', 4],
  ['rosterMaximum', 5],
  ['degree', 2],
  ['threshold', 4],
  ['survivorsMinimum', 2],
  ['colluders', 1],
])('another %s than what this node knows is refused by its name', async (field, value) => {
  await expect(check(right)).resolves.toBeDefined();
  await expect(check({ ...right, [field]: value } as RoundDescriptor)).rejects.toMatchObject({
    code: 'descriptorInvalid',
    detail: { field, got: JSON.stringify(value) },
  });
});

test('a threshold that is too low is told as such', async () => {
  await expect(check({ ...right, threshold: 2 })).rejects.toMatchObject({
    code: 'thresholdTooLow',
    detail: { threshold: 2, needed: 3 },
  });
});

test('a suite that the owner does not permit is refused, though the job is of that suite', async () => {
  await expect(check(right, { ...LIMITS, suites: [1] })).resolves.toBeDefined();
  await expect(check(right, { ...LIMITS, suites: [2] })).rejects.toMatchObject({
    code: 'suiteRefused',
    detail: { suite: 1, permitted: [2] },
  });
});

test('moments that do not follow each other are refused; two at once are fine', async () => {
  await expect(
    check({ ...right, deadlines: { ...DEADLINES, sharing: DEADLINES.advertising } }),
  ).resolves.toBeDefined();
  for (const wrong of [
    { ...DEADLINES, sharing: '2026-11-26T23:59:59.000Z' },
    { ...DEADLINES, consenting: DEADLINES.unmasking, unmasking: DEADLINES.consenting },
  ])
    await expect(check({ ...right, deadlines: wrong })).rejects.toMatchObject({
      code: 'descriptorInvalid',
      detail: { field: 'deadlines' },
    });
});

test('the clip norm of a round is the one that follows from the clip counts, where there is one, and else none', async () => {
  const manifest = {
    ...terms.manifest,
    codec: { ...terms.manifest.codec, adaptive: { quantile: 0.5, rate: 0.2, bitScale: 10 } },
  };
  const of = { ...terms, manifest, clipNorm: 0.25 };
  const adaptive = describeRound(of, DEADLINES, NONCE);
  expect(adaptive.clipNorm).toBe(0.25);
  await expect(check(adaptive, LIMITS, of)).resolves.toBeDefined();
  const { clipNorm: _, ...without } = adaptive;
  for (const [descriptor, known] of [
    [{ ...adaptive, clipNorm: 0.2500001 }, of],
    [without, of],
    [{ ...right, clipNorm: 0.25 }, terms],
  ] as const)
    await expect(check(descriptor, LIMITS, known)).rejects.toMatchObject({
      code: 'descriptorInvalid',
      detail: { field: 'clipNorm' },
    });
});

test('a signature of somebody else, or of something else, is refused first', async () => {
  const stranger = await primitives.signer(new Uint8Array(32).fill(99));
  const other = await signDescriptor({ ...right, round: 9 }, coordinator);
  for (const forged of [await signDescriptor(right, stranger), { ...other, descriptor: right }])
    await expect(checkDescriptor(primitives, forged, terms, LIMITS)).rejects.toMatchObject({
      code: 'descriptorInvalid',
      detail: { field: 'signature' },
    });
});

describe('beyond 128 participants', () => {
  const sparse = () => {
    const secureAggregation = { suite: 1, colluders: 7, answerSeconds: 10 } as const;
    return termsOf(secureManifestOf(140, { secureAggregation }), coordinator);
  };

  test('each has some neighbours: which a simulation permits, and nobody else', async () => {
    const of = sparse();
    const described = describeRound(of, DEADLINES, NONCE);
    expect(described.degree).toBeGreaterThan(2);
    expect(described.threshold).toBeLessThan(described.degree ?? 0);
    await expect(check(described, { ...LIMITS, allowsSparse: true }, of)).resolves.toBeDefined();
    await expect(check(described, LIMITS, of)).rejects.toMatchObject({
      code: 'descriptorInvalid',
      detail: { field: 'degree' },
    });
  });

  test('where nobody is safe there is no round', () => {
    const many = secureManifestOf(140, {
      secureAggregation: { suite: 1, colluders: 139, answerSeconds: 10 },
    });
    expect(() => sharingOf(sparse().manifest)).not.toThrow();
    expect(() => sharingOf(many)).toThrow(
      expect.objectContaining({
        code: 'manifestInvalid',
        detail: expect.objectContaining({ where: 'cohort' }),
      }),
    );
  });
});

describe('terms of a job', () => {
  const { secureAggregation: _, ...unsaid } = secureManifestOf(4);
  const colluders = (count: number, most: number) =>
    secureManifestOf(count, { secureAggregation: { suite: 1, colluders: most, answerSeconds: 10 } });

  test.each<[what: string, sound: JobManifest, wrong: JobManifest, where: string]>([
    ['a secure job that does not say how', secureManifestOf(4), unsaid as JobManifest, 'secureAggregation'],
    ['two participants', secureManifestOf(3), secureManifestOf(2), 'cohort'],
    ['too many colluders', colluders(4, 1), colluders(4, 2), 'secureAggregation.colluders'],
    [
      'a size that never reaches the threshold',
      secureManifestOf(4, { cohort: { size: 4, minimum: 1, extra: 1 } }),
      secureManifestOf(4, { cohort: { size: 4, minimum: 1, extra: 3 } }),
      'cohort.extra',
    ],
  ])('%s is refused', (_what, sound, wrong, where) => {
    expect(() => checkSecureTerms(sound)).not.toThrow();
    expect(() => checkSecureTerms(wrong)).toThrow(
      expect.objectContaining({ code: 'manifestInvalid', detail: expect.objectContaining({ where }) }),
    );
  });

  test('the threshold stands as many colluders as are said, and not one more', () => {
    fc.assert(
      fc.property(fc.integer({ min: 3, max: 128 }), (count) => {
        const cohort = { size: count, minimum: 1 };
        const threshold = thresholdOf(cohort);
        const most = mostColluders(cohort);
        expect(sharingOf(secureManifestOf(count))).toEqual({ degree: null, threshold });
        expect(2 * threshold > count + most).toBe(true);
        expect(2 * threshold > count + most + 1).toBe(false);
        expect(() => checkSecureTerms(colluders(count, most))).not.toThrow();
        expect(() => checkSecureTerms(colluders(count, most + 1))).toThrow('colluders');
      }),
      { numRuns: 30 },
    );
  });

  test('a round is opened with no fewer updates than its threshold, and than its job has promised', () => {
    const of = (minimum: number) => survivorsMinimum(secureManifestOf(9, { cohort: { size: 9, minimum } }));
    expect([of(1), of(7), of(8), of(9)]).toEqual([7, 7, 8, 9]);
  });
});
