/**
 * Secret sharing after Shamir (CACM 1979), over GF(2^8) with x^8 + x^4 + x^3 + x + 1, each byte by itself. SPEC.md 11.3.
 *
 *   share of x = secret + c_1 x + ... + c_(t-1) x^(t-1),  c uniform;  secret = sum over x of share(x) * l_x(0)
 *
 * Any t shares give the secret, t - 1 say nothing about it. What is secret only flows through shifts and exclusive ors
 * of four bytes at a time; every branch and index depends on the places x alone, which are public. Pure.
 */
import { HanseError } from '../problem.ts';
import { type RandomSource, randomBytes } from '../random.ts';

/** Places are 1..255: that of the secret is 0. */
export const SHARES_MAX = 255;

export interface Share {
  /** 1..255. */
  readonly place: number;
  /** As long as the secret. */
  readonly bytes: Uint8Array;
}

/**
 * Shares of places 1..count.
 * @param threshold t, 1..count  @param count 1..255
 * Throws RangeError for other numbers.
 */
export function split(
  secret: Uint8Array,
  threshold: number,
  count: number,
  random: RandomSource,
): Uint8Array<ArrayBuffer>[] {
  if (!(threshold >= 1 && threshold <= count && count <= SHARES_MAX))
    throw new RangeError(`${threshold} of ${count} shares`);
  const words = Math.ceil(secret.length / 4);
  const coefficients = new Uint32Array(words * threshold);
  new Uint8Array(coefficients.buffer).set(secret);
  const drawn = randomBytes(random, 4 * words * (threshold - 1));
  new Uint8Array(coefficients.buffer).set(drawn, 4 * words);
  drawn.fill(0);
  const shares = Array.from({ length: count }, (_, i) => {
    const sums = new Uint32Array(words);
    for (let degree = threshold - 1; degree >= 0; degree -= 1) {
      for (let w = 0; w < words; w += 1)
        sums[w] = times(sums[w] as number, i + 1) ^ (coefficients[degree * words + w] as number);
    }
    const share = new Uint8Array(sums.buffer).slice(0, secret.length);
    sums.fill(0);
    return share;
  });
  coefficients.fill(0);
  return shares;
}

/**
 * The secret, if these are at least as many shares of it as were needed; else bytes that have nothing to do with it.
 * @param at another place, whose share is wanted in place of the secret: 0..255
 * @throws sharesInvalid for places that repeat or are none, and for shares of different lengths
 */
export function combine(shares: readonly Share[], at = 0): Uint8Array<ArrayBuffer> {
  const places = shares.map(({ place }) => place);
  const [first] = shares;
  if (!first) throw invalid('there are none');
  if (places.some((place) => !Number.isInteger(place) || place < 1 || place > SHARES_MAX))
    throw invalid('a place outside of 1..255');
  if (new Set(places).size !== places.length) throw invalid('a place occurs twice');
  if (shares.some(({ bytes }) => bytes.length !== first.bytes.length)) throw invalid('their lengths differ');
  const sums = new Uint32Array(Math.ceil(first.bytes.length / 4));
  for (const { place, bytes } of shares) {
    const factor = lagrangeAt(at, place, places);
    const padded = new Uint8Array(4 * sums.length);
    padded.set(bytes);
    const words = new Uint32Array(padded.buffer);
    for (let w = 0; w < sums.length; w += 1)
      sums[w] = (sums[w] as number) ^ times(words[w] as number, factor);
    padded.fill(0);
  }
  const secret = new Uint8Array(sums.buffer).slice(0, first.bytes.length);
  sums.fill(0);
  return secret;
}

function invalid(reason: string): HanseError<'sharesInvalid'> {
  return new HanseError('sharesInvalid', { reason });
}

/** l_x(at): the product of (at + y) / (x + y) over the other places y. */
function lagrangeAt(at: number, x: number, places: readonly number[]): number {
  let numerator = 1;
  let denominator = 1;
  for (const y of places) {
    if (y === x) continue;
    numerator = times(numerator, at ^ y);
    denominator = times(denominator, x ^ y);
  }
  return times(numerator, inverse(denominator));
}

/** Four bytes, each times a public element of the field. */
function times(bytes: number, factor: number): number {
  let product = 0;
  let power = bytes;
  for (let bits = factor; bits > 0; bits >>= 1) {
    if ((bits & 1) === 1) product ^= power;
    power = ((power & 0x7f7f7f7f) << 1) ^ (((power >>> 7) & 0x01010101) * 0x1b);
  }
  return product >>> 0;
}

/** x^254, of a public element that is not 0. */
function inverse(element: number): number {
  let result = 1;
  for (let bit = 7; bit >= 0; bit -= 1) {
    result = times(result, result);
    if (((254 >> bit) & 1) === 1) result = times(result, element);
  }
  return result;
}
