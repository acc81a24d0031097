/**
 * Special functions of the accountants, to 1e-13 relative. NIST DLMF chapters 5 (gamma) and 7 (error functions).
 */

const SQRT_PI = Math.sqrt(Math.PI);
/** From here on the continued fraction; below, 1 - erf loses less than two digits. */
const FRACTION_FROM = 1.5;

/** (2/sqrt pi) int_0^x exp(-t^2) dt, |x| < 1.5, by DLMF 7.6.2: all terms have one sign. */
function erfSeries(x: number): number {
  const square = x * x;
  let term = x;
  let sum = x;
  for (let n = 1; Math.abs(term) > 1e-17 * Math.abs(sum); n += 1) {
    term *= square / (n + 0.5);
    sum += term;
  }
  return (2 / SQRT_PI) * Math.exp(-square) * sum;
}

/** exp(x^2) erfc(x), x >= 1.5, by DLMF 7.9.1 from its far end: (1/sqrt pi) 1/(x + (1/2)/(x + 1/(x + (3/2)/...))). */
function erfcxFraction(x: number): number {
  const levels = 20 + Math.ceil(250 / (x * x));
  let tail = x;
  for (let k = levels; k >= 1; k -= 1) tail = x + k / 2 / tail;
  return 1 / (SQRT_PI * tail);
}

/** exp(-x^2), the square rounded only once more than x itself: relative error 1e-16 for every x. */
function expMinusSquare(x: number): number {
  const high = Math.round(x * 64) / 64;
  return Math.exp(-high * high) * Math.exp(-(x - high) * (x + high));
}

/** The complementary error function: 1 - erf(x), in (0, 2); 0 beyond x = 27. */
export function erfc(x: number): number {
  if (x >= FRACTION_FROM) return x > 27.3 ? 0 : expMinusSquare(x) * erfcxFraction(x);
  return x > -FRACTION_FROM ? 1 - erfSeries(x) : 2 - erfc(-x);
}

/** exp(x^2) erfc(x): erfc without its decay; infinite below x = -26.6. */
export function erfcx(x: number): number {
  if (x >= FRACTION_FROM) return erfcxFraction(x);
  return erfc(x) / expMinusSquare(x);
}

/** ln erfc(x), also where erfc itself is 0. */
export function logErfc(x: number): number {
  if (x >= FRACTION_FROM) return Math.log(erfcxFraction(x)) - x * x;
  return x > -0.5 ? Math.log(erfc(x)) : Math.LN2 + Math.log1p(-erfc(-x) / 2);
}

/** The x with erfc(x) = y, for y in (0, 2); infinite at the ends, NaN outside. */
export function erfcinv(y: number): number {
  if (!(y >= 0 && y <= 2)) return Number.NaN;
  if (y > 1) return y === 2 ? -Infinity : y > 1.5 ? -erfcinv(2 - y) : -inverseErf(y - 1);
  if (y === 0) return Infinity;
  return y > 0.5 ? inverseErf(1 - y) : inverseTail(y);
}

/** Newton with the second derivative (Halley) on erf, for 0 <= p <= 0.5. */
function inverseErf(p: number): number {
  let x = (p * SQRT_PI) / 2;
  for (let turn = 0; turn < 6; turn += 1) {
    const step = ((erfSeries(x) - p) * SQRT_PI * Math.exp(x * x)) / 2;
    x -= step / (1 + x * step);
  }
  return x;
}

/** Newton on ln erfc, which is concave and almost a parabola, for y <= 0.5. */
function inverseTail(y: number): number {
  const wanted = Math.log(y);
  let x = Math.sqrt(Math.max(0.2, -wanted - Math.log(SQRT_PI * Math.sqrt(Math.max(0.3, -wanted)))));
  for (let turn = 0; turn < 12; turn += 1) x += ((logErfc(x) - wanted) * SQRT_PI * erfcx(x)) / 2;
  return x;
}

/** B_2k / (2k (2k - 1)) of DLMF 5.11.1. */
const STIRLING = [1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188, -691 / 360_360, 1 / 156, -3617 / 122_400];
const EULER = 0.577_215_664_901_532_9;

/** zeta(k) - 1 for k = 0 to 44 (from 2 on), by the Euler-Maclaurin formula after 20 terms. */
const ZETA_MINUS_1 = Array.from({ length: 45 }, (_, k) => {
  if (k < 2) return 0;
  const end = 20;
  let sum = end ** (1 - k) / (k - 1) - end ** -k / 2 + (k * end ** (-k - 1)) / 12;
  sum -= (k * (k + 1) * (k + 2) * end ** (-k - 3)) / 720;
  sum += (k * (k + 1) * (k + 2) * (k + 3) * (k + 4) * end ** (-k - 5)) / 30_240;
  for (let n = end; n >= 2; n -= 1) sum += n ** -k;
  return sum;
});

/** ln Gamma(2 + t), |t| <= 0.5, by DLMF 5.7.3. */
function logGammaNearTwo(t: number): number {
  let sum = 0;
  for (let k = ZETA_MINUS_1.length - 1; k >= 2; k -= 1) sum = ((ZETA_MINUS_1[k] ?? 0) / k - sum) * t;
  return (1 - EULER + sum) * t;
}

/** ln Gamma(x), x > 0; NaN elsewhere. */
export function logGamma(x: number): number {
  if (!(x > 0)) return Number.NaN;
  if (x < 0.5) return logGamma(x + 1) - Math.log(x);
  if (x < 1.5) return logGammaNearTwo(x - 1) - Math.log1p(x - 1);
  if (x <= 2.5) return logGammaNearTwo(x - 2);
  if (x < 12) {
    let product = 1;
    let rest = x;
    while (rest > 2.5) {
      rest -= 1;
      product *= rest;
    }
    return Math.log(product) + logGammaNearTwo(rest - 2);
  }
  let series = 0;
  for (const coefficient of STIRLING.toReversed()) series = series / (x * x) + coefficient;
  return (x - 0.5) * Math.log(x) - x + 0.5 * Math.log(2 * Math.PI) + series / x;
}

/**
 * ln of the binomial coefficient n over k.
 * @param n a real number, at least k
 * @param k a natural number
 */
export function logBinomial(n: number, k: number): number {
  const few = Number.isInteger(n) ? Math.min(k, n - k) : k;
  if (few > 128) return logGamma(n + 1) - logGamma(k + 1) - logGamma(n - k + 1);
  let sum = 0;
  for (let i = 1; i <= few; i += 1) sum += Math.log((n - few + i) / i);
  return sum;
}
