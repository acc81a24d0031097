/**
 * The multilayer perceptron: h' = relu(h W + b), the last layer without relu. Without hidden layers it is linear,
 * which under softmax cross-entropy is softmax regression.
 */
import type { RandomNumbers } from '../../../protocol/random.ts';
import type { ForwardGraph, ForwardParameter } from '../forward-graph.ts';
import { type ForwardDescription, writeForward } from '../forward-writer.ts';
import { importModel } from '../import-model.ts';

/**
 * Weights are He-initialised (He et al., ICCV 2015: normal, variance 2 / fan-in) in front of a relu, and
 * Glorot-initialised (AISTATS 2010: uniform, bound sqrt(6 / (fan-in + fan-out))) in the last layer; biases are 0.
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
    const data = last ? glorot(inputs, outputs, random) : he(inputs, outputs, random);
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

function he(fanIn: number, fanOut: number, random: RandomNumbers): Float32Array {
  const deviation = Math.sqrt(2 / fanIn);
  return Float32Array.from({ length: fanIn * fanOut }, () => deviation * random.normal());
}

function glorot(fanIn: number, fanOut: number, random: RandomNumbers): Float32Array {
  const bound = Math.sqrt(6 / (fanIn + fanOut));
  return Float32Array.from({ length: fanIn * fanOut }, () => bound * (2 * random.unit() - 1));
}
