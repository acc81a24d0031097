/**
 * The cumulative distribution of the magnitude of symmetric integer noise, as a table to be inverted. With w_k = P(k)/P(0):
 *
 *   C_m = floor(2^127 P(|X| <= m given |X| <= T)),  m = 0..T;  a magnitude is the least m with U < C_m, U uniform in [0, 2^127)
 *
 * The weights come from their ratios, w_(k+1) = w_k g_k, in fixed point. If each g_k is off by at most 2^20 units of 2^-192
 * then w_k is off by at most k (2^20 + 1), the sum of all n <= 2^16 weights by less than n^2 (2^20 + 1) < 2^53, and C_m before
 * it is cut to an integer by less than 2^-10, as the sum is at least 1. Two neighbours then differ by what they should
 * within 1 + 2^-9, and half the sum over all m, the distance in total variation, is below n 2^-127.
 *
 * Everything beyond T is left out, and told: as ratios do not grow, it is at most 2 w_(T+1) / (1 - g_T) of the sum.
 */
import { FRACTION_BITS, ONE, ULP } from './fixed-point.ts';

/** Bits of a threshold: a word less the bit of a sign, and three words more. */
export const THRESHOLD_BITS = 127n;
/** Words of a threshold behind its first. */
export const REST_WORDS = 3;
/** What may be beyond the table. */
const TAIL_BITS = 104n;
/** More than those of a weight or ratio. */
const ERRORS = 1n << 53n;
/** The guide has 16 bits an entry. */
const MAX_ENTRIES = 65_536;

export interface CumulativeTable {
  /** First 31 of the 127 bits of each threshold; the last one is 2^31, above all that is drawn. */
  readonly leads: Uint32Array;
  /** The other 96 bits of each, three words from the highest on. */
  readonly rests: Uint32Array;
  /** By the leading bits of what is drawn: the least m whose lead is not below all that begins so. */
  readonly guide: Uint16Array;
  /** What is drawn, of 31 bits, is shifted right by so much for the guide. */
  readonly guideShift: number;
  /** Bound on the total variation between a draw and the law, 2^-103 or less. */
  readonly slack: number;
}

/**
 * @param ratios g_k = w_(k+1)/w_k for k = 0, 1, ...: fixed point, within 2^20 of the truth, not growing, below 1 in the end
 * @throws RangeError if they end, or reach 65,536, before the rest is negligible
 */
export function cumulativeTable(ratios: Iterable<bigint>): CumulativeTable {
  const { weights, beyond } = weightsOf(ratios);
  let total = 0n;
  const sums = weights.map((weight, m) => {
    total += m === 0 ? weight : 2n * weight;
    return total;
  });
  const leads = new Uint32Array(weights.length);
  const rests = new Uint32Array(REST_WORDS * weights.length);
  const words = new BigUint64Array(1);
  const halves = new Uint32Array(words.buffer);
  sums.forEach((sum, m) => {
    const threshold = (sum << THRESHOLD_BITS) / total;
    words[0] = threshold >> 64n;
    leads[m] = halves[1] as number;
    rests[REST_WORDS * m] = halves[0] as number;
    words[0] = threshold; // modulo 2^64
    rests[REST_WORDS * m + 1] = halves[1] as number;
    rests[REST_WORDS * m + 2] = halves[0] as number;
  });
  // Beyond the table is so much of the sum; one more for the division.
  const tail = Number((beyond * ONE) / total + 1n) * ULP;
  const rounding = weights.length * 2 ** -Number(THRESHOLD_BITS);
  return { leads, rests, ...guideOf(leads), slack: tail + rounding };
}

function weightsOf(ratios: Iterable<bigint>): { readonly weights: bigint[]; readonly beyond: bigint } {
  const weights = [ONE];
  const small = ONE >> TAIL_BITS;
  let weight = ONE;
  for (const ratio of ratios) {
    weight = (weight * ratio) >> FRACTION_BITS;
    const room = ONE - ratio - ERRORS;
    if (weight < small && room > 0n) {
      const beyond = (2n * (weight + ERRORS) * ONE) / room;
      if (beyond < small) return { weights, beyond: beyond + 1n };
    }
    if (weights.length === MAX_ENTRIES) break;
    weights.push(weight);
  }
  throw new RangeError(`no table of ${weights.length} magnitudes holds this law`);
}

/** Four cells for an entry, so that most cells hold no threshold; in cells of 2^-16 the tail is seldom met. */
function guideOf(leads: Uint32Array): Pick<CumulativeTable, 'guide' | 'guideShift'> {
  const bits = Math.max(8, Math.min(16, Math.ceil(Math.log2(leads.length)) + 2));
  const guideShift = 31 - bits;
  const guide = new Uint16Array(2 ** bits);
  let m = 0;
  for (let cell = 0; cell < guide.length; cell += 1) {
    while ((leads[m] as number) < cell * 2 ** guideShift) m += 1;
    guide[cell] = m;
  }
  return { guide, guideShift };
}
