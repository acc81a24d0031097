/**
 * A curve of Renyi divergences over orders, and the epsilon that follows from it.
 */

/** More than what sums of deltas lose. */
const ROUNDING = 1e-12;

export interface RdpCurve {
  /** Each above 1. */
  readonly orders: readonly number[];
  /** Divergence by order; Infinity where no bound is known. */
  readonly divergences: readonly number[];
  /** What is lost beside it. */
  readonly delta: number;
}

/**
 * The least epsilon that the orders give: r + ln(1 - 1/a) - ln(delta a)/(a - 1), Canonne, Kamath, Steinke 2020,
 * proposition 12; 0 where delta^2 > 1 - e^-r, by which the total variation is at most delta (Bretagnolle, Huber).
 * @param delta in (0, 1)
 * @returns at least 0; Infinity if there is none
 */
export function epsilonOfCurve({ orders, divergences, delta: lost }: RdpCurve, delta: number): number {
  const left = delta - lost * (1 + ROUNDING);
  if (!(left > 0)) return Infinity;
  let least = Infinity;
  orders.forEach((a, at) => {
    const r = divergences[at] ?? Infinity;
    const epsilon =
      left * left + Math.expm1(-r) > 0 ? 0 : r + Math.log1p(-1 / a) - Math.log(left * a) / (a - 1);
    least = Math.min(least, Math.max(0, epsilon));
  });
  return least;
}
