/**
 * A job as this node has checked and compiled it. SPEC.md section 6.3.
 *
 * Nothing that the coordinator says is believed: manifest, forward graph and model must have the hashes by which they
 * are known, and the train step is compiled here, from the forward graph, and must come out as the job pins it.
 */
import { primitives } from '#primitives';
import { toHex } from '../protocol/bytes.ts';
import { canonicalSha256 } from '../protocol/canonical.ts';
import { HanseError } from '../protocol/problem.ts';
import { checkCodec } from '../protocol/ring/width.ts';
import { floatsOf, parseHeader, payloadOf } from '../protocol/vector.ts';
import type { Sha256 } from '../schemas/ids.ts';
import type { JobManifest } from '../schemas/job.ts';
import type { Task } from '../schemas/task.ts';
import type { CoordinatorApi } from './coordinator-api.ts';
import { checkExamples, type Examples } from './data/examples.ts';
import { Evaluator } from './engine/evaluator.ts';
import type { ExecutionProvider } from './engine/provider.ts';
import { Trainer } from './engine/trainer.ts';
import { compileEvaluation } from './graph/compile-evaluation.ts';
import { compileTrainEpoch } from './graph/compile-train-epoch.ts';
import type { ForwardGraph } from './graph/forward-graph.ts';
import { importModel } from './graph/import-model.ts';

/** Examples that an evaluation takes at once. */
const EVALUATION_BATCH = 256;

export interface PreparedJob {
  readonly jobId: string;
  readonly manifest: JobManifest;
  readonly manifestSha256: Sha256;
  readonly forward: ForwardGraph;
  /** Throws `dataEmpty`, `dataShapeMismatch`, `dataSingleClass`, `dataMalformed`. */
  checkExamples(examples: Examples, allowSingleClass: boolean): void;
}

/**
 * Fetches and checks what a task names.
 * @throws `hashMismatch`, `graphMalformed`, `graphTooLarge`, `operatorUnsupported`, `ringOverflow`
 */
export async function prepareJob(
  task: Pick<Task, 'jobId' | 'manifestSha256'>,
  api: CoordinatorApi,
): Promise<PreparedJob> {
  const { jobId, manifestSha256 } = task;
  const { manifest } = await api.call('getJob', { params: { jobId }, query: {} });
  expectHash('manifest', manifestSha256, await canonicalSha256(manifest));
  checkCodec(manifest.codec, manifest.cohort.size);
  const forward = importModel(await fetchBlob('forward graph', manifest.graph.forward, api));
  const { input, target } = compileEvaluation(forward, evaluationOptions(manifest));
  return {
    jobId,
    manifest,
    manifestSha256,
    forward,
    checkExamples: (examples, allowSingleClass) => {
      const [, ...inputShape] = input.shape;
      const [, ...targetShape] = target.shape;
      checkExamples(examples, { inputShape, targetType: target.type, targetShape, allowSingleClass });
    },
  };
}

/**
 * Compiles the train step here, compares it with the one that the job pins, and loads it.
 * @throws `graphHashMismatch`, `gradientUnsupported`
 */
export async function prepareTraining(
  { manifest, forward }: PreparedJob,
  provider: ExecutionProvider,
): Promise<Trainer> {
  const { loss, optimizer, batchSize } = manifest.training;
  const epoch = compileTrainEpoch(forward, { loss, optimizer, batchSize });
  const got = toHex(await primitives.sha256(epoch.bytes));
  if (got !== manifest.graph.trainStep)
    throw new HanseError('graphHashMismatch', {
      what: 'train step',
      expected: manifest.graph.trainStep,
      got,
    });
  return Trainer.create(provider, epoch);
}

/** Compiles the evaluation and loads it. */
export function prepareEvaluation(
  { manifest, forward }: PreparedJob,
  provider: ExecutionProvider,
): Promise<Evaluator> {
  return Evaluator.create(provider, compileEvaluation(forward, evaluationOptions(manifest)));
}

function evaluationOptions({ training }: JobManifest) {
  return { loss: training.loss, batchSize: EVALUATION_BATCH };
}

/** The parameters with this hash, as one flat vector of d values. */
export async function fetchModel(sha256: Sha256, length: number, api: CoordinatorApi): Promise<Float32Array> {
  const bytes = await fetchBlob('model', sha256, api);
  const header = parseHeader(bytes, { maxLength: length, maxSecondBlock: 0 });
  if (header.kind !== 'parameters' || header.length !== length)
    throw new HanseError('updateMalformed', {
      field: 'model',
      expected: `${length} parameters`,
      got: `${header.length}`,
    });
  return floatsOf(payloadOf(bytes));
}

/** Content by its hash, which is checked. */
export async function fetchBlob(what: string, sha256: Sha256, api: CoordinatorApi): Promise<Uint8Array> {
  const bytes = await api.call('getBlob', { params: { sha256 } });
  expectHash(what, sha256, toHex(await primitives.sha256(bytes)));
  return bytes;
}

function expectHash(what: string, expected: string, got: string): void {
  if (got !== expected) throw new HanseError('hashMismatch', { what, expected, got });
}
