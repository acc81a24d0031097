/**
 * A law of privacy losses on a grid, so that the trade-off is exact at the grid and above the truth between:
 * Doroshenko, Ghazi, Kamath, Kumar, Manurangsi 2022 (arXiv:2207.04380), "connect the dots". Seen from the masses: what
 * lies between two points l and l + h is shared out between them such that both its P and its Q remain,
 *   b = (P - e^l Q) / (1 - e^-h) to the upper, P - b to the lower.
 * This is one step for both directions, and no second difference loses its digits.
 */
import type { LossLaw } from './privacy-loss.ts';

/** Losses (low + i) h with P mass `masses[i]`, Q mass e^-loss as much; `lost` of P at an infinite loss. */
export interface GridLoss {
  readonly h: number;
  readonly low: number;
  readonly masses: Float64Array;
  readonly lost: number;
}

/** How many points the grid will have. */
export function gridSizeOf(law: LossLaw, h: number): number {
  const [low, high] = endsOf(law, h);
  return high - low + 1;
}

/**
 * @param h distance of the points, above 0
 * @returns of P to Q, and of Q to P unless it is the same
 */
export function connectTheDots(law: LossLaw, h: number): readonly GridLoss[] {
  const [low, high] = endsOf(law, h);
  const size = high - low + 1;
  const p = new Float64Array(size);
  const q = law.isSymmetric ? undefined : new Float64Array(size);
  let { lostP, lostQ } = law;
  const step = -Math.expm1(-h);

  /** @param k the point of the two that is nearer to 0; its sign tells which of P and Q is the larger */
  const share = (k: number, sign: 1 | -1, larger: number, smaller: number): void => {
    const growth = Math.exp(Math.abs(k) * h);
    const wanted = growth < 1e300 ? (larger - growth * smaller) / step : larger;
    put(k + sign, Math.min(larger, Math.max(0, wanted)), sign);
    put(k, larger - Math.min(larger, Math.max(0, wanted)), sign);
  };
  const put = (k: number, larger: number, sign: 1 | -1): void => {
    const smaller = larger * Math.exp(-Math.abs(k) * h);
    const at = k - low;
    p[at] = (p[at] as number) + (sign > 0 ? larger : smaller);
    if (q) q[at] = (q[at] as number) + (sign > 0 ? smaller : larger);
  };

  const { tailsAt } = law;
  if (tailsAt) {
    const near = new Float64Array(2);
    const far = new Float64Array(2);
    for (const sign of [1, -1] as const) {
      const last = sign > 0 ? high : -low;
      const larger = sign > 0 ? 0 : 1;
      // A negative zero is a loss below 0.
      tailsAt(sign > 0 ? 0 : -Number.MIN_VALUE, near);
      for (let k = 0; k < last; k += 1) {
        tailsAt(sign * (k + 1) * h, far);
        const mass = (near[larger] as number) - (far[larger] as number);
        if (mass > 0)
          share(
            sign * k || 0,
            sign,
            mass,
            Math.max(0, (near[1 - larger] as number) - (far[1 - larger] as number)),
          );
        near.set(far);
      }
      lostP += near[0] as number;
      lostQ += near[1] as number;
    }
  }
  for (const { loss, mass } of law.atoms) {
    const sign = loss < 0 ? -1 : 1;
    const size = Math.abs(loss);
    const k = Math.min(Math.floor(size / h), (sign > 0 ? high : -low) - 1);
    const larger = sign > 0 ? mass : mass * Math.exp(size);
    const upper = Math.min(1, Math.max(0, -Math.expm1(k * h - size) / step));
    put(sign * (k + 1), larger * upper, sign);
    put(sign * k || 0, larger * (1 - upper), sign);
  }
  const grids: GridLoss[] = [{ h, low, masses: p, lost: Math.min(1, lostP) }];
  if (q) grids.push({ h, low: -high, masses: q.reverse(), lost: Math.min(1, lostQ) });
  return grids;
}

/** Below and above 0 by at least one point. */
function endsOf({ from, to, atoms }: LossLaw, h: number): readonly [low: number, high: number] {
  let least = from;
  let most = to;
  for (const { loss } of atoms) {
    least = Math.min(least, loss);
    most = Math.max(most, loss);
  }
  return [Math.min(-1, Math.floor(least / h) - 1), Math.max(1, Math.ceil(most / h) + 1)];
}
