/**
 * A job as this node has checked and compiled it. SPEC.md section 6.3.
 *
 * Nothing that the coordinator says is believed: manifest, forward graph and model must have the hashes by which they
 * are known, and the train step is compiled here, from the forward graph, and must come out as the job pins it.
 */
import { primitives } from '#primitives';
import { toHex } from '../protocol/bytes.ts';
import { canonicalSha256 } from '../protocol/canonical.ts';
import { checkPrivacy } from '../protocol/dp/check-privacy.ts';
import { HanseError } from '../protocol/problem.ts';
import { updateBytes } from '../protocol/ring/payload.ts';
import { checkCodec } from '../protocol/ring/width.ts';
import { floatsOf, modelBytes, parseHeader, payloadOf } from '../protocol/vector.ts';
import type { Sha256 } from '../schemas/ids.ts';
import { type GraphChoices, isStatistic, type JobManifest, type TrainingManifest } from '../schemas/job.ts';
import type { RoundRecord } from '../schemas/secagg.ts';
import type { Task } from '../schemas/task.ts';
import type { CallOptions, CoordinatorApi } from './coordinator-api.ts';
import { checkExamples, type Examples, type ExamplesExpected } from './data/examples.ts';
import { Evaluator } from './engine/evaluator.ts';
import { LotTrainer } from './engine/lot-trainer.ts';
import type { ExecutionProvider } from './engine/provider.ts';
import { Trainer } from './engine/trainer.ts';
import { compileEvaluation } from './graph/compile-evaluation.ts';
import { compileLocalTraining } from './graph/compile-local-training.ts';
import { compilePrediction } from './graph/compile-prediction.ts';
import type { CompiledEpoch, CompiledLotGradient } from './graph/compiled.ts';
import type { ForwardGraph } from './graph/forward-graph.ts';
import { importModel } from './graph/import-model.ts';
import { DEFAULT_LIMITS } from './graph/limits.ts';

/** Examples that an evaluation takes at once, where the model leaves it open. */
const EVALUATION_BATCH = 256;

export interface PreparedJob {
  readonly jobId: string;
  readonly manifest: TrainingManifest;
  readonly manifestSha256: Sha256;
  readonly forward: ForwardGraph;
  /** Reads all values once a job. Throws `dataEmpty`, `dataShapeMismatch`, `dataSingleClass`, `dataMalformed`. */
  checkExamples(examples: Examples, allowSingleClass: boolean): void;
}

type JobName = Pick<Task, 'jobId' | 'manifestSha256'>;

/** What a job is, before anything else of it is fetched. @throws `hashMismatch`, `manifestInvalid`, `ringOverflow` */
export async function fetchManifest(
  { jobId, manifestSha256 }: JobName,
  api: CoordinatorApi,
  signal?: AbortSignal,
): Promise<JobManifest> {
  const { manifest } = await api.call(
    'getJob',
    { params: { jobId }, query: {} },
    { ...(signal && { signal }) },
  );
  expectHash('manifest', manifestSha256, await canonicalSha256(manifest));
  checkPrivacy(manifest);
  checkCodec(manifest.codec, manifest.cohort.size);
  return manifest;
}

/**
 * Fetches and checks what a task names.
 * @throws as `fetchManifest` and `importModel`
 */
export async function prepareJob(
  task: JobName,
  api: CoordinatorApi,
  signal?: AbortSignal,
): Promise<PreparedJob> {
  return prepareManifest(task, await fetchManifest(task, api, signal), api, signal);
}

/** The rest of it. @throws what `importModel` throws, `hashMismatch`; `manifestInvalid` for a statistic */
export async function prepareManifest(
  { jobId, manifestSha256 }: JobName,
  manifest: JobManifest,
  api: CoordinatorApi,
  signal?: AbortSignal,
): Promise<PreparedJob> {
  if (isStatistic(manifest))
    throw new HanseError('manifestInvalid', { where: 'kind', reason: 'a statistic has no model to train' });
  const forward = importModel(await fetchForward(manifest.graph.forward, api, signal), choicesOf(manifest));
  const expected = expectedExamples(manifest, forward);
  const checked = { strictly: new WeakSet<Examples>(), leniently: new WeakSet<Examples>() };
  return {
    jobId,
    manifest,
    manifestSha256,
    forward,
    checkExamples: (examples, allowSingleClass) => {
      const known = allowSingleClass ? checked.leniently : checked.strictly;
      if (known.has(examples)) return;
      checkExamples(examples, { ...expected, allowSingleClass });
      known.add(examples);
    },
  };
}

/** How the author of a job has read the forward graph, and so does everybody else. */
export function choicesOf({ graph }: Pick<TrainingManifest, 'graph'>): GraphChoices {
  const { forward: _, trainStep: __, ...choices } = graph;
  return choices;
}

/** What the loss makes of the outputs of the model: shapes, and the values that targets may have. */
function expectedExamples(
  manifest: TrainingManifest,
  forward: ForwardGraph,
): Omit<ExamplesExpected, 'allowSingleClass'> {
  const { loss } = manifest.training;
  const { input, target } = compileEvaluation(forward, evaluationOptions(manifest, forward));
  const [, ...inputShape] = input.shape;
  const [, ...targetShape] = target.shape;
  const shapes = { inputShape, inputType: input.type, targetType: target.type, targetShape };
  switch (loss.type) {
    case 'softmax_ce':
    case 'sequence_ce': {
      const [logits] = compilePrediction(forward, evaluationOptions(manifest, forward)).outputs;
      const { ignoreIndex } = loss;
      const classes = logits?.shape.at(-1) ?? 0;
      return { ...shapes, classes, ...(ignoreIndex !== undefined && { ignoredLabel: ignoreIndex }) };
    }
    case 'bce_logits':
      return { ...shapes, targetRange: [0, 1] };
    case 'mse':
    case 'mae':
    case 'huber':
      return shapes;
    default:
      loss satisfies never;
      throw new Error('unreachable');
  }
}

/** Compiles the train step, and loads it. @throws as `compileTraining`, `graphMalformed` */
export async function prepareTraining(
  job: PreparedJob,
  provider: ExecutionProvider,
): Promise<Trainer | LotTrainer> {
  return loadTraining(provider, await compileTraining(job));
}

/** @throws `graphMalformed` */
export function loadTraining(
  provider: ExecutionProvider,
  training: CompiledEpoch | CompiledLotGradient,
): Promise<Trainer | LotTrainer> {
  return training.kind === 'epoch'
    ? Trainer.create(provider, training)
    : LotTrainer.create(provider, training);
}

/**
 * Compiles the train step here and compares it with the one that the job pins. Nothing is loaded yet: its `cost` tells
 * what that would take.
 * @throws `graphHashMismatch`, `gradientUnsupported`
 */
export async function compileTraining({
  manifest,
  forward,
}: PreparedJob): Promise<CompiledEpoch | CompiledLotGradient> {
  const compiled = compileLocalTraining(forward, manifest);
  const got = toHex(await primitives.sha256(compiled.bytes));
  if (got !== manifest.graph.trainStep)
    throw new HanseError('graphHashMismatch', {
      what: 'train step',
      expected: manifest.graph.trainStep,
      got,
    });
  return compiled;
}

/** Compiles the evaluation and loads it. */
export function prepareEvaluation(
  { manifest, forward }: PreparedJob,
  provider: ExecutionProvider,
): Promise<Evaluator> {
  const evaluation = compileEvaluation(forward, evaluationOptions(manifest, forward));
  return Evaluator.create(provider, evaluation);
}

function evaluationOptions({ training }: TrainingManifest, { input }: ForwardGraph) {
  return { loss: training.loss, batchSize: input.batch ?? EVALUATION_BATCH };
}

/** The parameters with this hash, as one flat vector of d values. Throws `hashMismatch`, `updateMalformed`. */
export async function fetchModel(
  sha256: Sha256,
  length: number,
  api: CoordinatorApi,
  options: Pick<CallOptions, 'signal' | 'series'> = {},
): Promise<Float32Array> {
  const bytes = await fetchBlob('model', sha256, api, { ...options, limitBytes: modelBytes(length) });
  const header = parseHeader(bytes, { maxLength: length, maxSecondBlock: 0 });
  if (header.kind !== 'parameters' || header.length !== length)
    throw new HanseError('updateMalformed', {
      field: 'model',
      expected: `${length} parameters`,
      got: `${header.length}`,
    });
  return floatsOf(payloadOf(bytes));
}

/** The sum of a round as it is stored: `parseSum`. Throws `hashMismatch`. */
export function fetchSum(
  manifest: JobManifest,
  { sum }: Pick<RoundRecord, 'sum'>,
  api: CoordinatorApi,
  signal?: AbortSignal,
): Promise<Uint8Array> {
  return fetchBlob('sum', sum, api, { limitBytes: updateBytes(manifest), ...(signal && { signal }) });
}

/** The bytes of a forward graph, not yet looked at. Throws `hashMismatch`. */
export function fetchForward(sha256: Sha256, api: CoordinatorApi, signal?: AbortSignal): Promise<Uint8Array> {
  const limitBytes = DEFAULT_LIMITS.bytes;
  return fetchBlob('forward graph', sha256, api, { limitBytes, ...(signal && { signal }) });
}

/** Content by its hash, which is checked: throws `hashMismatch`. @param what for messages */
export async function fetchBlob(
  what: string,
  sha256: Sha256,
  api: CoordinatorApi,
  options: CallOptions,
): Promise<Uint8Array> {
  const bytes = await api.call('getBlob', { params: { sha256 } }, options);
  expectHash(what, sha256, toHex(await primitives.sha256(bytes)));
  return bytes;
}

function expectHash(what: string, expected: string, got: string): void {
  if (got !== expected) throw new HanseError('hashMismatch', { what, expected, got });
}
