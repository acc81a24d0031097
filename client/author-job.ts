/**
 * Making a job: from a model and a plan to a manifest and the content it names. SPEC.md section 6.1.
 */
import { primitives } from '#primitives';
import { toHex } from '../protocol/bytes.ts';
import { deviationOfSum, drawsOfRounds } from '../protocol/dp/central-noise.ts';
import { checkPrivacy, statedEpsilon } from '../protocol/dp/check-privacy.ts';
import { countedParties } from '../protocol/dp/counted-parties.ts';
import { DRIFT_MOST, noiseOfModel, usefulCohort } from '../protocol/dp/noise-of-model.ts';
import { type NoisePlan, type PlannedLaw, type PlannedNoise, planNoise } from '../protocol/dp/plan-noise.ts';
import { parse } from '../protocol/parse.ts';
import { HanseError } from '../protocol/problem.ts';
import { planCodec } from '../protocol/ring/width.ts';
import { checkSecureTerms, mostColluders } from '../protocol/secagg/descriptor.ts';
import { encodeParameters } from '../protocol/vector.ts';
import { Codec } from '../schemas/codec.ts';
import { type JobManifest, type JobStatus, type PrivacyUnit, TrainingManifest } from '../schemas/job.ts';
import type { PrivacyPromise } from '../schemas/privacy.ts';
import type { SecureAggregation } from '../schemas/secagg.ts';
import type { Strategy } from '../schemas/strategy.ts';
import type { LocalTraining } from '../schemas/training.ts';
import type { CoordinatorApi } from './coordinator-api.ts';
import { compileLocalTraining } from './graph/compile-local-training.ts';
import { exportModel } from './graph/export-model.ts';
import type { ForwardGraph } from './graph/forward-graph.ts';
import { initialParameters } from './graph/parameters.ts';

/** What an author decides; the rest of the manifest follows. */
export interface JobPlan {
  readonly name: string;
  readonly purpose: string;
  /** Its parameters are the model before round 1; how it was read becomes part of the job. */
  readonly forward: ForwardGraph;
  readonly training: LocalTraining;
  readonly strategy: Strategy;
  readonly rounds: number;
  readonly cohort: JobManifest['cohort'];
  /** L2 norm that the update of a participant may have; longer ones are scaled down to it. */
  readonly clipNorm: number;
  /** Whether updates are turned before they are rounded: often fewer bytes, or a finer grid. Left out: they are not. */
  readonly rotate?: boolean;
  readonly weighting: JobManifest['weighting'];
  /** The most examples that count; ignored for uniform weights. */
  readonly weightMax: number;
  /** `plain`: the coordinator sees each update. */
  readonly aggregation: 'plain' | SecureAggregation;
  /** What the job promises; left out: nothing. */
  readonly privacy?: PlannedPromise;
  readonly deadlines: JobManifest['deadlines'];
  readonly maxAttempts: number;
  readonly evaluateEvery: number;
  readonly seed?: string;
}

/** A promise of differential privacy: noise and grid follow from it. */
export interface PlannedPromise {
  readonly unit: Exclude<PrivacyUnit, 'none'>;
  /** Of the participants, or of a coordinator that is trusted. */
  readonly noise: PlannedLaw;
  /** How the clip norm follows the lengths of updates, from the `clipNorm` of the plan on; left out: it stays. */
  readonly adaptive?: NoisePlan['adaptive'];
  /** What the whole job may cost, at `delta`. */
  readonly epsilon: number;
  readonly delta: number;
  /** Whether the job is made although its noise would drown its model. */
  readonly force?: boolean;
  /** q: the chance of each example, or person, to be in the lot of a round. Needed for these units, and only there. */
  readonly rate?: number;
}

export interface AuthoredJob {
  readonly manifest: TrainingManifest;
  /** What the manifest names by hash, to be stored before the job is created. */
  readonly blobs: readonly { readonly sha256: string; readonly bytes: Uint8Array }[];
}

/**
 * @throws `invalidFormat` for a value out of its range; `ringOverflow` if no codec fits the cohort; `manifestInvalid` if
 *   no round of such a cohort can be secure; `budgetUnreachable` and `noiseTableTooLarge` if no noise keeps the promise, and
 *   `noiseDrownsModel` if it would leave nothing to be learnt; `gradientUnsupported` and `manifestInvalid` if the model cannot
 *   be trained with this loss
 */
export async function authorJob(plan: JobPlan, federationId: string): Promise<AuthoredJob> {
  const { forward, training, cohort } = plan;
  parse(TrainingManifest.properties.cohort, cohort, 'cohort');
  parse(Codec.properties.clipNorm, plan.clipNorm, 'clipNorm');
  const parameters = initialParameters(forward);
  const forwardBlob = await blob(exportModel(forward, parameters));
  const modelBlob = await blob(await encodeParameters(parameters));
  const privacyUnit = plan.privacy?.unit ?? 'none';
  const compiled = compileLocalTraining(forward, { training, privacyUnit });
  const promised = promiseOf(plan, parameters.length);
  const manifest: TrainingManifest = {
    manifestVersion: 1,
    federationId,
    name: plan.name,
    purpose: plan.purpose,
    privacyUnit,
    ...(promised && { privacy: promised.privacy }),
    ...aggregationOf(plan),
    graph: {
      forward: forwardBlob.sha256,
      trainStep: toHex(await primitives.sha256(compiled.bytes)),
      ...forward.choices,
    },
    initialModel: modelBlob.sha256,
    parameters: parameters.length,
    training,
    weighting: plan.weighting,
    codec: promised?.codec ?? plainCodec(plan, parameters.length),
    strategy: plan.strategy,
    rounds: plan.rounds,
    cohort,
    deadlines: plan.deadlines,
    maxAttempts: plan.maxAttempts,
    evaluateEvery: plan.evaluateEvery,
    ...(plan.seed !== undefined && { seed: plan.seed }),
  };
  if (manifest.aggregation === 'secure') checkSecureTerms(manifest);
  checkPrivacy(manifest);
  return { manifest: parse(TrainingManifest, manifest, 'manifest'), blobs: [forwardBlob, modelBlob] };
}

function plainCodec(plan: JobPlan, parameters: number): Codec {
  return planCodec({
    clipNorm: plan.clipNorm,
    cohortMax: plan.cohort.size,
    weightMax: plan.weighting === 'uniform' ? 1 : plan.weightMax,
    counters: 0,
    ...(plan.rotate && { rotated: parameters }),
  });
}

function promiseOf(plan: JobPlan, parameters: number) {
  const { privacy, cohort, clipNorm, weighting, weightMax, training, rounds } = plan;
  if (!privacy) return undefined;
  const { unit, rate, delta, noise } = privacy;
  if ((rate === undefined) !== (unit === 'participant'))
    throw new HanseError('invalidFormat', {
      where: 'privacy.rate',
      expected: 'a rate for lots, and only there',
    });
  const isCentral = typeof noise !== 'string';
  const planned = planNoise({
    ...{ noise, clipNorm, parameters, rounds, delta, epsilon: privacy.epsilon },
    cohortMax: cohort.size,
    parties: isCentral ? 1 : countedParties({ cohort, ...aggregationOf(plan) }),
    weightMax: weighting === 'uniform' ? 1 : weightMax,
    batchSize: training.batchSize,
    ...(rate !== undefined && { rate }),
    ...(privacy.adaptive && { adaptive: privacy.adaptive }),
  });
  if (!privacy.force) checkUseful(plan, planned, parameters);
  const stated = statedEpsilon(planned.epsilon);
  const figures: PrivacyPromise = planned.central
    ? { delta, epsilonModel: stated, centralNoise: planned.central }
    : { delta, epsilonServer: stated, epsilonModel: stated };
  return { codec: planned.codec, privacy: figures };
}

/** How many units there are is known of participants alone. Throws `noiseDrownsModel`. */
function checkUseful(
  { privacy, cohort, rounds }: JobPlan,
  { codec, central }: PlannedNoise,
  parameters: number,
): void {
  const updates = cohort.size;
  const noise = central ?? codec.noise;
  if (privacy?.unit !== 'participant' || !noise) return;
  const deviation = deviationOfSum(noise, updates);
  const draws = drawsOfRounds(noise, rounds);
  const model = noiseOfModel({ codec, deviation, parameters, units: updates, rounds, draws });
  if (model.drift < DRIFT_MOST) return;
  throw new HanseError('noiseDrownsModel', {
    unit: privacy.unit,
    drift: Number(model.drift.toPrecision(3)),
    ...{ cohort: updates, needed: usefulCohort(updates, model) },
  });
}

function aggregationOf({ aggregation }: JobPlan): Pick<JobManifest, 'aggregation' | 'secureAggregation'> {
  if (aggregation === 'plain') return { aggregation };
  return { aggregation: 'secure', secureAggregation: aggregation };
}

/** With as many colluders as the cohort stands, and the suite that is fastest nearly everywhere. */
export function secureAggregationFor(
  cohort: JobManifest['cohort'],
  answerSeconds: number,
): SecureAggregation {
  return { suite: 1, colluders: mostColluders(cohort), answerSeconds };
}

/** Uploads what the job names, then starts it. */
export async function submitJob(
  { manifest, blobs }: { readonly manifest: JobManifest; readonly blobs: AuthoredJob['blobs'] },
  api: CoordinatorApi,
): Promise<JobStatus> {
  for (const { sha256, bytes } of blobs) await api.call('putBlob', { params: { sha256 }, body: bytes });
  return api.call('createJob', { body: manifest });
}

async function blob(bytes: Uint8Array) {
  return { sha256: toHex(await primitives.sha256(bytes)), bytes };
}
