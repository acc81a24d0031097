/**
 * Weights before training: random numbers whose spread keeps the size of activations from layer to layer.
 */
import type { RandomNumbers } from '../../../protocol/random.ts';

/**
 * In front of a relu, which loses half: normal with variance 2 / fan-in. He et al., ICCV 2015.
 * @param fanIn inputs that go into one output
 */
export function heNormal(count: number, fanIn: number, random: RandomNumbers): Float32Array {
  const deviation = Math.sqrt(2 / fanIn);
  return Float32Array.from({ length: count }, () => deviation * random.normal());
}

/** Elsewhere: uniform in +-sqrt(6 / (fan-in + fan-out)). Glorot and Bengio, AISTATS 2010. */
export function glorotUniform(
  count: number,
  fanIn: number,
  fanOut: number,
  random: RandomNumbers,
): Float32Array {
  const bound = Math.sqrt(6 / (fanIn + fanOut));
  return Float32Array.from({ length: count }, () => bound * (2 * random.unit() - 1));
}
