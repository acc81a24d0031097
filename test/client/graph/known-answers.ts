/**
 * Known answers of PyTorch (`test/vectors/graph/`, described in `test/vectors/README.md`): a model, and what its
 * parameters are after some steps.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { NODE_PROVIDERS } from '../../../client/engine/node-providers.ts';
import { flattenParameters, floatsOf, parameterTensors } from '../../../client/engine/parameters.ts';
import type { ExecutionProvider, Tensor } from '../../../client/engine/provider.ts';
import { compileTrainStep } from '../../../client/graph/compile-train-step.ts';
import type { TensorSpec } from '../../../client/graph/compiled.ts';
import type { ForwardGraph } from '../../../client/graph/forward-graph.ts';
import { importModel } from '../../../client/graph/import-model.ts';
import { initialParameters, parameterSpecs } from '../../../client/graph/parameters.ts';
import { elementCount } from '../../../client/graph/tensor-type.ts';
import { isProblem } from '../../../protocol/problem.ts';
import type { Loss, Optimizer } from '../../../schemas/training.ts';
import { largestDifference } from '../../fixtures/largest-difference.ts';

export const COMMITTED = fileURLToPath(new URL('../../vectors/graph/', import.meta.url));

/** What `test/vectors/graph/campaign.py` makes lies where whoever runs it has put it. */
export const FOLDER = process.env.HANSE_VECTORS ?? COMMITTED;

/** Largest difference of a parameter from what PyTorch makes of it. No case needs a wider one. */
export const PERMITTED = 2e-5;

interface FileTensor {
  readonly shape: readonly number[];
  readonly base64: string;
}

type Element = 'float32' | 'int32' | 'int64';

export interface KnownAnswer {
  readonly source: string;
  readonly opset: number;
  readonly loss: Loss;
  readonly optimizer: Optimizer;
  /** Of every step, or of each. */
  readonly learningRate: number | readonly number[];
  readonly gradientClip?: number;
  readonly steps: number;
  /** Of the examples; 1 where there are none. */
  readonly weights?: readonly number[];
  /** Initialisers that are not trained. */
  readonly freeze?: readonly string[];
  /** Of dropout, the same in every step. */
  readonly masks?: readonly FileTensor[];
  readonly x: FileTensor & { readonly dtype: Element };
  readonly target: FileTensor & { readonly dtype: Element };
  /** Before each step. */
  readonly losses: readonly number[];
  /** After the last step: all that is trained, and running statistics. */
  readonly parameters: Readonly<Record<string, FileTensor>>;
  /** An ONNX file in base64. */
  readonly model: string;
}

/** Undefined, and said, where this machine has none. */
export async function answerProvider(name: 'cpu' | 'wasm'): Promise<ExecutionProvider | undefined> {
  try {
    return await NODE_PROVIDERS.find((candidate) => candidate.name === name)?.load({ threads: 1 });
  } catch (error) {
    if (!isProblem(error, 'providerUnavailable')) throw error;
    console.warn(`${error.message}: known answers are not compared on ${name}`);
    return undefined;
  }
}

/** What differs by more than is permitted. */
export async function failures(
  answer: KnownAnswer,
  provider: ExecutionProvider,
): Promise<Record<string, number>> {
  const found = differences(answer, await trainAnswer(answer, provider));
  return Object.fromEntries([...found].filter(([, difference]) => !(difference <= PERMITTED)));
}

/** Without the extension. */
export function answerNames(folder: string): string[] {
  return readdirSync(folder)
    .filter((file) => file.endsWith('.json'))
    .map((file) => file.slice(0, -'.json'.length))
    .sort();
}

export function readAnswer(folder: string, name: string): KnownAnswer {
  return JSON.parse(readFileSync(join(folder, `${name}.json`), 'utf8'));
}

function importAnswer({ model, freeze }: KnownAnswer): ForwardGraph {
  return importModel(Buffer.from(model, 'base64'), freeze ? { freeze } : {});
}

/** Losses and parameters, where this implementation gets to from the same beginning. */
export async function trainAnswer(
  answer: KnownAnswer,
  provider: ExecutionProvider,
): Promise<{ losses: number[]; parameters: Map<string, Float32Array> }> {
  const forward = importAnswer(answer);
  const { loss, optimizer, gradientClip, learningRate, steps } = answer;
  const [batchSize = 0] = answer.x.shape;
  const step = compileTrainStep(forward, { loss, optimizer, batchSize, gradientClip });
  const weight = Float32Array.from(answer.weights ?? new Float32Array(batchSize).fill(1));
  const batch = {
    x: tensorOf(step.input, answer.x),
    y: tensorOf(step.target, answer.target),
    weight: floats([batchSize], weight),
  };
  const masks = Object.fromEntries(
    step.masks.map(({ name, shape }, index) => [name, floats(shape, maskOf(answer, index))]),
  );
  let tensors = parameterTensors(initialParameters(forward), step.parameters);
  for (const { name, shape } of step.state)
    tensors[name] = floats(shape, new Float32Array(elementCount(shape)));
  const losses: number[] = [];
  const session = await provider.createSession(step.bytes);
  for (let done = 0; done < steps; done += 1) {
    const rate = typeof learningRate === 'number' ? learningRate : (learningRate[done] ?? Number.NaN);
    const outputs = await session.run({
      ...tensors,
      ...batch,
      ...masks,
      lr: floats([], Float32Array.of(rate)),
    });
    losses.push(...floatsOf(outputs, 'loss'));
    const carried = [...step.parameters, ...step.state];
    tensors = Object.fromEntries(
      carried.map(({ name, shape }) => [name, floats(shape, floatsOf(outputs, `${name}_next`))]),
    );
  }
  await session.release();
  const flat = flattenParameters(tensors, step.parameters);
  const specs = parameterSpecs(forward);
  return {
    losses,
    parameters: new Map(specs.map(({ name, offset, size }) => [name, flat.slice(offset, offset + size)])),
  };
}

/** The largest difference of each parameter and of the losses; infinite where there is nothing to compare, or NaN. */
export function differences(
  { losses, parameters }: KnownAnswer,
  trained: Awaited<ReturnType<typeof trainAnswer>>,
): Map<string, number> {
  const found = new Map([['loss', largestDifference(trained.losses, losses)]]);
  for (const name of new Set([...Object.keys(parameters), ...trained.parameters.keys()])) {
    const [got, expected] = [trained.parameters.get(name), parameters[name]];
    const infinite = Number.POSITIVE_INFINITY;
    found.set(name, got && expected ? largestDifference(got, floatsFrom(expected)) : infinite);
  }
  return found;
}

function maskOf({ masks = [] }: KnownAnswer, index: number): Float32Array {
  const mask = masks[index];
  if (!mask) throw new Error(`mask ${index} is not known`);
  return floatsFrom(mask);
}

function floatsFrom({ base64 }: FileTensor): Float32Array {
  return new Float32Array(Uint8Array.from(Buffer.from(base64, 'base64')).buffer);
}

function floats(shape: readonly number[], data: Float32Array): Tensor {
  return { type: 'float32', shape, data };
}

/** In the element type that the graph takes. */
function tensorOf({ name, type, shape }: TensorSpec, { dtype, base64, ...stored }: KnownAnswer['x']): Tensor {
  if (`${shape}` !== `${stored.shape}`) throw new Error(`${name} is [${shape}], not [${stored.shape}]`);
  const { buffer } = Uint8Array.from(Buffer.from(base64, 'base64'));
  if (type === 'float32' && dtype === 'float32') return floats(shape, new Float32Array(buffer));
  if (type === 'float32' || dtype === 'float32') throw new Error(`${name} is ${type}, not ${dtype}`);
  const data =
    dtype === 'int32' ? new Int32Array(buffer) : Int32Array.from(new BigInt64Array(buffer), Number);
  return { type, shape, data };
}
