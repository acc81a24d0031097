/**
 * The parameters of a model as one flat float32 vector: what is trained, exchanged and averaged.
 */
import { HanseError } from '../../protocol/problem.ts';
import type { ParameterSpec } from './compiled.ts';
import type { ForwardGraph, ForwardParameter } from './forward-graph.ts';
import { elementCount } from './tensor-type.ts';

/** Where each parameter lies, under the names that the model gives them. */
export function parameterSpecs(forward: ForwardGraph): ParameterSpec[] {
  let offset = 0;
  return forward.parameters.map(({ name, shape }) => {
    const size = elementCount(shape);
    const spec = { name, shape, offset, size };
    offset += size;
    return spec;
  });
}

/** Length of the flat vector. */
export function parameterCount(forward: ForwardGraph): number {
  return forward.parameters.reduce((count, { shape }) => count + elementCount(shape), 0);
}

/** Every float tensor of the model with its values: parameters out of the flat vector, frozen ones as they came. */
export function floatTensors(forward: ForwardGraph, flat: Float32Array): ForwardParameter[] {
  requireParameterVector(forward, flat);
  const trained = parameterSpecs(forward).map(({ name, shape, offset, size }) => {
    return { name, shape, data: flat.subarray(offset, offset + size) };
  });
  return [...trained, ...forward.frozen];
}

/** A new vector of the values that the model came with. */
export function initialParameters(forward: ForwardGraph): Float32Array {
  const flat = new Float32Array(parameterCount(forward));
  for (const [index, { offset }] of parameterSpecs(forward).entries())
    flat.set(forward.parameters[index]?.data ?? [], offset);
  return flat;
}

/** @throws invalidLength unless the vector has one element per parameter of the model */
export function requireParameterVector(forward: ForwardGraph, flat: Float32Array): void {
  const expected = parameterCount(forward);
  if (flat.length !== expected)
    throw new HanseError('invalidLength', { what: 'parameters', expected, got: flat.length });
}
