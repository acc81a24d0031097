/**
 * A blocked randomised Hadamard rotation: what stands in one coordinate is spread over a block of them. SPEC.md 5.9;
 * Suresh et al., ICML 2017, section 3; Kairouz, Liu, Steinke, ICML 2021, section 5.
 *
 *   z = (1 / sqrt B) H (s * x),  x = s * ((1 / sqrt B) H z)
 *
 * for each block of B = 2^k coordinates, s being random signs and H the Walsh-Hadamard matrix of Sylvester's order. A
 * rotation keeps lengths and sums, and no coordinate of a vector of norm C that does not depend on the signs is likely
 * to exceed C sqrt(2 ln(2 d / p) / B) (Hoeffding): probability at most p for all d of them.
 *
 * A last block that is not full would spread little, and of one coordinate nothing: where the last layer of a model has
 * its biases. So the last B coordinates are a block of their own that overlaps the one before, turned first and turned
 * back last. The number of coordinates does not change.
 *
 * The arithmetic is float64 and every coordinate passes log2 B additions in a fixed order, so that all arrive at the same
 * bits. Two stages at a time give the same bits as one after the other, with half the trips to memory.
 */
import { type RandomSource, seededRandom } from '../random.ts';
import { bytesOf } from '../vector.ts';

/** B: `block`, or the largest power of two among d coordinates where they are fewer. */
export function blockOf(block: number, length: number): number {
  return Math.min(block, 2 ** Math.floor(Math.log2(length)));
}

/**
 * Turns `values` in place; each is rounded to float32 once for each block it is in. What is not finite spreads.
 *
 * @param block power of two
 * @param seed  32 bytes, public: it hides nothing
 */
export function rotate(values: Float32Array, block: number, seed: Uint8Array): void {
  const size = blockOf(block, values.length);
  const scale = Math.sqrt(1 / size);
  const whole = values.length - (values.length % size);
  const random = seededRandom(seed);
  const signs = signsFor(size);
  const scratch = new Float64Array(size);
  const turn = (start: number): void => {
    drawSigns(signs, random);
    for (let i = 0; i < size; i += 1) scratch[i] = (values[start + i] as number) * signOf(signs, i);
    walshHadamard(scratch, 0, size);
    for (let i = 0; i < size; i += 1) values[start + i] = (scratch[i] as number) * scale;
  };
  if (whole < values.length) turn(values.length - size);
  for (let start = 0; start < whole; start += size) turn(start);
}

/** The inverse of `rotate` in float64, in place. Takes the same block and seed. */
export function rotateBack(values: Float64Array, block: number, seed: Uint8Array): void {
  const size = blockOf(block, values.length);
  const scale = Math.sqrt(1 / size);
  const whole = values.length - (values.length % size);
  const random = seededRandom(seed);
  const ofLast = signsFor(size);
  const signs = signsFor(size);
  const turnBack = (start: number, by: Uint32Array): void => {
    walshHadamard(values, start, size);
    for (let i = 0; i < size; i += 1)
      values[start + i] = (values[start + i] as number) * scale * signOf(by, i);
  };
  if (whole < values.length) drawSigns(ofLast, random);
  for (let start = 0; start < whole; start += size) {
    drawSigns(signs, random);
    turnBack(start, signs);
  }
  if (whole < values.length) turnBack(values.length - size, ofLast);
}

/** One bit a coordinate of a block, in whole words. */
function signsFor(size: number): Uint32Array<ArrayBuffer> {
  return new Uint32Array(Math.ceil(size / 32));
}

function drawSigns(signs: Uint32Array<ArrayBuffer>, random: RandomSource): void {
  random.fill(bytesOf(signs));
}

/** -1 where the bit is set. A shift takes its distance modulo 32. */
function signOf(signs: Uint32Array, i: number): number {
  return 1 - 2 * (((signs[i >>> 5] as number) >>> i) & 1);
}

/**
 * values[start..start + size - 1] times H, in place: for h = 1, 2, 4, .. the pairs at distance h become sum and
 * difference.
 */
function walshHadamard(values: Float64Array, start: number, size: number): void {
  const end = start + size;
  let h = 1;
  for (; 4 * h <= size; h *= 4)
    for (let group = start; group < end; group += 4 * h) twoStages(values, group, h);
  if (h < size) lastStage(values, start, h);
}

/** Those of h and 2 h, for the 4 h values from `group` on. */
function twoStages(values: Float64Array, group: number, h: number): void {
  for (let i = group; i < group + h; i += 1) {
    const a = values[i] as number;
    const b = values[i + h] as number;
    const c = values[i + 2 * h] as number;
    const d = values[i + 3 * h] as number;
    const ab = a + b;
    const aMinusB = a - b;
    const cd = c + d;
    const cMinusD = c - d;
    values[i] = ab + cd;
    values[i + h] = aMinusB + cMinusD;
    values[i + 2 * h] = ab - cd;
    values[i + 3 * h] = aMinusB - cMinusD;
  }
}

function lastStage(values: Float64Array, start: number, h: number): void {
  for (let i = start; i < start + h; i += 1) {
    const a = values[i] as number;
    const b = values[i + h] as number;
    values[i] = a + b;
    values[i + h] = a - b;
  }
}
