/**
 * Are the gradients of a compiled train step right? Each is compared with a central difference of the loss,
 *
 *   (L(p + h e_i) - L(p - h e_i)) / 2 h,
 *
 * at some coordinates of every parameter, in float64 by the reference interpreter. The gradient is taken from the
 * graph that would be trained with: one step of gradient descent with learning rate r, g = (p - p') / r. It is taken
 * twice: from the graph in float64, which says whether the rules are right, and from the compiled bytes where somebody
 * runs them, which says whether an execution provider computes the same.
 *
 * Parameters are moved a little from where the model has them: at exact zeros, as fresh models have them, a relu has
 * two slopes and no derivative.
 */
import type { RandomNumbers } from '../../protocol/random.ts';
import type { Loss } from '../../schemas/training.ts';
import { compilePrediction } from './compile-prediction.ts';
import { compileTrainStep, trainLossGraph, trainStepGraph } from './compile-train-step.ts';
import type { CompiledStep, TensorSpec } from './compiled.ts';
import { type ForwardGraph, vocabularyOf } from './forward-graph.ts';
import { initialParameters, parameterSpecs } from './parameters.ts';
import { IncrementalInterpreter } from './reference/incremental.ts';
import { interpret } from './reference/interpreter.ts';
import type { NdArray } from './reference/nd-array.ts';
import { elementCount } from './tensor-type.ts';

/**
 * Half the distance of the two losses, h: in float64 both truncation and rounding stay below 1e-9. Where a relu
 * somewhere in the model turns between the two, the shorter one fits; where the loss does not move at all, the longer one
 * rounds less. The closer of the two counts: a wrong gradient fits neither.
 */
const STEPS = [1e-5, 1e-6] as const;
/** Standard deviation of the displacement from the model's parameters. */
const DISPLACEMENT = 0.01;
/** r where float32 runs the step: the difference p - p' then keeps the digits of the gradient beside those of p. */
const FLOAT32_RATE = 1024;

/** Runs one step on feeds, all by name, and returns each output that ends in `_next`. */
export type StepRunner = (
  step: CompiledStep,
  feeds: ReadonlyMap<string, NdArray>,
) => Promise<ReadonlyMap<string, ArrayLike<number>>>;

export interface GradientCheckOptions {
  readonly loss: Loss;
  /** Examples in the batch, drawn at random. */
  readonly batchSize: number;
  /**
   * Coordinates per parameter; all of them where it has fewer. Half of them are drawn from those at which the gradient
   * is not 0: of an embedding, hardly any row is that of a token in the batch.
   */
  readonly coordinates: number;
  readonly random: RandomNumbers;
  /** An execution provider to check beside the graph. */
  readonly run?: StepRunner;
  /** Called after every parameter. */
  readonly onProgress?: (checked: number, of: number) => void;
}

export interface CheckedParameter {
  /** The model's name for it. */
  readonly name: string;
  readonly shape: readonly number[];
  readonly coordinates: number;
  /** So many of them at which the gradient is not 0: where there is none, little is known. */
  readonly slopes: number;
  /** Largest |analytic - numeric| over the coordinates, relative to the largest gradient among them, see `FLOAT64_NEGLIGIBLE`. */
  readonly worstError: number;
  /** Largest |computed - numeric|, relative to the largest gradient of the parameter; null where nobody ran the step. */
  readonly providerError: number | null;
}

/** Statistics of batch normalisation are no parameters of the loss and are left out. @throws manifestInvalid, gradientUnsupported */
export async function checkGradients(
  forward: ForwardGraph,
  options: GradientCheckOptions,
): Promise<CheckedParameter[]> {
  const { loss, batchSize, random, run } = options;
  const training = { loss, optimizer: { type: 'sgd' }, batchSize } as const;
  const step = compileTrainStep(forward, training);
  const feeds = drawFeeds(forward, step, loss, random);
  const analytic = gradientsOf(step, feeds, 1, interpretNext(forward, training, feeds));
  const rated = new Map(feeds).set('lr', scalar(FLOAT32_RATE));
  const computed = run && gradientsOf(step, feeds, FLOAT32_RATE, await run(step, rated));

  const losses = new IncrementalInterpreter(trainLossGraph(forward, training), feeds);
  const lossAt = (name: string, array: NdArray) =>
    losses.with(name, array).get('loss')?.data[0] ?? Number.NaN;
  const names = parameterSpecs(forward).map(({ name }) => name);
  const largest = largestOf([...analytic.values()]);
  const least = Math.max(NEGLIGIBLE, FLOAT64_NEGLIGIBLE * largest);
  const checked: CheckedParameter[] = [];
  for (const [index, { name, shape }] of step.parameters.entries()) {
    const slopes = analytic.get(name);
    if (slopes === undefined) continue;
    const data = feeds.get(name)?.data ?? new Float64Array();
    const chosen = chooseCoordinates(slopes, options.coordinates, random);
    const slopeAt = (at: number, step: number) => {
      const moved = (by: number) => ({ shape, data: data.with(at, (data[at] ?? 0) + by) });
      return (lossAt(name, moved(step)) - lossAt(name, moved(-step))) / (2 * step);
    };
    const numeric = chosen.map((at) => {
      const [long, short] = STEPS;
      const slope = slopeAt(at, long);
      const expected = slopes[at] ?? Number.NaN;
      const isClose = Math.abs(slope - expected) <= KINK * Math.max(Math.abs(expected), least);
      if (isClose) return slope;
      const nearer = slopeAt(at, short);
      return Math.abs(nearer - expected) < Math.abs(slope - expected) ? nearer : slope;
    });
    const at = (values: ArrayLike<number> | undefined) =>
      chosen.map((place) => values?.[place] ?? Number.NaN);
    const scale = Math.max(least, ...at(slopes).map(Math.abs), ...numeric.map(Math.abs));
    const providerScale = Math.max(largestOf([slopes]), FLOAT32_NEGLIGIBLE * largest, NEGLIGIBLE);
    checked.push({
      name: names[index] ?? name,
      shape,
      coordinates: chosen.length,
      slopes: at(slopes).filter((slope) => slope !== 0).length,
      worstError: worstOf(at(slopes), numeric) / scale,
      providerError: computed ? worstOf(at(computed.get(name)), numeric) / providerScale : null,
    });
    options.onProgress?.(index + 1, step.parameters.length);
  }
  return checked;
}

/** Below this a gradient is as good as zero: differences are rounding. */
const NEGLIGIBLE = 1e-6;
/**
 * The same as a share of what the model has elsewhere. The bias of the keys of an attention has gradient 0 because
 * everything cancels, and differences of losses have some 1e-11 of rounding.
 */
const FLOAT64_NEGLIGIBLE = 1e-4;
/** In float32, gradients that cancel leave this share of what the model has elsewhere. */
const FLOAT32_NEGLIGIBLE = 1e-2;

/** Relative difference from which on a slope is looked at a second time. */
const KINK = 1e-6;

/** NaN where anything is. */
function worstOf(analytic: readonly number[], numeric: readonly number[]): number {
  return Math.max(0, ...analytic.map((value, index) => Math.abs(value - (numeric[index] ?? Number.NaN))));
}

function largestOf(gradients: readonly ArrayLike<number>[]): number {
  let largest = 0;
  for (const gradient of gradients)
    for (let at = 0; at < gradient.length; at += 1) largest = Math.max(largest, Math.abs(gradient[at] ?? 0));
  return largest;
}

/** By parameter, without those that the step leaves as they are or moves otherwise than by a gradient. */
function gradientsOf(
  step: CompiledStep,
  feeds: ReadonlyMap<string, NdArray>,
  rate: number,
  next: ReadonlyMap<string, ArrayLike<number>>,
): Map<string, Float64Array> {
  const statistics = new Set(step.statistics);
  const gradients = new Map<string, Float64Array>();
  for (const { name } of step.parameters) {
    if (statistics.has(name)) continue;
    const after = next.get(`${name}_next`);
    const before = feeds.get(name)?.data ?? new Float64Array();
    gradients.set(
      name,
      before.map((value, at) => (value - (after?.[at] ?? Number.NaN)) / rate),
    );
  }
  return gradients;
}

function interpretNext(
  forward: ForwardGraph,
  training: Parameters<typeof trainStepGraph>[1],
  feeds: ReadonlyMap<string, NdArray>,
): Map<string, Float64Array> {
  const results = interpret(trainStepGraph(forward, training), new Map(feeds).set('lr', scalar(1)));
  return new Map([...results].map(([name, { data }]) => [name, data]));
}

/** Everything that a step reads but its learning rate: floats that float32 holds exactly. */
function drawFeeds(
  forward: ForwardGraph,
  step: CompiledStep,
  loss: Loss,
  random: RandomNumbers,
): Map<string, NdArray> {
  const [output] = compilePrediction(forward, { batchSize: step.batchSize }).outputs;
  const classes = output?.shape.at(-1) ?? 1;
  const tokens = vocabularyOf(forward);
  const isLabelled = loss.type === 'softmax_ce' || loss.type === 'sequence_ce';
  const x = step.input.type === 'int32' ? () => random.below(tokens) : () => random.normal();
  const y = isLabelled ? () => random.below(classes) : () => random.unit();
  const feeds = new Map([
    ['x', draw(step.input, x)],
    ['y', draw(step.target, y)],
    ['weight', draw({ shape: [step.batchSize] }, () => 0.5 + random.unit())],
    ...step.masks.map(
      (mask) => [mask.name, draw(mask, () => (random.unit() < mask.rate ? 0 : 1 / (1 - mask.rate)))] as const,
    ),
    ['lr', scalar(1)],
  ]);
  const flat = initialParameters(forward);
  for (const { name, shape, offset } of step.parameters) {
    let at = offset;
    const near = () => {
      const value = flat[at] ?? 0;
      at += 1;
      return value + DISPLACEMENT * random.normal();
    };
    feeds.set(name, draw({ shape }, near));
  }
  return feeds;
}

function draw({ shape }: Pick<TensorSpec, 'shape'>, one: () => number): NdArray {
  return { shape, data: Float64Array.from({ length: elementCount(shape) }, () => Math.fround(one())) };
}

function scalar(value: number): NdArray {
  return { shape: [], data: Float64Array.of(value) };
}

/** Distinct coordinates of a gradient, half of them from where it is not 0 as far as there are so many. */
function chooseCoordinates(gradient: Float64Array, count: number, random: RandomNumbers): number[] {
  const places = [...gradient.keys()];
  if (gradient.length <= count) return places;
  const steep = random.shuffle(places.filter((at) => gradient[at] !== 0));
  const chosen = new Set(steep.slice(0, Math.ceil(count / 2)));
  while (chosen.size < count) chosen.add(random.below(gradient.length));
  return [...chosen];
}
