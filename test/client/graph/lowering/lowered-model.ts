/**
 * Models of one operator that is written as others, compared with the operator itself: ONNX Runtime on the model as it
 * is, and central differences for the gradients.
 */
import { expect } from 'vitest';
import type { Attributes } from '../../../../client/graph/attribute.ts';
import { bindForward } from '../../../../client/graph/bind-forward.ts';
import { type BindMode, INFERENCE } from '../../../../client/graph/bind-mode.ts';
import { compilePrediction } from '../../../../client/graph/compile-prediction.ts';
import type { ForwardGraph } from '../../../../client/graph/forward-graph.ts';
import type { ForwardOperator } from '../../../../client/graph/forward-operators.ts';
import { writeForward } from '../../../../client/graph/forward-writer.ts';
import { GraphBuilder } from '../../../../client/graph/graph-builder.ts';
import { importModel } from '../../../../client/graph/import-model.ts';
import type { NdArray } from '../../../../client/graph/reference/nd-array.ts';
import type { Constant, Shape } from '../../../../client/graph/tensor-type.ts';
import { bothGradients, type Variable } from '../central-differences.ts';
import { load32 } from '../onnx-runtime.ts';
import { numbers, uniform, worstDifference } from '../random-arrays.ts';

/** Another input: a parameter of this shape, a constant, or none where an optional one is left out. */
export type Operand = { readonly parameter: Shape } | { readonly constant: Constant } | 'x' | undefined;

export interface LoweredCase {
  readonly name: string;
  readonly op: ForwardOperator;
  readonly opset?: number;
  /** The shape of the first input, x, with the batch axis in front. */
  readonly x: Shape;
  readonly others?: readonly Operand[];
  readonly attributes?: Attributes;
  /** How many outputs are compared; 1 where it is left out. */
  readonly outputs?: number;
  /** Where x and the parameters are drawn from; -2 to 2 where it is left out. */
  readonly range?: readonly [from: number, to: number];
  /** How far gradients may be off where constants are rounded to float32; 1e-8 otherwise. */
  readonly tolerance?: number;
}

/** The case as a model, its parameters being drawn at random. */
export function modelOf({
  op,
  opset,
  x,
  others = [],
  attributes = {},
  range,
  outputs = 1,
}: LoweredCase): Uint8Array {
  const random = numbers(3);
  const inputs = others.map((operand, index) => {
    if (operand === undefined) return '';
    return operand === 'x' ? 'in' : `operand${index}`;
  });
  const parameters = others.flatMap((operand, index) => {
    if (typeof operand !== 'object' || !('parameter' in operand)) return [];
    const data = Float32Array.from(uniform(random, operand.parameter, ...(range ?? [-2, 2])).data);
    return [{ name: `operand${index}`, shape: operand.parameter, data }];
  });
  const constants = others.flatMap((operand, index) => {
    if (typeof operand !== 'object' || !('constant' in operand)) return [];
    const value = { kind: 'tensor', value: operand.constant } as const;
    return [{ op: 'Constant', inputs: [], output: `operand${index}`, attributes: { value } } as const];
  });
  const names = Array.from({ length: outputs }, (_, index) => (index === 0 ? 'out' : `out${index}`));
  return writeForward({
    name: 'lowered',
    ...(opset === undefined ? {} : { opset }),
    input: { name: 'in', shape: x.slice(1) },
    parameters,
    nodes: [...constants, { op, inputs: ['in', ...inputs], output: names, attributes }],
    output: { name: 'out' },
    otherOutputs: names.slice(1),
  });
}

/** The prediction graph and the model it was compiled from give the same in ONNX Runtime. */
export async function expectSamePrediction(one: LoweredCase): Promise<void> {
  const bytes = modelOf(one);
  const forward = importModel(bytes);
  const x = uniform(numbers(4), one.x, ...(one.range ?? [-2, 2]));
  const compiled = compilePrediction(forward, { batchSize: one.x[0] ?? 1 });
  const original = await (await load32(bytes))(new Map([['in', x]]));
  const ours = await (await load32(compiled.bytes))(new Map([['x', x], ...parametersOf(forward)]));
  expect(ours.size).toBe(one.outputs ?? 1);
  for (const [name, values] of ours)
    expect(worstDifference(values, original.get(name) ?? []), name).toBeLessThan(2e-6);
}

function parametersOf(forward: ForwardGraph): [string, NdArray][] {
  return forward.parameters.map(({ name, shape, data }) => [name, { shape, data: Float64Array.from(data) }]);
}

/** Gradients by x and by all parameters are those that central differences find, in use and in training. */
export function expectRightGradients(one: LoweredCase): void {
  const forward = importModel(modelOf(one));
  for (const kind of ['inference', 'training'] as const) {
    const random = numbers(5);
    const g = new GraphBuilder('lowered');
    const at = uniform(random, one.x, ...(one.range ?? [-2, 2]));
    const x: Variable = { name: 'x', value: g.input('x', 'float32', one.x), at };
    const parameters = parametersOf(forward).map(
      ([name, array]): Variable => ({ name, value: g.input(name, 'float32', array.shape), at: array }),
    );
    const values = parameters.map(({ value }) => value);
    const bound = bindForward(
      g,
      forward,
      x.value,
      values,
      kind === 'inference' ? INFERENCE : training(g, one.x),
    );
    const { analytic, numeric } = bothGradients(g, bound.tape, bound.output, [x, ...parameters], random);
    analytic.forEach(({ data }, index) => {
      const tolerance = one.tolerance ?? 1e-8;
      expect(worstDifference(data, numeric[index]?.data ?? []), kind).toBeLessThan(tolerance);
    });
  }
}

function training(g: GraphBuilder, [batch = 1]: Shape): BindMode {
  const weight = g.constant({ dtype: 'float32', shape: [batch], data: new Float32Array(batch).fill(1) });
  return {
    kind: 'training',
    weight,
    mask: () => {
      throw new Error('nothing here is dropped');
    },
  };
}
