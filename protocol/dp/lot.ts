/**
 * A Poisson lot: every unit enters by a coin of its own, from the CSPRNG and never from the seed of a job, for the promise
 * is amplified by nobody knowing who is in it. SPEC.md 12.4; Abadi et al., CCS 2016, section 3.
 */
import { HanseError } from '../problem.ts';
import type { RandomSource } from '../random.ts';
import { binomialTail } from './binomial-tail.ts';
import { LARGER_LOT } from './job-privacy.ts';

/** Coins at a time: their randomness is 64 KiB, the most WebCrypto gives in one call. */
const BLOCK = 8192;
const TWO_53 = 2 ** 53;

/** L: the size that a lot exceeds with probability 1e-12 at most; work is done for so many, so its time tells no size. */
export function lotMost(units: number, rate: number): number {
  let low = -1;
  let high = units;
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (binomialTail(units, rate, middle + 1) <= LARGER_LOT) high = middle;
    else low = middle;
  }
  return high;
}

/**
 * The units of a lot, ascending. Each is in it with probability floor(q 2^53) / 2^53, which is at most q.
 *
 * @param units how many there are
 * @param rate  q in [0, 1]
 * @param most  L: throws `lotTooLarge` beyond it, and the round goes on without this node
 */
export function drawLot(
  units: number,
  rate: number,
  random: RandomSource,
  most: number = lotMost(units, rate),
): Uint32Array {
  const threshold = Math.floor(rate * TWO_53);
  const drawn = new Uint32Array(units);
  const words = new Uint32Array(2 * Math.min(BLOCK, units));
  const bytes = new Uint8Array(words.buffer);
  let size = 0;
  for (let start = 0; start < units; start += BLOCK) {
    const count = Math.min(BLOCK, units - start);
    random.fill(bytes.subarray(0, 8 * count));
    for (let i = 0; i < count; i += 1) {
      const coin = ((words[2 * i] as number) >>> 11) * 4_294_967_296 + (words[2 * i + 1] as number);
      drawn[size] = start + i;
      size += coin < threshold ? 1 : 0;
    }
  }
  bytes.fill(0);
  if (size > most) throw new HanseError('lotTooLarge', { most });
  return drawn.subarray(0, size);
}
