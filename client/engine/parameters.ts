/**
 * Between the flat parameter vector, which is what travels, and the named tensors, which are what a graph takes.
 */
import { HanseError } from '../../protocol/problem.ts';
import type { BorderArray } from '../graph/border-array.ts';
import type { ParameterSpec, TensorSpec } from '../graph/compiled.ts';
import type { Tensor, Tensors } from './provider.ts';

/** How long the flat vector of these parameters is. */
export function parameterCount(specs: readonly ParameterSpec[]): number {
  return specs.reduce((count, { offset, size }) => Math.max(count, offset + size), 0);
}

/**
 * Named views into the flat vector; nothing is copied.
 * Throws `invalidLength` unless the vector has exactly the parameters of the graph.
 */
export function parameterTensors(
  flat: Float32Array,
  specs: readonly ParameterSpec[],
): Record<string, Tensor> {
  const expected = parameterCount(specs);
  if (flat.length !== expected) {
    throw new HanseError('invalidLength', { what: 'parameters', expected, got: flat.length });
  }
  const tensors: Record<string, Tensor> = {};
  for (const { name, shape, offset, size } of specs) {
    tensors[name] = { type: 'float32', shape, data: flat.subarray(offset, offset + size) };
  }
  return tensors;
}

/** The inverse: a new flat vector from named tensors. */
export function flattenParameters(tensors: Tensors, specs: readonly ParameterSpec[]): Float32Array {
  const flat = new Float32Array(parameterCount(specs));
  for (const { name, offset } of specs) flat.set(floatsOf(tensors, name), offset);
  return flat;
}

/** The values of an output that must be there as float32, by the table in `client/graph/compiled.ts`. */
export function floatsOf(tensors: Tensors, name: string): Float32Array {
  const tensor = tensors[name];
  if (tensor?.type !== 'float32') throw new Error(`the graph has no float32 output "${name}"`);
  return tensor.data;
}

/** The same for an output of either type. */
export function valuesOf(tensors: Tensors, { name, type }: Pick<TensorSpec, 'name' | 'type'>): BorderArray {
  if (type === 'float32') return floatsOf(tensors, name);
  const tensor = tensors[name];
  if (tensor?.type !== 'int32') throw new Error(`the graph has no int32 output "${name}"`);
  return tensor.data;
}
