/**
 * From opened sums to what an audit says: pure, for whoever holds sums, manifest and the canaries. SPEC.md 12.8.
 */
import { bestGuesses, refutedAtLeast } from '../../protocol/dp/audit/audit-power.ts';
import { type CorrelationTest, testCorrelation } from '../../protocol/dp/audit/correlation-test.ts';
import { epsilonRefuted, guessByScore } from '../../protocol/dp/audit/one-run-bound.ts';
import { estimateEpsilon, type OneShotEstimate } from '../../protocol/dp/audit/one-shot-estimate.ts';
import { testVariance, type VarianceTest } from '../../protocol/dp/audit/variance-test.ts';
import { jobPrivacy } from '../../protocol/dp/job-privacy.ts';
import { unpack } from '../../protocol/ring/bit-pack.ts';
import { parseSum } from '../../protocol/secagg/model-chain.ts';
import type { JobManifest, PrivacyUnit } from '../../schemas/job.ts';

/** Chance of a false alarm of each test of noise. */
const FALSE_ALARM = 1e-6;
/** Of the lower bound. */
const CONFIDENCE = 0.95;

/** What was put into a job, and what came out. */
export interface AuditedJob {
  readonly manifest: JobManifest;
  /** Stored sums of the released rounds. */
  readonly sums: readonly Uint8Array[];
  /** Updates in each of them. */
  readonly survivors: number;
  /** Coordinates that hold noise alone: from, to. */
  readonly nullRange: readonly [from: number, to: number];
  /** Coordinates in which the directions of the canaries lie. */
  readonly canaryRange: readonly [from: number, to: number];
  /** Unit vectors of those coordinates, and whether each was in. */
  readonly canaries: readonly AuditedCanary[];
}

export interface AuditedCanary {
  /** Sparse: places in the flat model, and values. */
  readonly places: readonly number[];
  readonly values: readonly number[];
  readonly isIn: boolean;
}

export interface LowerBound {
  readonly verdict: 'withinClaim' | 'beyondClaim';
  readonly canaries: number;
  readonly guesses: number;
  readonly right: number;
  readonly confidence: number;
  readonly epsilon: number;
  /** The largest bound that so many guesses can give: a claim above it cannot be refuted. */
  readonly most: number;
  /** Bounds that are reached with a probability of 99 % where noise is as promised, a half or a tenth, by normal scores. */
  readonly power: { readonly promised: number; readonly half: number; readonly tenth: number };
}

export type AuditTest = 'variance' | 'correlation' | 'canaries';

export interface AuditReport {
  readonly unit: PrivacyUnit;
  readonly claim: {
    readonly epsilon: number;
    readonly delta: number;
    readonly neighbouring: string;
    readonly noiseMultiplier: number;
    readonly rounds: number;
    readonly survivors: number;
  };
  readonly variance: VarianceTest;
  readonly correlation: CorrelationTest;
  readonly canaries: LowerBound;
  readonly estimate: OneShotEstimate;
  /** Tests that have refuted the claim. */
  readonly alarms: readonly AuditTest[];
}

/** @throws RangeError for a job whose participants promise nothing against its coordinator, or of which no sum was opened */
export function auditReport(audited: AuditedJob): AuditReport {
  const { manifest, survivors, nullRange } = audited;
  const { codec, privacy, rounds } = manifest;
  const promised = jobPrivacy(manifest);
  if (privacy?.epsilonServer === undefined || !codec.noise || !promised)
    throw new RangeError('the job promises nothing against its coordinator');
  const { epsilonServer: epsilon, delta } = privacy;
  const sums = audited.sums.map((sum) => coordinatesOf(manifest, sum));
  const { sigma, type } = codec.noise;
  const noise = sums.map((sum) => sum.subarray(...nullRange));
  // Skellam of variance v has an excess kurtosis of 1/v, and sums of several a smaller one.
  const kurtosis = type === 'skellam' ? 1 / sigma ** 2 : 0;
  const variance = testVariance(noise, survivors * sigma ** 2, FALSE_ALARM, kurtosis);
  const correlation = testCorrelation(noise, FALSE_ALARM);
  const total = addedUp(sums);
  const canaries = lowerBound(audited, total, { epsilon, delta });
  const alarms: AuditTest[] = [];
  if (variance.verdict === 'tooLittle') alarms.push('variance');
  if (correlation.verdict === 'repeated') alarms.push('correlation');
  if (canaries.verdict === 'beyondClaim') alarms.push('canaries');
  const { unit, neighbouring, noiseMultiplier } = promised;
  return {
    unit,
    claim: { epsilon, delta, neighbouring, noiseMultiplier, rounds, survivors },
    ...{ variance, correlation, canaries },
    estimate: estimate(audited, total, delta),
    alarms,
  };
}

function lowerBound(
  { manifest, canaries, survivors }: AuditedJob,
  total: Float64Array,
  { epsilon: claimed, delta }: Pick<AuditReport['claim'], 'epsilon' | 'delta'>,
): LowerBound {
  const separation = (noise: number) => separationOf(manifest, survivors, noise);
  const size = (guesses: number) => ({ canaries: canaries.length, guesses, delta, confidence: CONFIDENCE });
  // Those that promise most where noise is a tenth.
  const guesses = bestGuesses(size(1), separation(1 / 10));
  const scores = canaries.map((canary) => along(canary, total));
  const isIn = canaries.map((canary) => canary.isIn);
  const guessed = guessByScore(scores, isIn, guesses);
  const epsilon = epsilonRefuted(guessed, delta, CONFIDENCE);
  return {
    verdict: epsilon > claimed ? 'beyondClaim' : 'withinClaim',
    ...guessed,
    confidence: CONFIDENCE,
    epsilon,
    most: epsilonRefuted({ ...guessed, right: guesses }, delta, CONFIDENCE),
    power: {
      promised: refutedAtLeast(size(guesses), separation(1)),
      half: refutedAtLeast(size(guesses), separation(1 / 2)),
      tenth: refutedAtLeast(size(guesses), separation(1 / 10)),
    },
  };
}

/**
 * By how many standard deviations scores of canaries that are in exceed those of the others, over all rounds.
 * @param noise part of the promised deviation that is there
 */
function separationOf({ codec, rounds }: JobManifest, survivors: number, noise: number): number {
  const levels = codec.clipNorm / codec.grid;
  const rate = codec.lot?.rate ?? 1;
  const sigma = (codec.noise?.sigma ?? 0) * noise;
  const variance = survivors * sigma ** 2 + rate * (1 - rate) * levels ** 2;
  return (Math.sqrt(rounds) * rate * levels) / Math.sqrt(variance);
}

function estimate(
  { canaries, canaryRange: [from, to] }: AuditedJob,
  total: Float64Array,
  delta: number,
): OneShotEstimate {
  const part = total.subarray(from, to);
  const norm = Math.sqrt(part.reduce((sum, x) => sum + x * x, 0));
  const cosines = canaries.filter(({ isIn }) => isIn).map((canary) => along(canary, total) / norm);
  return estimateEpsilon(cosines, to - from, delta);
}

function along({ places, values }: AuditedCanary, total: Float64Array): number {
  return places.reduce((sum, place, i) => sum + (values[i] as number) * (total[place] as number), 0);
}

function addedUp(sums: readonly Int32Array[]): Float64Array {
  const total = new Float64Array(sums[0]?.length ?? 0);
  for (const sum of sums)
    for (let i = 0; i < sum.length; i += 1) total[i] = (total[i] as number) + (sum[i] as number);
  return total;
}

function coordinatesOf(manifest: JobManifest, sum: Uint8Array): Int32Array {
  const coordinates = new Int32Array(manifest.parameters);
  unpack(parseSum(manifest, sum).words, manifest.codec.width, coordinates);
  return coordinates;
}
