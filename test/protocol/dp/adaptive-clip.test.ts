// covers: protocol/past-rounds.ts
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { authorJob } from '../../../client/author-job.ts';
import {
  clipFraction,
  codecOfRound,
  MEDIAN,
  nextClipNorm,
  openedFraction,
  splitNoise,
} from '../../../protocol/dp/adaptive-clip.ts';
import { checkPrivacy } from '../../../protocol/dp/check-privacy.ts';
import { jobPrivacy, sensitivityOf } from '../../../protocol/dp/job-privacy.ts';
import { rdpEpsilon } from '../../../protocol/dp/rdp-accountant.ts';
import { checkedClipNorm, clipNormOf } from '../../../protocol/past-rounds.ts';
import { isProblem } from '../../../protocol/problem.ts';
import { seededRandom } from '../../../protocol/random.ts';
import { RingSum } from '../../../protocol/ring/sum.ts';
import { encodeUpdate } from '../../../protocol/ring/update.ts';
import type { RoundSummary, TrainingManifest } from '../../../schemas/job.ts';
import { clipNorms } from '../../fixtures/clip-norms.ts';
import { smallPlan } from '../../fixtures/small-job.ts';

const RULE = { initial: 1, ...MEDIAN };

test('known answers of the rule', () => {
  expect(nextClipNorm(1, 0.5, RULE)).toBe(1);
  expect(nextClipNorm(1, 1, RULE)).toBeCloseTo(Math.exp(-0.1), 15);
  expect(nextClipNorm(2, 0, RULE)).toBeCloseTo(2 * Math.exp(0.1), 15);
  expect(nextClipNorm(1, 0.75, { ...RULE, quantile: 0.8 })).toBeCloseTo(Math.exp(0.01), 15);
});

test('C finds the median of lengths, wherever it begins', () => {
  // Lengths as far apart as log-normal ones are, around 3.
  const norms = Array.from({ length: 101 }, (_, i) => 3 * Math.exp((i - 50) / 25));
  for (const initial of [0.01, 3, 1000]) {
    const rule = { ...MEDIAN, initial };
    let clipNorm = initial;
    const fractions: number[] = [];
    for (let round = 0; round < 300; round += 1) {
      const bits = norms.reduce((sum, norm) => sum + (norm <= clipNorm ? 1 : -1), 0);
      fractions.push(clipFraction(7 * bits, 7, norms.length));
      clipNorm = nextClipNorm(clipNorm, fractions.at(-1) ?? 0, rule);
    }
    expect(clipNorm / 3).toBeGreaterThan(0.9);
    expect(clipNorm / 3).toBeLessThan(1.1);
    // Whoever knows the fractions recomputes all of it.
    expect(clipNorms(fractions, rule).at(-1)).toBe(clipNorm);
  }
});

test('no noise takes C beyond a step of the rule, nor out of its range in the end', () => {
  fc.assert(
    fc.property(
      fc.double({ noNaN: true }),
      fc.double({ min: 1e-6, max: 1e6, noNaN: true }),
      (b, clipNorm) => {
        const next = nextClipNorm(clipNorm, b, RULE);
        expect(Math.abs(Math.log(next / clipNorm))).toBeLessThanOrEqual(0.1 + 1e-12);
      },
    ),
  );
  const wild = clipNorms(Array<number>(10_000).fill(Number.NEGATIVE_INFINITY), RULE);
  expect(wild.at(-1)).toBe(2 ** 40);
});

test('vector and bit share the noise as the paper says, under one charge', () => {
  fc.assert(
    fc.property(
      fc.double({ min: 0.5, max: 5, noNaN: true }),
      fc.double({ min: 1000, max: 1e5, noNaN: true }),
      fc.double({ min: 3, max: 50, noNaN: true }),
      (z, sensitivity, wanted) => {
        const { bitScale, norm, vectorMultiplier, bitSigma } = splitNoise(z, sensitivity, wanted);
        expect(bitSigma).toBeGreaterThanOrEqual(wanted * (1 - 1e-12));
        expect(norm).toBeCloseTo(Math.hypot(sensitivity, bitScale), 9);
        expect(vectorMultiplier ** -2 + (2 * bitSigma) ** -2).toBeCloseTo(z ** -2, 9);
        expect(vectorMultiplier).toBeGreaterThan(z);
        // Composed as two mechanisms they cost no more than the one that is charged, and no less.
        const [both, one] = [
          rdpEpsilon(
            {
              type: 'compose',
              events: [
                { type: 'gaussian', noiseMultiplier: vectorMultiplier },
                { type: 'gaussian', noiseMultiplier: 2 * bitSigma },
              ],
            },
            'replace-special',
            1e-5,
          ),
          rdpEpsilon({ type: 'gaussian', noiseMultiplier: z }, 'replace-special', 1e-5),
        ];
        expect(both / one).toBeCloseTo(1, 9);
      },
    ),
    { numRuns: 30 },
  );
});

test('the exponential is that of the rule, and the same bits in every engine', () => {
  const moved = (x: number) =>
    nextClipNorm(1, x < 0 ? 1 : 0, { ...RULE, quantile: x < 0 ? 0 : 1, rate: Math.abs(x) });
  fc.assert(
    fc.property(fc.double({ min: -1, max: 1, noNaN: true }), (x) => {
      expect(Math.abs(moved(x) / Math.exp(x) - 1)).toBeLessThan(2 ** -50);
    }),
  );
  // The recurrence of SPEC.md 12.10 in exact fractions, each result rounded to the nearest float64.
  expect(moved(-0.1)).toBe(0.9048374180359595);
  expect(moved(0.5)).toBe(1.6487212707001282);
  expect(moved(-1)).toBe(0.36787944117144233);
});

test('a bit that would take all noise, or has no room, is refused', () => {
  expect(splitNoise(2, 1000, 1.1).bitScale).toBeGreaterThan(1000);
  expect(() => splitNoise(2, 1000, 1)).toThrow(RangeError);
  expect(splitNoise(1, 100, 40).bitScale).toBe(1);
  expect(() => splitNoise(1, 100, 60)).toThrow(RangeError);
});

describe('in a job', () => {
  const PROMISE = { unit: 'participant', noise: 'discreteGaussian', epsilon: 8, delta: 1e-3 } as const;
  const authored = async (adaptive?: { quantile: number; rate: number }): Promise<TrainingManifest> => {
    const privacy = { ...PROMISE, force: true, ...(adaptive && { adaptive }) };
    const aggregation = { suite: 1, colluders: 0, answerSeconds: 60 } as const;
    const cohort = { size: 100, minimum: 100 };
    const plan = smallPlan({ weighting: 'uniform', cohort, aggregation, privacy });
    return (await authorJob(plan, 'fed-0123456789abcdef')).manifest;
  };

  test('the codec of a round has as many steps in the clip norm as that of the first', async () => {
    const { codec } = await authored(MEDIAN);
    const third = codecOfRound(codec, 0.3);
    expect(third.clipNorm).toBe(0.3);
    expect(third.clipNorm / third.grid).toBeCloseTo(codec.clipNorm / codec.grid, 9);
    expect(codecOfRound(codec, undefined)).toBe(codec);
    const fixed = (await authored()).codec;
    expect(codecOfRound(fixed, 0.3)).toBe(fixed);
    const turned = codecOfRound({ ...codec, rotation: { block: 4, bound: codec.clipNorm / 2 } }, 0.3);
    expect(turned.rotation?.bound).toBeCloseTo(0.15, 12);
  });

  test('vector and bit are charged together, and cost little more noise than the vector alone', async () => {
    const [adaptive, fixed] = [await authored(MEDIAN), await authored()];
    expect(adaptive.codec).toMatchObject({ counters: 1, adaptive: { ...MEDIAN } });
    const D = (manifest: TrainingManifest) =>
      sensitivityOf({ ...manifest, batchSize: manifest.training.batchSize });
    const s = adaptive.codec.adaptive?.bitScale ?? 0;
    const { adaptive: _, ...alone } = adaptive.codec;
    expect(D(adaptive)).toBeCloseTo(Math.hypot(D({ ...adaptive, codec: alone }), s), 3);
    const [z, zFixed] = [adaptive, fixed].map((one) => jobPrivacy(one)?.noiseMultiplier ?? 0) as [
      number,
      number,
    ];
    expect(z).toBeCloseTo(zFixed, 3);
    expect(adaptive.privacy?.epsilonServer).toBeLessThanOrEqual(8);
    // The noise that is counted on hides a count to a twentieth of the cohort.
    const parties = jobPrivacy(adaptive)?.parties ?? 0;
    const counted = (adaptive.codec.noise?.sigma ?? 0) * Math.sqrt(parties);
    expect(counted / (2 * s)).toBeCloseTo(5, 0);
  });

  test('a manifest cannot leave the bit out of what it charges, nor the noise out of the bit', async () => {
    const manifest = await authored(MEDIAN);
    expect(() => checkPrivacy(manifest)).not.toThrow();
    const { codec } = manifest;
    const where = (change: Partial<TrainingManifest>) => {
      try {
        checkPrivacy({ ...manifest, ...change });
        return undefined;
      } catch (error) {
        return isProblem(error, 'manifestInvalid') ? error.detail.where : error;
      }
    };
    const adaptive = { ...MEDIAN, bitScale: 1_000_000 };
    expect(where({ codec: { ...codec, adaptive } })).toBe('privacy.epsilonServer');
    expect(where({ codec: { ...codec, counters: 0 } })).toBe('codec.counters');
    const { adaptive: _, ...fixed } = codec;
    expect(where({ codec: fixed })).toBe('codec.counters');
    const { noise: __, ...noiseless } = codec;
    expect(where({ codec: noiseless })).toBe('codec.adaptive');
    expect(where({ privacyUnit: 'example' })).toBe('codec.adaptive');
  });

  test('no update is longer than what is charged for, however far the clip norm moves', async () => {
    const manifest = await authored(MEDIAN);
    const { codec } = manifest;
    const L = codec.clipNorm / codec.grid;
    const scaled = (clipNorm: number) => ({ ...manifest, codec: { ...codec, clipNorm, grid: clipNorm / L } });
    const refused = (clipNorm: number) => expect(() => checkPrivacy(scaled(clipNorm)));
    for (const clipNorm of [2 ** -70, 1, 2 ** 79]) {
      refused(clipNorm).not.toThrow();
      const { codec: first } = scaled(clipNorm);
      for (const fraction of [0, 1]) {
        const norms = clipNorms(Array(400).fill(fraction), { ...MEDIAN, initial: clipNorm });
        for (const norm of norms) {
          const { clipNorm: C, grid } = codecOfRound(first, norm);
          expect(Math.abs(C / grid / (first.clipNorm / first.grid) - 1)).toBeLessThan(1e-15);
        }
        expect(norms.at(-1)).toBe(fraction === 0 ? clipNorm * 2 ** 40 : clipNorm / 2 ** 40);
      }
    }
    // So small that its multiples are rounded to few digits, or to none.
    for (const clipNorm of [1e-310, 2 ** -81, 2 ** 81])
      refused(clipNorm).toThrow(expect.objectContaining({ code: 'manifestInvalid' }));
    const bound = (size: number) => ({
      ...manifest,
      codec: { ...codec, rotation: { block: 4, bound: size } },
    });
    expect(() => checkPrivacy(bound(1))).not.toThrow();
    expect(() => checkPrivacy(bound(1e-310))).toThrow(expect.objectContaining({ code: 'manifestInvalid' }));
  });

  test('an opened count tells the share that was not clipped, as far as its noise lets it', async () => {
    const { codec } = await authored(MEDIAN);
    const random = seededRandom(new Uint8Array(32).fill(9));
    for (const whole of [0, 20, 50, 100]) {
      const sum = new RingSum(codec, 4);
      for (let i = 0; i < 100; i += 1) {
        const counters = [i < whole ? 1 : 0];
        sum.add(encodeUpdate({ delta: new Float32Array(4), weight: 1, counters }, codec, random));
      }
      const fraction = openedFraction(codec, sum.open()) ?? Number.NaN;
      const deviation = ((codec.noise?.sigma ?? 0) * 10) / (2 * 100 * (codec.adaptive?.bitScale ?? 0));
      expect(deviation).toBeLessThan(0.1);
      expect(Math.abs(fraction - whole / 100)).toBeLessThan(6 * deviation);
    }
  });

  test('C of a round follows from what the rounds before it have told, whatever was aborted meanwhile', async () => {
    const manifest = await authored(MEDIAN);
    const { clipNorm: initial } = manifest.codec;
    const told = (round: number, clipping?: RoundSummary['clipping']) =>
      ({ round, ...(clipping && { clipping }) }) as RoundSummary;
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: -0.5, max: 1.5, noNaN: true }), { maxLength: 20 }),
        (fractions) => {
          const norms = clipNorms(fractions, { ...MEDIAN, initial });
          const rounds = fractions.flatMap((fraction, at) => [
            told(at + 1),
            told(at + 1, { clipNorm: norms[at] as number, fraction }),
          ]);
          for (const [at, clipNorm] of norms.entries())
            for (const normOf of [clipNormOf, checkedClipNorm])
              expect(normOf(manifest, rounds, at + 1)).toBe(clipNorm);
        },
      ),
    );
    for (const normOf of [clipNormOf, checkedClipNorm])
      expect(normOf(await authored(), [], 1)).toBeUndefined();
  });

  test('a coordinator that tells other clip norms than follow from its counts is not believed', async () => {
    const manifest = await authored(MEDIAN);
    const { clipNorm: initial } = manifest.codec;
    const fractions = [0.9, 0.2, 0.7];
    const norms = clipNorms(fractions, { ...MEDIAN, initial });
    const honest = fractions.map(
      (fraction, at) => ({ round: at + 1, clipping: { clipNorm: norms[at], fraction } }) as RoundSummary,
    );
    const [first, second, third] = honest as [RoundSummary, RoundSummary, RoundSummary];
    const other = (summary: RoundSummary, change: object) =>
      ({ ...summary, clipping: { ...summary.clipping, ...change } }) as RoundSummary;
    expect(checkedClipNorm(manifest, honest, 4)).toBe(norms[3]);
    for (const [rounds, round] of [
      [[first, other(second, { clipNorm: 0.5 }), third], 2],
      [[first, other(second, { fraction: 0.3 }), third], 3],
      [[first, third], 2],
      [[first, second], 3],
      [[first, first, second, third], 2],
      [[second, first, third], 1],
      [[first, second, third, third], 4],
    ] as const)
      expect(() => checkedClipNorm(manifest, rounds, 4)).toThrow(
        expect.objectContaining({ code: 'modelChainBroken', detail: expect.objectContaining({ round }) }),
      );
    // What is told of later rounds is no matter of an earlier one.
    expect(checkedClipNorm(manifest, [first, third], 2)).toBe(norms[1]);
  });
});
