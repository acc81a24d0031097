/**
 * Known answers of PyTorch for the models that come with Hanse (`test/vectors/graph/shipped/`, described in
 * `test/vectors/README.md`): where five steps, and one step that clips examples, take each parameter.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { loadModel } from '../../../../client/commands/model-source.ts';
import { floatsOf, parameterTensors } from '../../../../client/engine/parameters.ts';
import type { ExecutionProvider, Tensor } from '../../../../client/engine/provider.ts';
import { compileTrainStep } from '../../../../client/graph/compile-train-step.ts';
import type { CompiledStep, TensorSpec } from '../../../../client/graph/compiled.ts';
import type { ForwardGraph } from '../../../../client/graph/forward-graph.ts';
import { initialParameters } from '../../../../client/graph/parameters.ts';
import { elementCount } from '../../../../client/graph/tensor-type.ts';
import type { Loss } from '../../../../schemas/training.ts';

/** Largest difference of a parameter from what PyTorch makes of it in five steps. */
export const PERMITTED = 2e-5;
/** In one step that clips examples. */
export const PERMITTED_CLIPPED = 2e-6;
/** Where norms come from Gram matrices of many positions: they are given what float32 may have lost, and clip a little more. */
const PERMITTED_BY_GRAM = 2e-5;

const FOLDER = new URL('../../../vectors/graph/shipped/', import.meta.url);

/** Of a parameter after training. */
export interface ShippedParameter {
  /** L2 norm of how the whole parameter has moved. */
  readonly moved: number;
  /** Some elements in float32, drawn by `Draws`; all of a small parameter. */
  readonly base64: string;
}

export interface ShippedAnswer {
  /** As a command line asks for it. */
  readonly model: string;
  readonly seed: string;
  /** Of the initial parameters, as they lie in the flat vector. */
  readonly parametersSha256: string;
  readonly loss: Loss;
  /** 0 for targets that are numbers. */
  readonly classes: number;
  /** 0 for inputs that are numbers. */
  readonly vocabulary: number;
  readonly batchSize: number;
  readonly learningRate: number;
  readonly steps: number;
  /** Before each step. */
  readonly losses: readonly number[];
  readonly parameters: Readonly<Record<string, ShippedParameter>>;
  /** One step from the same beginning, in which the gradient of each example is clipped. */
  readonly clipped: {
    readonly clipNorm: number;
    readonly weights: readonly number[];
    readonly parameters: Readonly<Record<string, ShippedParameter>>;
  };
}

export const SHIPPED_NAMES = readdirSync(fileURLToPath(FOLDER)).map((file) => file.replace('.json', ''));

export function shippedAnswer(name: string): ShippedAnswer {
  return JSON.parse(readFileSync(new URL(`${name}.json`, FOLDER), 'utf8'));
}

export function shippedModel({ model, seed }: ShippedAnswer): Promise<ForwardGraph> {
  return loadModel(model, seed);
}

/** What training made of the parameters. */
export interface Trained {
  readonly losses: readonly number[];
  readonly step: CompiledStep;
  readonly before: Float32Array;
  readonly after: ReadonlyMap<string, Float32Array>;
}

export async function trainPlainly(answer: ShippedAnswer, provider: ExecutionProvider): Promise<Trained> {
  const weights = new Float32Array(answer.batchSize).fill(1);
  return train(answer, provider, { steps: answer.steps, weights });
}

export async function trainClipped(answer: ShippedAnswer, provider: ExecutionProvider): Promise<Trained> {
  const { clipNorm, weights } = answer.clipped;
  return train(answer, provider, { steps: 1, weights: Float32Array.from(weights), clipNorm });
}

async function train(
  answer: ShippedAnswer,
  provider: ExecutionProvider,
  options: { readonly steps: number; readonly weights: Float32Array; readonly clipNorm?: number },
): Promise<Trained> {
  const forward = await shippedModel(answer);
  const { loss, batchSize, learningRate } = answer;
  const { steps, weights, clipNorm } = options;
  const clipsExamples = clipNorm !== undefined;
  const step = compileTrainStep(forward, { loss, optimizer: { type: 'sgd' }, batchSize, clipsExamples });
  const fed = {
    ...drawShippedBatch(answer, step),
    weight: floats([batchSize], weights),
    lr: floats([], Float32Array.of(learningRate)),
    ...(clipsExamples && { clipNorm: floats([], Float32Array.of(clipNorm)) }),
  };
  const before = initialParameters(forward);
  let tensors: Record<string, Tensor> = parameterTensors(before, step.parameters);
  const losses: number[] = [];
  const session = await provider.createSession(step.bytes);
  for (let done = 0; done < steps; done += 1) {
    const outputs = await session.run({ ...tensors, ...fed });
    losses.push(...floatsOf(outputs, 'loss'));
    tensors = Object.fromEntries(
      step.parameters.map(({ name, shape }) => [name, floats(shape, floatsOf(outputs, `${name}_next`))]),
    );
  }
  await session.release();
  const after = new Map(step.parameters.map(({ name }) => [name, floatsOf(tensors, name)] as const));
  return { losses, step, before, after };
}

/** Where a test says that a model is trained as PyTorch trains it. */
export function itFollowsPyTorch(name: string, provider: ExecutionProvider | undefined): void {
  it.skipIf(!provider)('has the parameters of PyTorch after five steps', async () => {
    if (!provider) return;
    const answer = shippedAnswer(name);
    const trained = await trainPlainly(answer, provider);
    expect(failures(answer.parameters, trained, PERMITTED)).toEqual([]);
    expect(trained.losses).toHaveLength(answer.losses.length);
    const differences = answer.losses.map((loss, at) => Math.abs((trained.losses[at] ?? Number.NaN) - loss));
    expect(Math.max(...differences)).toBeLessThanOrEqual(PERMITTED);
  });

  it.skipIf(!provider)('clips examples as a loop over them in PyTorch does', async () => {
    if (!provider) return;
    const answer = shippedAnswer(name);
    const trained = await trainClipped(answer, provider);
    const permitted = name === 'resnet' ? PERMITTED_BY_GRAM : PERMITTED_CLIPPED;
    expect(failures(answer.clipped.parameters, trained, permitted)).toEqual([]);
  });
}

/** What differs by more than is permitted. */
export function failures(
  answers: ShippedAnswer['parameters'],
  trained: Trained,
  permitted: number,
): [string, number][] {
  return [...worstOf(answers, trained)].filter(([, difference]) => !(difference <= permitted));
}

/** The batch, as `shipped_models.py` draws it: the inputs, then the targets. */
function drawShippedBatch(
  { classes, vocabulary, batchSize }: ShippedAnswer,
  { input, target }: { readonly input: TensorSpec; readonly target: TensorSpec },
): { readonly x: Tensor; readonly y: Tensor } {
  const draws = new Draws(1);
  const x = vocabulary > 0 ? draws.integers(input.shape, vocabulary) : draws.floats(input.shape);
  const length = elementCount(input.shape) / batchSize;
  // Padding of texts: the second ends with one 0, the third with two, and so on.
  for (let example = 1; x.type === 'int32' && example < batchSize; example += 1)
    x.data.fill(0, (example + 1) * length - example, (example + 1) * length);
  const y = classes > 0 ? draws.integers(target.shape, classes) : draws.floats(target.shape);
  return { x, y };
}

/** Largest differences of parameters from the answers: of elements, and of how far they have moved. */
function worstOf(
  parameters: ShippedAnswer['parameters'],
  { step, before, after }: Trained,
): Map<string, number> {
  const draws = new Draws(2);
  const names = new Set([...Object.keys(parameters), ...step.parameters.map(({ name }) => name)]);
  return new Map(
    [...names].map((name) => {
      const spec = step.parameters.find((one) => one.name === name);
      const [answer, values] = [parameters[name], after.get(name)];
      if (!spec || !answer || !values) return [name, Number.POSITIVE_INFINITY];
      const expected = new Float32Array(Uint8Array.from(Buffer.from(answer.base64, 'base64')).buffer);
      const isWhole = expected.length === spec.size;
      let moved = 0;
      values.forEach((value, at) => {
        moved += (value - (before[spec.offset + at] ?? Number.NaN)) ** 2;
      });
      const differences = Array.from(expected, (wanted, at) =>
        Math.abs(wanted - (values[isWhole ? at : draws.below(spec.size)] ?? Number.NaN)),
      );
      return [name, Math.max(Math.abs(Math.sqrt(moved) - answer.moved), ...differences)];
    }),
  );
}

/** The linear congruential generator s' = 1664525 s + 1013904223 mod 2^32; its upper 24 bits are the number. */
class Draws {
  #state: number;

  constructor(seed: number) {
    this.#state = seed;
  }

  /** An integer in [0, bound), bound <= 2^24. */
  below(bound: number): number {
    this.#state = (Math.imul(1_664_525, this.#state) + 1_013_904_223) >>> 0;
    return Math.floor(((this.#state >>> 8) * bound) / 2 ** 24);
  }

  /** In [-1, 1). */
  floats(shape: readonly number[]): Tensor {
    const one = () => this.below(2 ** 24) / 2 ** 23 - 1;
    return floats(shape, Float32Array.from({ length: elementCount(shape) }, one));
  }

  integers(shape: readonly number[], bound: number): Tensor {
    const data = Int32Array.from({ length: elementCount(shape) }, () => this.below(bound));
    return { type: 'int32', shape, data };
  }
}

function floats(shape: readonly number[], data: Float32Array): Tensor {
  return { type: 'float32', shape, data };
}
