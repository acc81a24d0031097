/**
 * Conditional stochastic rounding to integers. SPEC.md 5.6; Kairouz, Liu, Steinke, ICML 2021.
 *
 *   y = x / g,  v_k = floor(y_k + u_k),  u_k uniform in [0, 1);  drawn again until |v|^2 <= D^2
 *   D^2 = min{ (L + sqrt d)^2,  L^2 + d/4 + sqrt(2 ln(1/beta)) (L + sqrt d / 2) },  L >= |y|,  beta = e^(-1/2)
 *
 * Rounding alone is unbiased, but may lengthen the vector; privacy needs a bound on the length of what is sent, and D
 * is little more than L where rounding up all coordinates would cost L + sqrt d. A try fails with probability less
 * than beta, so the condition biases little, and almost never fails twice in high dimension.
 *
 * After `TRIES` failures (probability below beta^64 < 2^-46) coordinates are rounded towards zero, which needs no
 * randomness and cannot exceed L. An adversary learns nothing from it: the bound holds for every output.
 */
import { HanseError } from '../problem.ts';
import type { RandomSource } from '../random.ts';

const TRIES = 64;
/** Coordinates at a time: their randomness is 64 KiB, the most WebCrypto gives in one call. A multiple of 32. */
const BLOCK = 16_384;
const TO_UNIT = 2 ** -32;

/**
 * D^2: the largest squared L2 norm of a rounded vector, in grid units. With beta = e^(-1/2) the root in the formula
 * above is 1.
 *
 * @param levels L: bound on the norm before rounding, in grid units
 */
export function roundedNormSquared(levels: number, length: number): number {
  const root = Math.sqrt(length);
  return Math.min((levels + root) ** 2, levels ** 2 + length / 4 + levels + root / 2);
}

/** Is given the coordinates from `start` on, in a block that the next one overwrites. */
export type TakeBlock = (coordinates: Int32Array, start: number) => void;

/**
 * Rounds `values * scale` to integers with squared norm at most `roundedNormSquared(levels, values.length)` and
 * coordinates of magnitude at most floor(P) + 1, P being their largest before, at most `levels`. Draws 32 bits a
 * coordinate.
 *
 * The integers are handed over in blocks, in order, so that no second vector is needed; each block but the last has
 * a multiple of 32 coordinates. A try that fails is followed by another from the first block on: the last one counts.
 *
 * @param values not modified
 * @param scale  grid units per unit of `values`; |values| * scale must not exceed `levels`
 * @param levels L; no coordinate may have 2^31 - 1 grid units
 * Throws `trainingDiverged` if a value is not finite, RangeError if the values exceed `levels` by far.
 */
export function quantize(
  values: Float32Array,
  scale: number,
  levels: number,
  random: RandomSource,
  take: TakeBlock,
): void {
  const block = new Int32Array(Math.min(BLOCK, values.length));
  const words = new Uint32Array(block.length);
  const limit = roundedNormSquared(levels, values.length);
  for (let attempt = 0; attempt < TRIES; attempt += 1) {
    const bytes = new Uint8Array(words.buffer);
    const squaredNorm = inBlocks(values, block, take, (part, rounded) => {
      random.fill(part.length === words.length ? bytes : bytes.subarray(0, 4 * part.length));
      return roundAtRandom(part, scale, words, rounded);
    });
    if (squaredNorm <= limit) return;
    if (!Number.isFinite(squaredNorm)) throw new HanseError('trainingDiverged', { what: 'update' });
  }
  const squaredNorm = inBlocks(values, block, take, (part, rounded) =>
    roundTowardsZero(part, scale, rounded),
  );
  if (squaredNorm > limit) throw new RangeError(`a norm above ${levels} grid units`);
}

/** One try. Returns the sum of what `round` returns, the squared norms of the blocks. */
function inBlocks(
  values: Float32Array,
  block: Int32Array,
  take: TakeBlock,
  round: (part: Float32Array, rounded: Int32Array) => number,
): number {
  let squaredNorm = 0;
  for (let start = 0; start < values.length; start += BLOCK) {
    const part = values.subarray(start, start + BLOCK);
    const rounded = part.length === block.length ? block : block.subarray(0, part.length);
    squaredNorm += round(part, rounded);
    take(rounded, start);
  }
  return squaredNorm;
}

/** Returns the squared norm, exact below 2^53. */
function roundAtRandom(part: Float32Array, scale: number, words: Uint32Array, rounded: Int32Array): number {
  let squaredNorm = 0;
  for (let i = 0; i < part.length; i += 1) {
    const value = Math.floor((part[i] as number) * scale + (words[i] as number) * TO_UNIT);
    rounded[i] = value;
    squaredNorm += value * value;
  }
  return squaredNorm;
}

function roundTowardsZero(part: Float32Array, scale: number, rounded: Int32Array): number {
  let squaredNorm = 0;
  for (let i = 0; i < part.length; i += 1) {
    const value = Math.trunc((part[i] as number) * scale);
    rounded[i] = value;
    squaredNorm += value * value;
  }
  return squaredNorm;
}
