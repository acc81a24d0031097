/**
 * The rounded Gaussian, round(N(0, s^2)): noise of a coordinator that is trusted. An integer is added to an integer, and
 * rounding what is exactly normal is post-processing: what holds for Gaussian noise holds for it.
 *
 * No normal deviate is rounded before that. It is (j + x)/32, with x in (0, 1) a sequence of digits in base 2^32 of which only
 * those are drawn that decide something (Karney, "Sampling exactly from the normal distribution", ACM TOMS 42, 2016):
 *
 *   j >= 0 with probability proportional to exp(-(j/32)^2 / 2), the discrete Gaussian of deviation 32 unless it is negative;
 *   x uniform, accepted with exp(-((j+x)^2 - j^2) / 2048) = exp(-x p), p = (2j+x)/2048, which is a coin of von Neumann's:
 *   the longest run x > z_1 > z_2 > ... of uniform z_i, each kept with probability p, has an even length
 *
 * s (j + x)/32 is rounded in floating point where its error cannot matter, else in integers, with as many digits as make all
 * that may follow be rounded alike. What is not exact is the table of j: accepted is almost half of what it gives, so that a
 * draw is within eight times its slack of the law.
 *
 * How long a draw takes depends on what is drawn: for a coordinator that nobody can time draw by draw.
 */
import { HanseError } from '../problem.ts';
import { RandomNumbers, type RandomSource } from '../random.ts';
import { discreteGaussianSampler, SIGMA_MIN, tableSlack } from './discrete-gaussian-sampler.ts';
import { type Rational, rationalOf } from './fixed-point.ts';
import type { NoiseSampler } from './table-sampler.ts';

const DIGIT = 2 ** 32;
const DIGIT_BITS = 32n;
/** Cells of a standard deviation. */
const CELLS = 32;
/** Cells drawn at a time. */
const BLOCK = 1024;
/** p is told in steps of 1/2048, of 11 bits, and what is left of a step. The table ends before j = 400. */
const SHARE_SHIFT = 32 - 11;
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
  /** Bound on the total variation between one draw and the law; see `NoiseSampler`. */
  readonly slack: number;
}

/**
 * @param sigma s in [0.5, 2^46], in grid units
 * @throws `noiseTooSmall`, also for what is no number; `noiseTableTooLarge`
 */
export function roundedGaussianSampler(sigma: number, random: RandomSource): RoundedGaussianSampler {
  if (!(sigma >= SIGMA_MIN)) throw new HanseError('noiseTooSmall', { sigma, least: SIGMA_MIN });
  if (sigma > SIGMA_MOST) throw new HanseError('noiseTableTooLarge', { sigma, most: SIGMA_MOST });
  const normal = new NormalDeviate(random);
  const cell = sigma / CELLS;
  const exactCell = rationalOf(cell);
  const draw = () => {
    normal.next();
    const magnitude = roundScaled(normal, cell, exactCell);
    return normal.isNegative ? 0 - magnitude : magnitude; // no zero with a sign
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
    slack: 8 * tableSlack(CELLS),
  };
}

/** round(cell (j + x)), drawing as many digits of x as that needs. */
function roundScaled({ whole, fraction }: NormalDeviate, cell: number, exactCell: Rational): number {
  const scaled = cell * (whole + (fraction.digit(0) + fraction.digit(1) / DIGIT) / DIGIT);
  const below = Math.floor(scaled);
  const past = scaled - below - 0.5;
  if (Math.abs(past) > FLOAT_ERROR * (cell + scaled)) return past < 0 ? below : below + 1;
  for (let digits = 2; ; digits += 1) {
    const bits = DIGIT_BITS * BigInt(digits);
    const least = (BigInt(whole) << bits) + fraction.leading(digits);
    const denominator = (2n * exactCell.denominator) << bits;
    const half = exactCell.denominator << bits;
    const rounded = (2n * exactCell.numerator * least + half) / denominator;
    // What follows is less than one more in the last digit.
    if ((2n * exactCell.numerator * (least + 1n) + half - 1n) / denominator === rounded)
      return Number(rounded);
  }
}

/** N(0, 1) in cells of 1/32: a sign, an integer and a fraction. */
class NormalDeviate {
  whole = 0;
  isNegative = false;
  readonly fraction: LazyUniform;
  readonly #cells: NoiseSampler;
  readonly #block = new Int32Array(BLOCK);
  #used = BLOCK;
  readonly #numbers: RandomNumbers;
  readonly #left: LazyUniform;
  readonly #right: LazyUniform;
  readonly #kept: LazyUniform;

  constructor(random: RandomSource) {
    this.#cells = discreteGaussianSampler(CELLS, random);
    this.#numbers = new RandomNumbers(random);
    this.fraction = new LazyUniform(this.#numbers);
    this.#left = new LazyUniform(this.#numbers);
    this.#right = new LazyUniform(this.#numbers);
    this.#kept = new LazyUniform(this.#numbers);
  }

  next(): void {
    do {
      this.whole = this.#cell();
      this.fraction.renew();
    } while (!this.#isAccepted());
  }

  /** j: of a negative number nothing is used, so that zero comes as often beside the others as it should. */
  #cell(): number {
    for (;;) {
      if (this.#used === BLOCK) {
        this.#cells.fill(this.#block);
        this.#used = 0;
      }
      const cell = this.#block[this.#used] as number;
      this.#used += 1;
      if (cell >= 0) return cell;
    }
  }

  /** True with probability exp(-x p). */
  #isAccepted(): boolean {
    let last = this.fraction;
    let next = this.#left;
    for (let isEven = true; ; isEven = !isEven) {
      if (!this.#isKept()) return isEven;
      next.renew();
      if (!isBelow(next, last)) return isEven;
      const free = last === this.fraction ? this.#right : last;
      last = next;
      next = free;
    }
  }

  /** True with probability p = (2j + x) / 2048. Of the word a bit that decides nothing becomes the sign. */
  #isKept(): boolean {
    const word = this.#numbers.uint32();
    this.isNegative = (word & 1) === 1;
    const share = word >>> SHARE_SHIFT;
    if (share !== 2 * this.whole) return share < 2 * this.whole;
    this.#kept.renew();
    return isBelow(this.#kept, this.fraction);
  }
}

/** A number uniform in (0, 1), of which a digit is drawn when it is first asked for. */
class LazyUniform {
  readonly #numbers: RandomNumbers;
  #digits = new Uint32Array(4);
  #known = 0;

  constructor(numbers: RandomNumbers) {
    this.#numbers = numbers;
  }

  renew(): void {
    this.#known = 0;
  }

  /** In base 2^32, from the highest on. */
  digit(at: number): number {
    while (this.#known <= at) this.#draw();
    return this.#digits[at] as number;
  }

  #draw(): void {
    if (this.#known === this.#digits.length) {
      const longer = new Uint32Array(2 * this.#known);
      longer.set(this.#digits);
      this.#digits = longer;
    }
    this.#digits[this.#known] = this.#numbers.uint32();
    this.#known += 1;
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
