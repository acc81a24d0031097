/**
 * Whether an update may come from a delta clipped to clipNorm, for a payload that streams by. SPEC.md 5.3, 5.5.
 *
 * Where the codec has a rotation, no coordinate may exceed its bound either: the width rests on it. Squares are added one
 * after the other in the order of the coordinates, so that the decision does not depend on how the payload is cut. Memory does not grow with the update. Under masks nobody can check this.
 */
import type { Codec } from '../../schemas/codec.ts';
import { HanseError } from '../problem.ts';
import { unpack } from './bit-pack.ts';
import { type Layout, layoutOf } from './payload.ts';
import { roundedNormSquared } from './quantize.ts';
import { largestOf, levelsOf } from './width.ts';

/** Coordinates that are unpacked at a time: a multiple of 32, so that they fill whole words at every width. */
const STAGED = 4096;

export class ClipCheck {
  readonly #codec: Codec;
  readonly #layout: Layout;
  readonly #words: Uint32Array;
  readonly #staging: Uint8Array;
  readonly #coordinates = new Int32Array(STAGED);
  #staged = 0;
  /** Coordinates behind `#squaredNorm`. */
  #done = 0;
  #squaredNorm = 0;
  /** Largest magnitude of a coordinate, where the codec has a rotation. */
  #largest = 0;

  /** @param length d: coordinates of the update */
  constructor(codec: Codec, length: number) {
    this.#codec = codec;
    this.#layout = layoutOf(codec, length);
    this.#words = new Uint32Array((STAGED * codec.width) / 32);
    this.#staging = new Uint8Array(this.#words.buffer);
  }

  /** Takes the next bytes of the payload, as many as there are; those behind the coordinates are ignored. */
  add(bytes: Uint8Array): void {
    const { coordinateBytes, width } = this.#layout;
    const before = (this.#done * width) / 8 + this.#staged;
    const end = Math.min(bytes.length, coordinateBytes - before);
    for (let start = 0; start < end; ) {
      const count = Math.min(end - start, this.#staging.length - this.#staged);
      this.#staging.set(bytes.subarray(start, start + count), this.#staged);
      this.#staged += count;
      start += count;
      if (this.#staged === this.#staging.length) this.#square();
    }
  }

  /**
   * Throws `updateMalformed` if the squared norm, or a turned coordinate, exceeds what an update of this weight can have.
   * @param weight in its range
   */
  finish(weight: number): void {
    if (this.#staged > 0) this.#square();
    const limit = roundedNormSquared(levelsOf(this.#codec, weight), this.#layout.length);
    if (this.#squaredNorm > limit)
      throw new HanseError('updateMalformed', {
        field: 'squared norm',
        expected: `at most ${limit}`,
        got: String(this.#squaredNorm),
      });
    const bound = largestOf(this.#codec, weight);
    if (this.#largest > bound)
      throw new HanseError('updateMalformed', {
        field: 'largest coordinate',
        expected: `at most ${bound}`,
        got: String(this.#largest),
      });
  }

  /** Adds the squares of what is staged: `STAGED` coordinates, or the last ones. */
  #square(): void {
    const count = Math.min(STAGED, this.#layout.length - this.#done);
    if (this.#layout.width === 24 && count === STAGED && !this.#codec.rotation)
      this.#squaredNorm = addSquares24(this.#squaredNorm, this.#words);
    else {
      const coordinates = this.#coordinates.subarray(0, count);
      unpack(this.#words, this.#layout.width, coordinates);
      this.#squaredNorm = addSquares(this.#squaredNorm, coordinates);
      if (this.#codec.rotation) this.#largest = largestMagnitude(this.#largest, coordinates);
    }
    this.#done += count;
    this.#staged = 0;
  }
}

function addSquares(squaredNorm: number, coordinates: Int32Array): number {
  let sum = squaredNorm;
  for (let i = 0; i < coordinates.length; i += 1) {
    const value = coordinates[i] as number;
    sum += value * value;
  }
  return sum;
}

function largestMagnitude(least: number, coordinates: Int32Array): number {
  let largest = least;
  for (let i = 0; i < coordinates.length; i += 1) {
    const magnitude = Math.abs(coordinates[i] as number);
    if (magnitude > largest) largest = magnitude;
  }
  return largest;
}

/**
 * The usual width without a rotation, and without unpacking: four coordinates in three words. The order does not matter:
 * below 2^53 the sums are exact, and every limit of this width is far below that.
 */
function addSquares24(squaredNorm: number, words: Uint32Array): number {
  let s0 = 0;
  let s1 = 0;
  let s2 = 0;
  let s3 = 0;
  for (let i = 0; i < words.length; i += 3) {
    const low = words[i] as number;
    const middle = words[i + 1] as number;
    const high = words[i + 2] as number;
    const a = (low << 8) >> 8;
    const b = (((low >>> 16) & 0xff00) | (middle << 16)) >> 8;
    const c = (((middle >>> 8) & 0xffff00) | (high << 24)) >> 8;
    const d = (high | 0) >> 8;
    s0 += a * a;
    s1 += b * b;
    s2 += c * c;
    s3 += d * d;
  }
  return squaredNorm + (s0 + s1 + s2 + s3);
}
