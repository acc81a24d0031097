/**
 * Are the gradients of a compiled train step right? Each is compared with a central difference of the loss,
 *
 *   (L(p + h e_i) - L(p - h e_i)) / 2 h,
 *
 * at some coordinates of every parameter, all in float64 by the reference interpreter. The gradient is taken from the
 * graph that would be trained with: one step of gradient descent with learning rate 1, g = p - p'. The loss comes
 * from another graph, that of evaluation.
 *
 * Parameters are moved a little from where the model has them: at exact zeros, as fresh models have them, a relu has
 * two slopes and no derivative.
 */
import type { RandomNumbers } from '../../protocol/random.ts';
import type { Loss } from '../../schemas/training.ts';
import { evaluationGraph } from './compile-evaluation.ts';
import { compilePrediction } from './compile-prediction.ts';
import { compileTrainStep, trainStepGraph } from './compile-train-step.ts';
import type { TensorSpec } from './compiled.ts';
import type { ForwardGraph } from './forward-graph.ts';
import { initialParameters, parameterSpecs } from './parameters.ts';
import { interpret } from './reference/interpreter.ts';
import type { NdArray } from './reference/nd-array.ts';
import { elementCount } from './tensor-type.ts';

/** Half the distance of the two losses, h: in float64 both truncation and rounding stay below 1e-9. */
const STEP = 1e-5;
/** Standard deviation of the displacement from the model's parameters. */
const DISPLACEMENT = 0.01;

export interface GradientCheckOptions {
  readonly loss: Loss;
  /** Examples in the batch, drawn at random. */
  readonly batchSize: number;
  /** Coordinates per parameter; all of them where it has fewer. */
  readonly coordinates: number;
  readonly random: RandomNumbers;
}

export interface CheckedParameter {
  /** The model's name for it. */
  readonly name: string;
  readonly shape: readonly number[];
  readonly coordinates: number;
  /** Largest |analytic - numeric| over the coordinates, relative to the largest gradient among them. */
  readonly worstError: number;
}

/** @throws manifestInvalid, gradientUnsupported */
export function checkGradients(forward: ForwardGraph, options: GradientCheckOptions): CheckedParameter[] {
  const { loss, batchSize, random } = options;
  const training = { loss, optimizer: { type: 'sgd' }, batchSize } as const;
  const step = compileTrainStep(forward, training);
  const [output] = compilePrediction(forward, { batchSize }).outputs;
  const classes = output?.shape.at(-1) ?? 1;
  const feeds = new Map<string, NdArray>([
    ['x', draw(step.input, () => random.normal())],
    [
      'y',
      draw(step.target, step.target.type === 'int32' ? () => random.below(classes) : () => random.unit()),
    ],
    ['weight', draw({ shape: [batchSize] }, () => 0.5 + random.unit())],
  ]);
  const flat = initialParameters(forward);
  for (const { name, shape, offset } of step.parameters) {
    let at = offset;
    feeds.set(
      name,
      draw({ shape }, () => {
        const value = flat[at] ?? 0;
        at += 1;
        return value + DISPLACEMENT * random.normal();
      }),
    );
  }

  const evaluation = evaluationGraph(forward, training);
  const lossAt = (name: string, array: NdArray) => {
    const results = interpret(evaluation, new Map(feeds).set(name, array));
    return (
      (results.get('lossSum')?.data[0] ?? Number.NaN) / (results.get('weightSum')?.data[0] ?? Number.NaN)
    );
  };
  const learningRate: NdArray = { shape: [], data: Float64Array.of(1) };
  const next = interpret(trainStepGraph(forward, training), new Map(feeds).set('lr', learningRate));
  const names = parameterSpecs(forward).map(({ name }) => name);
  return step.parameters.map(({ name, shape, size }, index) => {
    const data = feeds.get(name)?.data ?? new Float64Array();
    const after = next.get(`${name}_next`)?.data ?? new Float64Array();
    const chosen = chooseCoordinates(size, options.coordinates, random);
    const analytic = chosen.map((at) => (data[at] ?? Number.NaN) - (after[at] ?? Number.NaN));
    const numeric = chosen.map((at) => {
      const moved = (by: number) => ({ shape, data: data.with(at, (data[at] ?? 0) + by) });
      return (lossAt(name, moved(STEP)) - lossAt(name, moved(-STEP))) / (2 * STEP);
    });
    const worstError = relativeError(analytic, numeric);
    return { name: names[index] ?? name, shape, coordinates: chosen.length, worstError };
  });
}

/** Below this a gradient is as good as zero: differences are rounding. */
const NEGLIGIBLE = 1e-6;

/** NaN where anything is. */
function relativeError(analytic: readonly number[], numeric: readonly number[]): number {
  const scale = Math.max(NEGLIGIBLE, ...analytic.map(Math.abs), ...numeric.map(Math.abs));
  return Math.max(
    ...analytic.map((value, index) => Math.abs(value - (numeric[index] ?? Number.NaN)) / scale),
  );
}

function draw({ shape }: Pick<TensorSpec, 'shape'>, one: () => number): NdArray {
  return { shape, data: Float64Array.from({ length: elementCount(shape) }, one) };
}

/** Distinct coordinates of a vector of this size. */
function chooseCoordinates(size: number, count: number, random: RandomNumbers): number[] {
  if (size <= count) return [...Array(size).keys()];
  const chosen = new Set<number>();
  while (chosen.size < count) chosen.add(random.below(size));
  return [...chosen];
}
