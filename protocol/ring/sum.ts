/**
 * The sum of a round: payloads in, the mean update out. SPEC.md 5.7, 5.8.
 *
 * Integers modulo 2^b are added, so the result depends neither on the order in which updates arrive, nor on how they
 * are cut into chunks or partial sums. It is opened once, in float64 and with one rounding per operation, so that
 * everybody who holds the payloads arrives at the same bits. Memory is 4 bytes a coordinate, whatever the cohort.
 */
import type { Codec } from '../../schemas/codec.ts';
import { HanseError } from '../problem.ts';
import { wordsOf } from '../vector.ts';
import { addPacked, type CoordinateSums, portableSums } from './add-packed.ts';
import { unpack } from './bit-pack.ts';
import { type Layout, layoutOf } from './payload.ts';
import { rotateBack } from './rotation.ts';
import { kernelSums } from './sum-kernel.ts';
import type { UpdateIntegers } from './update.ts';
import { checkCodec } from './width.ts';

/** What a round yields. */
export interface OpenedSum {
  /** [d] the weighted mean of the clipped deltas, up to rounding to the grid and noise; owned by the caller. */
  readonly mean: Float64Array<ArrayBuffer>;
  readonly totalWeight: number;
  /** Sums of the counters, in the order of the codec. */
  readonly counters: readonly number[];
  /** Number of updates. */
  readonly count: number;
}

/** [d] The mean of a round, of which a part is looked at at a time: a Float64Array, or what opens parts as it goes. */
export interface MeanUpdate {
  readonly length: number;
  /** Read-only, until the next part is asked for. @param start a multiple of 32 */
  subarray(start: number, end: number): Float64Array;
}

/** A sum as it is stored. */
export interface PackedSum {
  /** Of the coordinates, packed: `bit-pack.ts`. */
  readonly words: Uint32Array;
  /** Weight and counters, modulo 2^32. */
  readonly secondBlock: Uint32Array;
}

/** Coordinates after which the packed stream is at a word boundary, whatever the width. */
const COORDINATES_PER_STRIDE = 32;

/**
 * Accumulates the updates of one round. Payloads are trusted to have been checked (SPEC.md 5.3): what has been added
 * cannot be taken out again.
 */
export class RingSum {
  readonly #codec: Codec;
  readonly #layout: Layout;
  readonly #coordinates: CoordinateSums;
  readonly #secondBlock: Uint32Array<ArrayBuffer>;
  #bytes = 0;

  /** @param length d: coordinates of an update */
  constructor(codec: Codec, length: number) {
    this.#codec = codec;
    this.#layout = layoutOf(codec, length);
    this.#coordinates = kernelSums(codec.width, length) ?? portableSums(codec.width, length);
    this.#secondBlock = new Uint32Array(this.#layout.secondBlock);
  }

  /** Updates that are completely added. */
  get count(): number {
    return Math.floor(this.#bytes / this.#layout.payloadBytes);
  }

  /** Chunks begin at multiples of so many bytes; the last chunk of a payload may have any length. */
  get strideBytes(): number {
    return (COORDINATES_PER_STRIDE * this.#layout.width) / 8;
  }

  /** Modulo 2^32, of coordinates b bits count. What is written to them changes the sum: masks are taken away there. */
  get integers(): UpdateIntegers {
    return { coordinates: this.#coordinates.values, secondBlock: this.#secondBlock };
  }

  /** Back to the sum of nothing, in the same memory. */
  clear(): void {
    this.#coordinates.values.fill(0);
    this.#secondBlock.fill(0);
    this.#bytes = 0;
  }

  /** Adds a whole payload. Throws `invalidLength`. */
  add(payload: Uint8Array): void {
    if (payload.length !== this.#layout.payloadBytes)
      throw new HanseError('invalidLength', {
        what: 'update',
        expected: this.#layout.payloadBytes,
        got: payload.length,
      });
    this.addChunk(payload, 0);
  }

  /**
   * Adds a part of a payload. The parts of one payload may come in any order and between those of others.
   *
   * @param byteOffset where the part begins in its payload: a multiple of `strideBytes`
   * Throws `invalidLength` if the part ends neither at a multiple of `strideBytes` nor with the payload.
   */
  addChunk(bytes: Uint8Array, byteOffset: number): void {
    const { length, width, coordinateBytes, payloadBytes } = this.#layout;
    const end = byteOffset + bytes.length;
    if (byteOffset % this.strideBytes !== 0 || end > payloadBytes)
      throw new HanseError('invalidLength', { what: 'chunk', expected: payloadBytes, got: end });
    if (end < payloadBytes && bytes.length % this.strideBytes !== 0)
      throw new HanseError('invalidLength', {
        what: 'chunk',
        expected: Math.floor(bytes.length / this.strideBytes) * this.strideBytes,
        got: bytes.length,
      });
    const words = wordsOf(bytes);
    const first = (byteOffset * 8) / width;
    const coordinateWords = Math.max(0, Math.min(coordinateBytes, end) - byteOffset) / 4;
    const coordinates = words.subarray(0, coordinateWords);
    const count = Math.min(length - first, Math.floor((coordinateWords * 32) / width));
    if (count > 0) this.#coordinates.add(first, coordinates, count);
    const secondBlock = words.subarray(coordinateWords);
    const firstInteger = Math.max(0, byteOffset - coordinateBytes) / 4;
    for (let i = 0; i < secondBlock.length; i += 1)
      this.#secondBlock[firstInteger + i] =
        (this.#secondBlock[firstInteger + i] as number) + (secondBlock[i] as number);
    this.#bytes += bytes.length;
  }

  /** Adds everything that was added to `other`, a partial sum of the same codec and length. */
  merge(other: RingSum): void {
    if (!sameCodec(this.#codec, other.#codec) || this.#layout.length !== other.#layout.length)
      throw new HanseError('aggregateInvalid', { reason: 'partial sums of different rounds' });
    const mine = this.#coordinates.values;
    const theirs = other.#coordinates.values;
    addPacked(mine, 0, new Uint32Array(theirs.buffer, theirs.byteOffset, theirs.length), 32, theirs.length);
    for (let i = 0; i < this.#secondBlock.length; i += 1)
      this.#secondBlock[i] = (this.#secondBlock[i] as number) + (other.#secondBlock[i] as number);
    this.#bytes += other.#bytes;
  }

  /**
   * mean = sum * (g * weightMax / totalWeight), turned back. Does not change the sum.
   *
   * @param rotationSeed of the attempt, needed where the codec has a rotation, else ignored
   * @param codec of the round: grid and clip norm may be others than those of the sum
   * Throws `aggregateInvalid` if an update is incomplete or the total weight cannot be that of `count` updates, and
   * `ringOverflow` if so many updates may have wrapped.
   */
  open(rotationSeed?: Uint8Array, codec: Codec = this.#codec): OpenedSum {
    const count = this.count;
    if (this.#bytes !== count * this.#layout.payloadBytes)
      throw new HanseError('aggregateInvalid', { reason: 'an update was added in part only' });
    return openIntegers(this.integers, codec, count, rotationSeed);
  }
}

/**
 * mean = sum * (g * weightMax / totalWeight), of the integers of a sum over `count` updates; not changed.
 * @throws as `RingSum.open`
 */
export function openIntegers(
  { coordinates, secondBlock }: UpdateIntegers,
  codec: Codec,
  count: number,
  rotationSeed?: Uint8Array,
): OpenedSum {
  const { rotation } = codec;
  if (rotation && !rotationSeed) throw new TypeError('a sum is to be turned back, and the seed is missing');
  const checked = checkWeights(secondBlock, codec, count);
  const mean = new Float64Array(coordinates.length);
  openCoordinates(coordinates, codec.width, checked.factor, mean);
  if (rotation && rotationSeed) rotateBack(mean, rotation.block, rotationSeed);
  return { mean, totalWeight: checked.totalWeight, counters: checked.counters, count };
}

/**
 * The mean of `openIntegers`, opened as it is looked at: it takes memory for a part, and for d numbers only where it is to be
 * turned back.
 * @throws as `RingSum.open`
 */
export function openPacked(
  { words, secondBlock }: PackedSum,
  length: number,
  codec: Codec,
  count: number,
  rotationSeed?: Uint8Array,
): MeanUpdate {
  const { width, rotation } = codec;
  if (rotation) {
    const coordinates = new Int32Array(length);
    unpack(words, width, coordinates);
    return openIntegers({ coordinates, secondBlock }, codec, count, rotationSeed).mean;
  }
  const { factor } = checkWeights(secondBlock, codec, count);
  let coordinates = new Int32Array();
  let mean = new Float64Array();
  return {
    length,
    subarray(start, end) {
      const size = end - start;
      if (size > mean.length) [coordinates, mean] = [new Int32Array(size), new Float64Array(size)];
      const [integers, part] = [coordinates.subarray(0, size), mean.subarray(0, size)];
      unpack(words.subarray((start * width) / 32), width, integers);
      openCoordinates(integers, width, factor, part);
      return part;
    },
  };
}

function openCoordinates(coordinates: Int32Array, width: number, factor: number, mean: Float64Array): void {
  const signShift = 32 - width;
  for (let i = 0; i < mean.length; i += 1)
    mean[i] = (((coordinates[i] as number) << signShift) >> signShift) * factor;
}

/** Throws `ringOverflow`, `aggregateInvalid`. @returns what a coordinate is multiplied by, besides */
function checkWeights(
  secondBlock: Uint32Array,
  codec: Codec,
  count: number,
): { readonly factor: number; readonly totalWeight: number; readonly counters: readonly number[] } {
  const { weightMax } = codec;
  checkCodec(codec, count);
  const [totalWeight = 0, ...counters] = secondBlock;
  if (totalWeight < Math.max(1, count) || totalWeight > count * weightMax)
    throw new HanseError('aggregateInvalid', {
      reason: `a total weight of ${totalWeight} from ${count} updates of weight 1..${weightMax}`,
    });
  if (!codec.adaptive && counters.some((counter) => counter > count * weightMax))
    throw new HanseError('aggregateInvalid', { reason: 'a counter beyond its range' });
  return { factor: factorOf(codec, totalWeight), totalWeight, counters };
}

/**
 * Of a sum over lots: what all lots together are expected to hold divides it, which is public; what they do hold is not.
 */
function factorOf({ grid, weightMax, lot }: Codec, totalWeight: number): number {
  return lot ? grid / (lot.rate * totalWeight) : (grid * weightMax) / totalWeight;
}

function sameCodec(a: Codec, b: Codec): boolean {
  return (
    a.version === b.version &&
    a.clipNorm === b.clipNorm &&
    a.width === b.width &&
    a.grid === b.grid &&
    a.weightMax === b.weightMax &&
    a.counters === b.counters &&
    a.rotation?.block === b.rotation?.block &&
    a.rotation?.bound === b.rotation?.bound &&
    a.noise?.type === b.noise?.type &&
    a.noise?.sigma === b.noise?.sigma &&
    a.lot?.rate === b.lot?.rate &&
    a.lot?.bound === b.lot?.bound &&
    a.adaptive?.quantile === b.adaptive?.quantile &&
    a.adaptive?.rate === b.adaptive?.rate &&
    a.adaptive?.bitScale === b.adaptive?.bitScale
  );
}
