/**
 * Making a job: from a model and a plan to a manifest and the content it names. SPEC.md section 6.1.
 */
import { primitives } from '#primitives';
import { toHex } from '../protocol/bytes.ts';
import { parse } from '../protocol/parse.ts';
import { planCodec } from '../protocol/ring/width.ts';
import { checkSecureTerms, mostColluders } from '../protocol/secagg/descriptor.ts';
import { encodeParameters } from '../protocol/vector.ts';
import { Codec } from '../schemas/codec.ts';
import { JobManifest, type JobStatus } from '../schemas/job.ts';
import type { SecureAggregation } from '../schemas/secagg.ts';
import type { Strategy } from '../schemas/strategy.ts';
import type { LocalTraining } from '../schemas/training.ts';
import type { CoordinatorApi } from './coordinator-api.ts';
import { compileTrainEpoch } from './graph/compile-train-epoch.ts';
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
  readonly deadlines: JobManifest['deadlines'];
  readonly maxAttempts: number;
  readonly evaluateEvery: number;
  readonly seed?: string;
}

export interface AuthoredJob {
  readonly manifest: JobManifest;
  /** What the manifest names by hash, to be stored before the job is created. */
  readonly blobs: readonly { readonly sha256: string; readonly bytes: Uint8Array }[];
}

/**
 * @throws `invalidFormat` for a value out of its range; `ringOverflow` if no codec fits the cohort; `manifestInvalid` if
 *   no round of such a cohort can be secure; `gradientUnsupported` and `manifestInvalid` if the model cannot be trained
 *   with this loss
 */
export async function authorJob(plan: JobPlan, federationId: string): Promise<AuthoredJob> {
  const { forward, training, cohort } = plan;
  parse(JobManifest.properties.cohort, cohort, 'cohort');
  parse(Codec.properties.clipNorm, plan.clipNorm, 'clipNorm');
  const parameters = initialParameters(forward);
  const forwardBlob = await blob(exportModel(forward, parameters));
  const modelBlob = await blob(await encodeParameters(parameters));
  const epoch = compileTrainEpoch(forward, training);
  const weightMax = plan.weighting === 'uniform' ? 1 : plan.weightMax;
  const manifest: JobManifest = {
    manifestVersion: 1,
    federationId,
    name: plan.name,
    purpose: plan.purpose,
    privacyUnit: 'none',
    ...aggregationOf(plan),
    graph: {
      forward: forwardBlob.sha256,
      trainStep: toHex(await primitives.sha256(epoch.bytes)),
      ...forward.choices,
    },
    initialModel: modelBlob.sha256,
    parameters: parameters.length,
    training,
    weighting: plan.weighting,
    codec: planCodec({
      clipNorm: plan.clipNorm,
      cohortMax: cohort.size,
      weightMax,
      counters: 0,
      ...(plan.rotate && { rotated: parameters.length }),
    }),
    strategy: plan.strategy,
    rounds: plan.rounds,
    cohort,
    deadlines: plan.deadlines,
    maxAttempts: plan.maxAttempts,
    evaluateEvery: plan.evaluateEvery,
    ...(plan.seed !== undefined && { seed: plan.seed }),
  };
  if (manifest.aggregation === 'secure') checkSecureTerms(manifest);
  return { manifest: parse(JobManifest, manifest, 'manifest'), blobs: [forwardBlob, modelBlob] };
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
export async function submitJob({ manifest, blobs }: AuthoredJob, api: CoordinatorApi): Promise<JobStatus> {
  for (const { sha256, bytes } of blobs) await api.call('putBlob', { params: { sha256 }, body: bytes });
  return api.call('createJob', { body: manifest });
}

async function blob(bytes: Uint8Array) {
  return { sha256: toHex(await primitives.sha256(bytes)), bytes };
}
