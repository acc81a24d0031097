/**
 * Whether the noise of opened sums has the variance that was promised. SPEC.md 12.8.
 *
 * Where a sum holds nothing but noise, in coordinates that no data reaches, the sum of squares over the promised variance
 * has the chi-square law with as many degrees of freedom as there are coordinates. Discrete Gaussians of sigma >= 16 are as
 * good as continuous ones here: moments differ by less than exp(-2 pi^2 sigma^2). Skellam noise has heavier tails by an
 * excess kurtosis of at most 1/256, which the degrees of freedom are divided for.
 *
 * Too little noise is a broken promise; too much harms the model alone, and may be noise that is not independent.
 */
import { chiSquareQuantile, chiSquareTails } from './chi-square.ts';

export interface VarianceTest {
  readonly verdict: 'asPromised' | 'tooLittle' | 'tooMuch';
  /** Variance found, over what was promised. */
  readonly ratio: number;
  /** Coordinates of all sums. */
  readonly coordinates: number;
  /** Chance that noise as promised is found to be as little, and as much. */
  readonly below: number;
  readonly above: number;
  /** Chance of an alarm where noise is as promised. */
  readonly falseAlarm: number;
  /** A variance below and above which, over the promised one, the alarm is missed once in a hundred times. */
  readonly noticesBelow: number;
  readonly noticesAbove: number;
}

/** Chance that the alarm is missed, at the ratios that the test says to notice. */
const MISSED = 0.01;

/**
 * @param sums       coordinates that hold noise alone, in steps of the grid
 * @param variance   of each, as promised: survivors * sigma^2
 * @param falseAlarm in (0, 1), for both sides together
 * @param kurtosis   excess of each coordinate, >= 0: 0 for Gaussians
 */
export function testVariance(
  sums: readonly ArrayLike<number>[],
  variance: number,
  falseAlarm: number,
  kurtosis = 0,
): VarianceTest {
  let squares = 0;
  let coordinates = 0;
  for (const sum of sums) {
    for (let i = 0; i < sum.length; i += 1) squares += (sum[i] as number) ** 2;
    coordinates += sum.length;
  }
  if (coordinates === 0) throw new RangeError('no coordinates');
  const ratio = squares / (coordinates * variance);
  const freedom = coordinates / (1 + kurtosis / 2);
  const { below, above } = chiSquareTails(ratio * freedom, freedom);
  const side = falseAlarm / 2;
  return {
    verdict: below < side ? 'tooLittle' : above < side ? 'tooMuch' : 'asPromised',
    ...{ ratio, coordinates, below, above, falseAlarm },
    noticesBelow: chiSquareQuantile(side, freedom) / chiSquareQuantile(MISSED, freedom, true),
    noticesAbove: chiSquareQuantile(side, freedom, true) / chiSquareQuantile(MISSED, freedom),
  };
}
