/**
 * L2 clipping: a delta x becomes x * min(1, C / |x|). SPEC.md 5.5; McMahan et al., ICLR 2018, section 2.
 *
 * The bound is kept for real numbers, not only up to rounding, because privacy rests on it. Squares of float32 values
 * are exact in float64 and the sum of d of them is off by less than d * 2^-53 in proportion, so the computed norm is
 * raised by a margin that covers that and the few multiplications between a delta and the grid.
 */
/** Unit round-off of float64. */
const ROUND_OFF = 2 ** -53;
/** Roundings from the norm to a scaled coordinate: square root, quotient, factor, product, each at most one. */
const FURTHER_ROUNDINGS = 16;

/**
 * The L2 norm, accumulated in float64. The order is part of the protocol, so that all arrive at the same bits: four
 * partial sums of the squares, coordinate i into number i mod 4, then (s0 + s1) + (s2 + s3). Not finite if a value is
 * not, or if the sum of squares exceeds float64.
 */
export function l2Norm(values: Float32Array | Float64Array): number {
  const whole = values.length & ~3;
  let s0 = 0;
  let s1 = 0;
  let s2 = 0;
  let s3 = 0;
  for (let i = 0; i < whole; i += 4) {
    const a = values[i] as number;
    const b = values[i + 1] as number;
    const c = values[i + 2] as number;
    const d = values[i + 3] as number;
    s0 += a * a;
    s1 += b * b;
    s2 += c * c;
    s3 += d * d;
  }
  if (whole < values.length) s0 += (values[whole] as number) ** 2;
  if (whole + 1 < values.length) s1 += (values[whole + 1] as number) ** 2;
  if (whole + 2 < values.length) s2 += (values[whole + 2] as number) ** 2;
  return Math.sqrt(s0 + s1 + (s2 + s3));
}

/** The L-infinity norm. Not to be relied on if a value is not finite. */
export function largestMagnitude(values: Float32Array): number {
  let largest = 0;
  for (let i = 0; i < values.length; i += 1) {
    const magnitude = Math.abs(values[i] as number);
    if (magnitude > largest) largest = magnitude;
  }
  return largest;
}

/**
 * The factor, at most 1, by which a delta of the computed `norm` is to be multiplied. The real norm of the product is
 * at most `clipNorm`, with room for the roundings on the way to the grid.
 *
 * @param norm   `l2Norm` of the delta; or `largestMagnitude`, which is exact, and then what bounds that
 * @param length d: number of coordinates; 0 for an exact norm
 */
export function clipFactor(norm: number, clipNorm: number, length: number): number {
  const upperNorm = norm * (1 + (length + FURTHER_ROUNDINGS) * ROUND_OFF);
  return upperNorm > clipNorm ? clipNorm / upperNorm : 1;
}
