/**
 * The sum of a lot as integers of the ring. SPEC.md 12.4.
 *
 *   v_k = floor(x_k / g + u_k),  u_k uniform in [0, 1);  cut to -M..M
 *
 * Computed as floor(x_k / g) + floor(frac(x_k / g) + u_k), so that what is an integer stays it, however large.
 *
 * It is rounded once and unconditionally: with the same u two sums that differ by one unit stay within D of each other
 * (`protocol/dp/job-privacy.ts`), whatever the sums are, and cutting moves no two numbers apart.
 */
import { HanseError } from '../problem.ts';
import type { RandomSource } from '../random.ts';
import type { TakeBlock } from './quantize.ts';

/** Coordinates at a time: their randomness is 64 KiB, the most WebCrypto gives in one call. A multiple of 32. */
const BLOCK = 16_384;
const TO_UNIT = 2 ** -32;

/**
 * Draws 32 bits a coordinate. Blocks are handed over in order, each overwritten by the next.
 * @param sum   [d] in units of the gradients; not modified
 * @param grid  g > 0
 * @param bound M, 1..2^31 - 1
 * Throws `trainingDiverged` if a number is not finite.
 */
export function roundLotSum(
  sum: Float32Array | Float64Array,
  grid: number,
  bound: number,
  random: RandomSource,
  take: TakeBlock,
): void {
  const block = new Int32Array(Math.min(BLOCK, sum.length));
  const words = new Uint32Array(block.length);
  const bytes = new Uint8Array(words.buffer);
  for (let start = 0; start < sum.length; start += BLOCK) {
    const part = sum.subarray(start, start + BLOCK);
    random.fill(bytes.subarray(0, 4 * part.length));
    const rounded = block.subarray(0, part.length);
    for (let i = 0; i < part.length; i += 1) {
      const steps = (part[i] as number) / grid;
      const whole = Math.floor(steps);
      const value = whole + Math.floor(steps - whole + (words[i] as number) * TO_UNIT);
      if (Number.isNaN(value)) throw new HanseError('trainingDiverged', { what: 'sum of a lot' });
      rounded[i] = value > bound ? bound : value < -bound ? -bound : value;
    }
    take(rounded, start);
  }
}
