/**
 * The rounded Gaussian, round(N(0, s^2)): noise of a coordinator that is trusted. An integer is added to an integer, and
 * rounding what is exactly normal is post-processing: what holds for Gaussian noise holds for it.
 *
 * The normal deviate is exact too (Karney, "Sampling exactly from the normal distribution", ACM TOMS 42, 2016, algorithm N):
 * a deviate is k + x, and x in (0, 1) a sequence of digits in base 2^32 of which only those are drawn that decide something.
 * s (k + x) is rounded in floating point where its error cannot matter, else in integers, and digits are drawn until all that
 * may follow is rounded alike. Total variation to the law: 0.
 *
 *   k from exp(-k^2/2) by coins of exp(-1/2); x uniform, accepted with exp(-x(2k+x)/2), which is k+1 coins of
 *   exp(-x(2k+x)/(2k+2)): the length of the longest falling run x > z_1 > z_2 > ... of uniform z_i, each kept with
 *   probability (2k+x)/(2k+2), is even
 *
 * How long a draw takes depends on what is drawn: for a coordinator that nobody can time draw by draw.
 */
import { HanseError } from '../problem.ts';
import { RandomNumbers, type RandomSource } from '../random.ts';
import { type Rational, rationalOf } from './fixed-point.ts';

const DIGIT = 2 ** 32;
const DIGIT_BITS = 32n;
const HALF = 2 ** 31;
const SIGMA_LEAST = 0.5;
/** More than 100 standard deviations are below 2^53. */
const SIGMA_MOST = 2 ** 46;
/** Of the standard deviation and of the result: four roundings, and digits that are not looked at. */
const FLOAT_ERROR = 2 ** -50;

export interface RoundedGaussianSampler {
  /** One draw, a safe integer. */
  draw(): number;
  /**
   * Adds an independent draw to each value.
   * @param values integers
   * @throws RangeError for a sum that is no safe integer; values before it have their noise
   */
  addTo(values: Float64Array): void;
  /** Of a draw to the law, in total variation: 0. */
  readonly slack: number;
}

/**
 * @param sigma s in [0.5, 2^46], in grid units
 * @throws `noiseTooSmall`, also for what is no number; `noiseTableTooLarge`
 */
export function roundedGaussianSampler(sigma: number, random: RandomSource): RoundedGaussianSampler {
  if (!(sigma >= SIGMA_LEAST)) throw new HanseError('noiseTooSmall', { sigma, least: SIGMA_LEAST });
  if (sigma > SIGMA_MOST) throw new HanseError('noiseTableTooLarge', { sigma, most: SIGMA_MOST });
  const numbers = new RandomNumbers(random);
  const normal = new HalfNormal(numbers);
  const scale = rationalOf(sigma);
  const draw = () => {
    normal.next();
    const magnitude = roundScaled(normal, sigma, scale);
    return numbers.uint32() < HALF ? magnitude : 0 - magnitude;
  };
  return {
    draw,
    addTo(values) {
      for (let i = 0; i < values.length; i += 1) {
        const sum = (values[i] as number) + draw();
        if (!Number.isSafeInteger(sum)) throw new RangeError('a noised sum that is no safe integer');
        values[i] = sum;
      }
    },
    slack: 0,
  };
}

/** round(s (k + x)), drawing as many digits of x as that needs. */
function roundScaled({ whole, fraction }: HalfNormal, sigma: number, scale: Rational): number {
  const scaled = sigma * (whole + (fraction.digit(0) + fraction.digit(1) / DIGIT) / DIGIT);
  const below = Math.floor(scaled);
  const past = scaled - below - 0.5;
  if (Math.abs(past) > FLOAT_ERROR * (sigma + scaled)) return past < 0 ? below : below + 1;
  for (let digits = 2; ; digits += 1) {
    const bits = DIGIT_BITS * BigInt(digits);
    const least = (BigInt(whole) << bits) + fraction.leading(digits);
    const denominator = (2n * scale.denominator) << bits;
    const half = scale.denominator << bits;
    const rounded = (2n * scale.numerator * least + half) / denominator;
    // What follows is less than one more in the last digit.
    if ((2n * scale.numerator * (least + 1n) + half - 1n) / denominator === rounded) return Number(rounded);
  }
}

/** |N(0, 1)| as an integer and a fraction. */
class HalfNormal {
  whole = 0;
  readonly fraction: LazyUniform;
  readonly #numbers: RandomNumbers;
  readonly #left: LazyUniform;
  readonly #right: LazyUniform;
  readonly #kept: LazyUniform;

  constructor(numbers: RandomNumbers) {
    this.#numbers = numbers;
    this.fraction = new LazyUniform(numbers);
    this.#left = new LazyUniform(numbers);
    this.#right = new LazyUniform(numbers);
    this.#kept = new LazyUniform(numbers);
  }

  next(): void {
    do {
      this.whole = this.#discrete();
      this.fraction.renew();
    } while (!this.#isAccepted());
  }

  /** k >= 0 with probability proportional to exp(-k^2/2): a run of coins, accepted with k(k-1) further ones. */
  #discrete(): number {
    for (;;) {
      let k = 0;
      while (this.#halfCoin()) k += 1;
      let more = k * (k - 1);
      while (more > 0 && this.#halfCoin()) more -= 1;
      if (more === 0) return k;
    }
  }

  /** True with probability exp(-1/2): the longest falling run that begins below 1/2 is even (von Neumann 1951). */
  #halfCoin(): boolean {
    let last = this.#left;
    let next = this.#right;
    last.renew();
    if (last.digit(0) >= HALF) return true;
    for (let isOdd = true; ; isOdd = !isOdd) {
      next.renew();
      if (!isBelow(next, last)) return !isOdd;
      const free = last;
      last = next;
      next = free;
    }
  }

  #isAccepted(): boolean {
    for (let i = 0; i <= this.whole; i += 1) if (!this.#fractionCoin()) return false;
    return true;
  }

  /** True with probability exp(-x (2k+x) / (2k+2)). */
  #fractionCoin(): boolean {
    let last = this.fraction;
    let next = this.#left;
    for (let isEven = true; ; isEven = !isEven) {
      next.renew();
      if (!isBelow(next, last) || !this.#isKept()) return isEven;
      const free = last === this.fraction ? this.#right : last;
      last = next;
      next = free;
    }
  }

  /** True with probability (2k + x) / (2k + 2). */
  #isKept(): boolean {
    const share = this.#numbers.below(2 * this.whole + 2);
    if (share !== 2 * this.whole) return share < 2 * this.whole;
    this.#kept.renew();
    return isBelow(this.#kept, this.fraction);
  }
}

/** A number uniform in (0, 1), of which a digit is drawn when it is first asked for. */
class LazyUniform {
  readonly #numbers: RandomNumbers;
  readonly #digits: number[] = [];
  #known = 0;

  constructor(numbers: RandomNumbers) {
    this.#numbers = numbers;
  }

  renew(): void {
    this.#known = 0;
  }

  /** In base 2^32, from the highest on. */
  digit(at: number): number {
    for (; this.#known <= at; this.#known += 1) this.#digits[this.#known] = this.#numbers.uint32();
    return this.#digits[at] as number;
  }

  /** The first digits as one integer. */
  leading(count: number): bigint {
    let number = 0n;
    for (let at = 0; at < count; at += 1) number = (number << DIGIT_BITS) | BigInt(this.digit(at));
    return number;
  }
}

function isBelow(a: LazyUniform, b: LazyUniform): boolean {
  for (let at = 0; ; at += 1) {
    const mine = a.digit(at);
    const other = b.digit(at);
    if (mine !== other) return mine < other;
  }
}
