/**
 * A bound of the moment A(a) of Gaussian noise on a Poisson sample, at a fractional order: the series of Mironov, Talwar,
 * Zhang 2019, section 3.3, split at z0 = 1/2 + z^2 ln(1/q - 1), with every term taken for positive.
 *
 * Why, with the exact integral at hand: it is what Google's dp_accounting and Opacus publish for these orders, so that a
 * figure can be checked against a peer to the last digit. Nothing is lost: the exact value is taken where
 * this is below it or does not converge.
 */
import { logErfc } from './special-functions.ts';

const MAX_TERMS = 1000;
const SMALLEST = -30;

/** @returns ln of the bound; undefined where it does not converge: large q, low order */
export function logMomentBySeries(q: number, z: number, a: number): number | undefined {
  const spread = Math.SQRT2 * z;
  const moment = (i: number) => (i * i - i) / (2 * z * z) - Math.LN2;
  const logQ = Math.log(q);
  const logRest = Math.log1p(-q);
  const split = z * z * (logRest - logQ) + 0.5;
  let logCoefficient = 0;
  let largest = -Infinity;
  let sum = 0;
  const add = (term: number) => {
    if (term > largest) {
      sum = sum * Math.exp(largest - term) + 1;
      largest = term;
    } else sum += Math.exp(term - largest);
  };
  for (let i = 0; i < MAX_TERMS; i += 1) {
    const j = a - i;
    const below = logCoefficient + i * logQ + j * logRest + moment(i) + logErfc((i - split) / spread);
    const above = logCoefficient + j * logQ + i * logRest + moment(j) + logErfc((split - j) / spread);
    add(below);
    add(above);
    if (Math.max(below, above) < SMALLEST) return largest + Math.log(sum);
    logCoefficient += Math.log(Math.abs(a - i) / (i + 1));
  }
  return undefined;
}
