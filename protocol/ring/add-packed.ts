/**
 * Adds packed coordinates to sums without unpacking them first. SPEC.md 5.7.
 *
 * A sum modulo 2^b is the low b bits of a sum modulo 2^32 of anything with the right low b bits. So a coordinate is
 * only moved to the bottom of a word, what stands above it is added along, and the top is cut off once, when the sum
 * is opened. The loops for 16, 24 and 32 bits read each word once.
 */

/** The sums of d coordinates, and the way to add to them. */
export interface CoordinateSums {
  /** [d] modulo 2^32, with arbitrary bits above the width; read-only for all but `add`. */
  readonly values: Int32Array;
  /** values[first + i] += coordinate i of `words`, which begin with coordinate `first` at their lowest bit. */
  add(first: number, words: Uint32Array, count: number): void;
}

/** Sums of zero, added to by `addPacked`: for any width, on any platform. */
export function portableSums(width: number, length: number): CoordinateSums {
  const values = new Int32Array(length);
  return { values, add: (first, words, count) => addPacked(values, first, words, width, count) };
}

/**
 * sums[first + i] += coordinate i of `words`, modulo 2^32 with arbitrary bits above `width`, for i in 0..count - 1.
 *
 * @param words begins with coordinate `first` at its lowest bit
 */
export function addPacked(
  sums: Int32Array,
  first: number,
  words: Uint32Array,
  width: number,
  count: number,
): void {
  const groups = count & ~3;
  let added = groups;
  if (width === 24) add24(sums, first, words, groups);
  else if (width === 16) add16(sums, first, words, groups);
  else if (width === 32) add32(sums, first, words, groups);
  else added = 0;
  addBits(sums, first, words, width, added, count);
}

function add24(sums: Int32Array, first: number, words: Uint32Array, count: number): void {
  let word = 0;
  for (let i = first; i < first + count; i += 4) {
    const low = words[word] as number;
    const middle = words[word + 1] as number;
    const high = words[word + 2] as number;
    word += 3;
    sums[i] = ((sums[i] as number) + low) | 0;
    sums[i + 1] = ((sums[i + 1] as number) + ((low >>> 24) | (middle << 8))) | 0;
    sums[i + 2] = ((sums[i + 2] as number) + ((middle >>> 16) | (high << 16))) | 0;
    sums[i + 3] = ((sums[i + 3] as number) + (high >>> 8)) | 0;
  }
}

function add16(sums: Int32Array, first: number, words: Uint32Array, count: number): void {
  let word = 0;
  for (let i = first; i < first + count; i += 4) {
    const low = words[word] as number;
    const high = words[word + 1] as number;
    word += 2;
    sums[i] = ((sums[i] as number) + low) | 0;
    sums[i + 1] = ((sums[i + 1] as number) + (low >>> 16)) | 0;
    sums[i + 2] = ((sums[i + 2] as number) + high) | 0;
    sums[i + 3] = ((sums[i + 3] as number) + (high >>> 16)) | 0;
  }
}

function add32(sums: Int32Array, first: number, words: Uint32Array, count: number): void {
  for (let i = 0; i < count; i += 4) {
    const k = first + i;
    sums[k] = ((sums[k] as number) + (words[i] as number)) | 0;
    sums[k + 1] = ((sums[k + 1] as number) + (words[i + 1] as number)) | 0;
    sums[k + 2] = ((sums[k + 2] as number) + (words[i + 2] as number)) | 0;
    sums[k + 3] = ((sums[k + 3] as number) + (words[i + 3] as number)) | 0;
  }
}

/** Any width, coordinates `from`..`to - 1`; `from` begins a word. */
function addBits(
  sums: Int32Array,
  first: number,
  words: Uint32Array,
  width: number,
  from: number,
  to: number,
): void {
  let word = (from * width) / 32;
  let shift = 0;
  for (let i = from; i < to; i += 1) {
    let bits = (words[word] ?? 0) >>> shift;
    shift += width;
    if (shift >= 32) {
      shift -= 32;
      word += 1;
      if (shift > 0) bits |= (words[word] ?? 0) << (width - shift);
    }
    sums[first + i] = ((sums[first + i] as number) + bits) | 0;
  }
}
