/**
 * What a sequence of privacy events costs, where each of them may be chosen in the light of all results before it.
 *
 * Two neighbouring data sets, and the privacy loss L of everything that was released. If every event has, for what came
 * before it, a divergence of at most r(a) of order a, then exp((a - 1) (L - S(a))), S the sum of the r, is a
 * supermartingale of mean at most 1: Feldman, Zrnic 2021, theorem 3.1 and its proof. For one order that is fixed before the
 * first event the sum may therefore be converted as if all events had been fixed in advance. It may not be for whichever
 * order turns out best: that order depends on the results, and the failures of several orders can add up. So the orders
 * are mixed by weights w(a) that sum to 1 and are fixed with the budget:
 *
 *   M(L) = sum over a of w(a) exp((a - 1) (L - S(a))),   of mean at most 1 as well.
 *
 * delta >= E[max(0, 1 - e^(epsilon - L))] holds as soon as 1 - e^(epsilon - L) <= delta M(L) for all L, whatever the S are at
 * the end; the least such epsilon is the maximum over L of L + ln(1 - delta M(L)), a concave function, which has its
 * maximum where delta times the sum of w(a) a exp((a - 1) (L - S(a))) is 1. With one order this is the conversion of
 * Canonne, Kamath, Steinke 2020, proposition 12.
 *
 * Deltas that events have beside their curves come out of a share of delta that is set aside for them from the beginning:
 * what is left of it at the end depends on the results, too.
 */
import type { DpEvent, Neighbouring } from '../../schemas/dp-event.ts';
import { logSumExp } from './log-space.ts';
import { rdpCurve } from './rdp-accountant.ts';
import type { RdpCurve } from './rdp-curve.ts';

/** Whole ones mostly, as the noise of several participants has bounds at no others. */
export const FILTER_ORDERS: readonly number[] = [
  1.25,
  1.5,
  ...Array.from({ length: 63 }, (_, at) => at + 2),
  ...[72, 80, 96, 112, 128, 160, 192, 256, 384, 512, 768, 1024],
];

/** Of a delta, for the deltas of events. */
export const EVENT_DELTA_SHARE = 0.1;

/** Spread of the weights around the order that suits the budget best, in ln(a - 1). */
const SPREAD = 0.35;

/** Of the weights, evenly over all orders, for events and budgets that are unlike what was expected. */
const ELSEWHERE = 0.25;

export interface OrderWeights {
  /** ln w(a), by `FILTER_ORDERS`. */
  readonly logWeights: readonly number[];
}

const NOTHING: RdpCurve = {
  orders: FILTER_ORDERS,
  divergences: FILTER_ORDERS.map(() => 0),
  delta: 0,
};

/** The sum over no events. */
export function emptyCurve(): RdpCurve {
  return NOTHING;
}

/** Of an event, over the orders of the filter. Throws `eventUnsupported`. */
export function filterCurve(event: DpEvent, neighbouring: Neighbouring): RdpCurve {
  return rdpCurve(event, neighbouring, FILTER_ORDERS);
}

/** The sum of two, the second of them `times` over. @param times at least 0 */
export function addCurves(sum: RdpCurve, one: RdpCurve, times = 1): RdpCurve {
  if (times === 0) return sum;
  return {
    orders: sum.orders,
    divergences: sum.divergences.map((r, at) => r + times * (one.divergences[at] ?? Infinity)),
    delta: sum.delta + times * one.delta,
  };
}

/**
 * The weights with which a budget begins: most around the order at which it admits the most normal noise. They hold for
 * good, also where the budget is changed later.
 * @param epsilon above 0 @param delta in (0, 1)
 */
export function orderWeights(epsilon: number, delta: number): OrderWeights {
  const places = FILTER_ORDERS.map((a) => Math.log(a - 1));
  const spacings = places.map((place, at) => {
    const [below = place, above = place] = [places[at - 1], places[at + 1]];
    return (above - below) / 2;
  });
  const admitted = FILTER_ORDERS.map(
    (a) => (epsilon - Math.log1p(-1 / a) + Math.log(delta * a) / (a - 1)) / a,
  );
  const centre = places[admitted.indexOf(Math.max(...admitted))] ?? 0;
  const near = normalised(
    places.map((place, at) => (spacings[at] ?? 0) * Math.exp(-(((place - centre) / SPREAD) ** 2) / 2)),
  );
  const even = normalised(spacings);
  return {
    logWeights: near.map((weight, at) => Math.log((1 - ELSEWHERE) * weight + ELSEWHERE * (even[at] ?? 0))),
  };
}

function normalised(weights: readonly number[]): number[] {
  const sum = weights.reduce((total, weight) => total + weight, 0);
  return weights.map((weight) => weight / sum);
}

/**
 * The epsilon within which everything in the sum is, adaptively chosen, together with the delta.
 * @param curve over `FILTER_ORDERS`
 * @param delta in (0, 1), of which the share for events is taken off
 * @returns at least 0; 0 for no event; Infinity where the orders give none, or the deltas of the events exceed their share
 */
export function filterEpsilon(curve: RdpCurve, { logWeights }: OrderWeights, delta: number): number {
  if (!(curve.delta <= EVENT_DELTA_SHARE * delta)) return Infinity;
  if (curve.divergences.every((r) => r === 0)) return 0;
  const forLoss = Math.log((1 - EVENT_DELTA_SHARE) * delta);
  const slopes = FILTER_ORDERS.map((a) => a - 1);
  const offsets = slopes.map(
    (slope, at) => forLoss + (logWeights[at] ?? -Infinity) - slope * (curve.divergences[at] ?? Infinity),
  );
  if (offsets.every((offset) => offset === -Infinity)) return Infinity;
  const excess = (loss: number) =>
    logSumExp(offsets.map((offset, at) => offset + (slopes[at] ?? 0) * loss + Math.log1p(slopes[at] ?? 0)));
  let low = 0;
  let high = 1;
  if (excess(0) >= 0) return 0;
  while (excess(high) < 0) high *= 2;
  for (let turn = 0; turn < 100; turn += 1) {
    const middle = low + (high - low) / 2;
    if (middle === low || middle === high) break;
    if (excess(middle) < 0) low = middle;
    else high = middle;
  }
  const failing = Math.exp(logSumExp(offsets.map((offset, at) => offset + (slopes[at] ?? 0) * high)));
  return Math.max(0, high + Math.log1p(-failing));
}

/** In millionths, rounded up; Infinity for Infinity. */
export function microEpsilon(epsilon: number): number {
  return Math.ceil(epsilon * 1e6);
}
