/**
 * Roots of monotone functions, from the side that is wanted.
 */

/**
 * The place where `isEnough` turns true, which it does once and for good as x grows, to a relative `tolerance`, from
 * above: it is true at the result. Searched for in powers of two around `start` > 0.
 * @returns Infinity if it is true nowhere up to 2^60 times the start; what is as small if it is true everywhere
 */
export function leastEnough(isEnough: (x: number) => boolean, start = 1, tolerance = 1e-14): number {
  let high = start;
  for (let turn = 0; !isEnough(high); turn += 1) {
    if (turn === 60) return Infinity;
    high *= 2;
  }
  let low = high / 2;
  for (let turn = 0; turn < 60 && isEnough(low); turn += 1) {
    high = low;
    low /= 2;
  }
  while (high - low > tolerance * high) {
    const middle = low + (high - low) / 2;
    if (middle === low || middle === high) break;
    if (isEnough(middle)) high = middle;
    else low = middle;
  }
  return high;
}
