/**
 * Integers of b bits, one after the other in 32-bit words. SPEC.md 5.4.
 *
 * Coordinate i occupies bits i*b .. i*b + b - 1 of the stream, least significant bit first; bit k of the stream is bit
 * k mod 32 of word k div 32. A coordinate is a two's complement number modulo 2^b. Bits behind the last are zero.
 *
 * Widths 16, 24 and 32 have loops of their own, since 2, 4 and 1 coordinates fill whole words.
 */

/**
 * Packs `values` modulo 2^width: a value outside the signed range of the width wraps, as sums in the ring do.
 *
 * @param words at least ceil(values.length * width / 32); the last of them is overwritten whole
 */
export function pack(values: Int32Array, width: number, words: Uint32Array): void {
  if (width === 32) words.set(values);
  else if (width === 24) pack24(values, words);
  else if (width === 16) pack16(values, words);
  else packBits(values, width, 0, words, 0);
}

/** The inverse of `pack`: writes `values.length` numbers in -2^(width-1) .. 2^(width-1) - 1. */
export function unpack(words: Uint32Array, width: number, values: Int32Array): void {
  if (width === 24) unpack24(words, values);
  else if (width === 16) unpack16(words, values);
  else unpackBits(words, width, 0, values);
}

function unpack16(words: Uint32Array, values: Int32Array): void {
  const whole = values.length & ~1;
  let word = 0;
  for (let i = 0; i < whole; i += 2) {
    const both = words[word] as number;
    values[i] = (both << 16) >> 16;
    values[i + 1] = both >> 16;
    word += 1;
  }
  unpackBits(words, 16, whole, values);
}

function unpack24(words: Uint32Array, values: Int32Array): void {
  const whole = values.length & ~3;
  let word = 0;
  for (let i = 0; i < whole; i += 4) {
    const low = words[word] as number;
    const middle = words[word + 1] as number;
    const high = words[word + 2] as number;
    values[i] = (low << 8) >> 8;
    values[i + 1] = (((low >>> 16) & 0xff00) | (middle << 16)) >> 8;
    values[i + 2] = (((middle >>> 8) & 0xff_ff00) | (high << 24)) >> 8;
    values[i + 3] = high >> 8;
    word += 3;
  }
  unpackBits(words, 24, whole, values);
}

/** Any width, from value `first` on, which begins a word. */
function unpackBits(words: Uint32Array, width: number, first: number, values: Int32Array): void {
  const signShift = 32 - width;
  let word = (first * width) / 32;
  let shift = 0;
  for (let i = first; i < values.length; i += 1) {
    let bits = (words[word] ?? 0) >>> shift;
    shift += width;
    if (shift >= 32) {
      shift -= 32;
      word += 1;
      if (shift > 0) bits |= (words[word] ?? 0) << (width - shift);
    }
    values[i] = (bits << signShift) >> signShift;
  }
}

function pack16(values: Int32Array, words: Uint32Array): void {
  const whole = values.length & ~1;
  let word = 0;
  for (let i = 0; i < whole; i += 2) {
    words[word] = ((values[i] as number) & 0xffff) | ((values[i + 1] as number) << 16);
    word += 1;
  }
  packBits(values, 16, whole, words, word);
}

function pack24(values: Int32Array, words: Uint32Array): void {
  const whole = values.length & ~3;
  let word = 0;
  for (let i = 0; i < whole; i += 4) {
    const first = (values[i] as number) & 0xff_ffff;
    const second = (values[i + 1] as number) & 0xff_ffff;
    const third = (values[i + 2] as number) & 0xff_ffff;
    words[word] = first | (second << 24);
    words[word + 1] = (second >>> 8) | (third << 16);
    words[word + 2] = (third >>> 16) | ((values[i + 3] as number) << 8);
    word += 3;
  }
  packBits(values, 24, whole, words, word);
}

/** Any width below 32, from value `first` on, which begins at bit 0 of `words[word]`. */
function packBits(values: Int32Array, width: number, first: number, words: Uint32Array, word: number): void {
  const mask = 2 ** width - 1;
  let next = word;
  let bits = 0;
  let used = 0;
  for (let i = first; i < values.length; i += 1) {
    const value = (values[i] as number) & mask;
    bits |= value << used;
    used += width;
    if (used >= 32) {
      words[next] = bits;
      next += 1;
      used -= 32;
      // What did not fit; a shift by `width` of a masked value leaves nothing.
      bits = value >>> (width - used);
    }
  }
  if (used > 0) words[next] = bits;
}
