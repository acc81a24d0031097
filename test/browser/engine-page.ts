/** Execution providers, in a page: their contract, the choice between them, and what only a graphics card can do wrong. */
import { create, toBinary } from '@bufbuild/protobuf';
import { chooseProvider } from '../../client/engine/choose-provider.ts';
import { Evaluator } from '../../client/engine/evaluator.ts';
import { Trainer } from '../../client/engine/trainer.ts';
import { WEB_PROVIDERS } from '../../client/engine/web-providers.ts';
import { loadWebWasmProvider } from '../../client/engine/web-wasm.ts';
import { loadWebgpuProvider } from '../../client/engine/webgpu.ts';
import { compileEvaluation } from '../../client/graph/compile-evaluation.ts';
import { compileTrainEpoch } from '../../client/graph/compile-train-epoch.ts';
import { ModelProtoSchema } from '../../client/graph/gen/onnx_pb.ts';
import { mlp } from '../../client/graph/models/mlp.ts';
import { initialParameters } from '../../client/graph/parameters.ts';
import { HanseError } from '../../protocol/problem.ts';
import { RandomNumbers, seededRandom } from '../../protocol/random.ts';
import { executionProviderContract, trainMlp } from '../contract/execution-provider.ts';
import { describe, type PageResult, runAll } from './vitest-in-page.ts';

export function contract(name: 'webgpu' | 'wasm'): Promise<PageResult[]> {
  describe(name, () => {
    if (name === 'wasm')
      executionProviderContract(() => loadWebWasmProvider({ threads: 2 }), { isBrief: true });
    else executionProviderContract(() => loadWebgpuProvider(), { isBrief: true, checksIndices: false });
  });
  return runAll();
}

/** The choice among the providers of a browser. @param without WebGPU, as in a browser that has none */
export async function choose(without = false): Promise<Record<string, unknown>> {
  if (without) Object.defineProperty(navigator, 'gpu', { value: undefined });
  const { provider, considered } = await chooseProvider('auto', { candidates: WEB_PROVIDERS, threads: 2 });
  const { name, threads, reason } = provider;
  return { name, reason, threads, considered };
}

/** Tells which part of a model would run on the processor, if any would, and trains a few steps strictly on the card. */
export async function trainsStrictly(): Promise<{ losses: number[]; refused: string }> {
  const provider = await loadWebgpuProvider({ strict: true });
  const { losses } = await trainMlp(provider);
  // Square matrices have determinants, but no graphics card computes them here.
  const refused = await provider.createSession(determinantModel()).then(
    () => 'nothing',
    (error: unknown) => String(error),
  );
  return { losses: Array.from(losses), refused };
}

/** @returns [rounds + 1], buffers of all devices that are there after each training, and after the trainer is released */
export async function buffersOver(rounds: number): Promise<number[]> {
  let live = 0;
  const { createBuffer } = GPUDevice.prototype;
  const { destroy } = GPUBuffer.prototype;
  const alive = new WeakSet<GPUBuffer>();
  GPUDevice.prototype.createBuffer = function (...given) {
    const buffer = createBuffer.apply(this, given);
    alive.add(buffer);
    live += 1;
    return buffer;
  };
  GPUBuffer.prototype.destroy = function () {
    if (alive.delete(this)) live -= 1;
    return destroy.call(this);
  };
  const provider = await loadWebgpuProvider();
  const epoch = compileTrainEpoch(FORWARD, OPTIONS);
  const trainer = await Trainer.create(provider, epoch);
  const counts: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    await trainer.train(trainingOf(round));
    counts.push(live);
  }
  await trainer.release();
  counts.push(live);
  return counts;
}

/** What becomes of a training whose device is lost in the middle, and of what comes after it. */
export async function losesDevice(): Promise<Record<string, unknown>> {
  const devices: GPUDevice[] = [];
  const { requestDevice } = GPUAdapter.prototype;
  GPUAdapter.prototype.requestDevice = async function (...given) {
    const device = await requestDevice.apply(this, given);
    devices.push(device);
    return device;
  };
  const provider = await loadWebgpuProvider();
  const trainer = await Trainer.create(provider, compileTrainEpoch(FORWARD, OPTIONS));
  const evaluator = await Evaluator.create(
    provider,
    compileEvaluation(FORWARD, { loss: OPTIONS.loss, batchSize: 8 }),
  );
  const evaluate = () => evaluator.evaluate({ parameters: START, examples: EXAMPLES });
  const [before, evaluated] = [await trainer.train(trainingOf(0)), await evaluate()];
  const lost = await trainer
    .train({ ...trainingOf(0), epochs: 20, onProgress: ({ step }) => step > 30 && devices.at(-1)?.destroy() })
    .then(
      () => 'nothing',
      (error: unknown) => (error instanceof HanseError ? error.code : String(error)),
    );
  const after = await trainer.train(trainingOf(0));
  // Lost while nothing runs, and in the middle of a run without state, which is repeated.
  const last = devices.at(-1);
  last?.destroy();
  await last?.lost;
  const idle = await evaluate();
  const running = evaluate();
  await Promise.resolve();
  devices.at(-1)?.destroy();
  const repeated = await running;
  await trainer.release();
  await evaluator.release();
  return {
    lost,
    devices: devices.length,
    isSame: `${after.parameters}` === `${before.parameters}`,
    losses: [evaluated.loss, idle.loss, repeated.loss],
  };
}

const FORWARD = mlp([4, 6, 3], new RandomNumbers(seededRandom(new Uint8Array(32).fill(13))));
const START = initialParameters(FORWARD);
const OPTIONS = {
  loss: { type: 'softmax_ce' },
  optimizer: { type: 'momentum', momentum: 0.9 },
  batchSize: 8,
} as const;
const EXAMPLES = {
  name: 'numbers',
  count: 40,
  features: Float32Array.from({ length: 160 }, (_, at) => Math.sin(at)),
  targets: Int32Array.from({ length: 40 }, (_, at) => at % 3),
};

function trainingOf(round: number) {
  const random = seededRandom(new Uint8Array(32).fill(round));
  return { parameters: START, examples: EXAMPLES, epochs: 1, learningRate: 0.1, random };
}

/** y = det x, x in [2, 2]. */
function determinantModel(): Uint8Array {
  const float = (...sizes: bigint[]) => {
    const dim = sizes.map((value) => ({ denotation: '', value: { case: 'dimValue', value } as const }));
    return { value: { case: 'tensorType', value: { elemType: 1, shape: { dim } } } } as const;
  };
  const graph = {
    name: 'determinant',
    node: [{ opType: 'Det', input: ['x'], output: ['y'] }],
    input: [{ name: 'x', type: float(2n, 2n) }],
    output: [{ name: 'y', type: float() }],
  };
  const model = { irVersion: 10n, opsetImport: [{ domain: '', version: 20n }], graph };
  return toBinary(ModelProtoSchema, create(ModelProtoSchema, model));
}
