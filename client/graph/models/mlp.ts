/**
 * The multilayer perceptron: h' = relu(h W + b), the last layer without relu. Without hidden layers it is linear,
 * which under softmax cross-entropy is softmax regression.
 */
import type { RandomNumbers } from '../../../protocol/random.ts';
import type { ForwardGraph, ForwardParameter } from '../forward-graph.ts';
import { type ForwardDescription, writeForward } from '../forward-writer.ts';
import { importModel } from '../import-model.ts';
import { glorotUniform, heNormal } from './initializers.ts';

/**
 * Weights are He-initialised in front of a relu and Glorot-initialised in the last layer (`initializers.ts`); biases
 * are 0.
 * @param widths input, hidden and output widths, at least two, each >= 1: `mlp([784, 200, 200, 10], random)`
 */
export function mlp(widths: readonly number[], random: RandomNumbers): ForwardGraph {
  return importModel(mlpBytes(widths, random));
}

/** The same model as ONNX bytes. */
export function mlpBytes(widths: readonly number[], random: RandomNumbers): Uint8Array {
  if (widths.length < 2 || !widths.every((width) => Number.isSafeInteger(width) && width >= 1))
    throw new RangeError(`widths ${widths}`);
  const layers = widths.slice(1).map((outputs, index) => ({ inputs: widths[index] ?? 1, outputs }));
  const parameters: ForwardParameter[] = [];
  const nodes: ForwardDescription['nodes'][number][] = [];
  let activation = 'x';
  layers.forEach(({ inputs, outputs }, index) => {
    const last = index === layers.length - 1;
    const weight = `dense${index}.weight`;
    const bias = `dense${index}.bias`;
    const data = last
      ? glorotUniform(inputs * outputs, inputs, outputs, random)
      : heNormal(inputs * outputs, inputs, random);
    parameters.push({ name: weight, shape: [inputs, outputs], data });
    parameters.push({ name: bias, shape: [outputs], data: new Float32Array(outputs) });
    const product = last ? 'output' : `dense${index}.product`;
    nodes.push({ op: 'Gemm', inputs: [activation, weight, bias], output: product });
    if (last) return;
    activation = `dense${index}.output`;
    nodes.push({ op: 'Relu', inputs: [product], output: activation });
  });
  return writeForward({
    name: 'mlp',
    input: { name: 'x', shape: widths.slice(0, 1) },
    parameters,
    nodes,
    output: { name: 'output', shape: widths.slice(-1) },
  });
}
