/**
 * Masks over an update in the ring. SPEC.md 11.4; Bonawitz et al., CCS 2017.
 *
 * A mask is the key stream of a seed, read as little-endian integers: one of 16 bits for each coordinate where they have
 * 16 bits, else one of 32, of which the lowest b count; then, from the next multiple of four bytes on, one of 32 bits for
 * each integer of the second block. Uniform seeds give masks that nobody who lacks the seed can tell from uniform ones, so
 * what carries one says nothing of the update.
 *
 * Coordinates are kept as 32-bit words while masks are added: modulo 2^32 is modulo 2^b once only b bits are looked at.
 */
import type { KeyStreamName, Primitives } from '../primitives.ts';
import type { Layout } from '../ring/payload.ts';
import type { UpdateIntegers } from '../ring/update.ts';
import { wordsOf } from '../vector.ts';
import { isBelow } from './derivation.ts';
import { type MaskKernel, maskKernel } from './mask-kernel.ts';

/** What makes a mask of a seed. */
export interface MaskMaker {
  readonly primitives: Pick<Primitives, 'keyStream'>;
  readonly keyStream: KeyStreamName;
  readonly layout: Layout;
}

/** Coordinates of this width take half a word of the key stream. */
const HALF_WORD_BITS = 16;

/** A mask and how it is added: one of a pair adds what the other takes away. */
export interface Mask {
  /** 32 bytes, of no other use. */
  readonly seed: Uint8Array;
  readonly sign: 1 | -1;
}

/** The sign of the mask between two, on the side of `own`: the lower adds it. Ids of 16 bytes. */
export function pairSign(own: Uint8Array, other: Uint8Array): 1 | -1 {
  return isBelow(own, other) ? 1 : -1;
}

/** What takes this mask away again. */
export function without({ seed, sign }: Mask): Mask {
  return { seed, sign: sign === 1 ? -1 : 1 };
}

/**
 * Adds masks, in place, one after the other. If a key stream fails, those before it have been added, and some of its own
 * mask may have been.
 */
export async function addMasks(
  integers: UpdateIntegers,
  masks: Iterable<Mask>,
  maker: MaskMaker,
): Promise<void> {
  const { width, length } = maker.layout;
  const kernel = maskKernel(width === HALF_WORD_BITS ? HALF_WORD_BITS : 32, length);
  try {
    for (const mask of masks) await addMask(integers, mask, maker, kernel);
  } finally {
    kernel?.wipe();
  }
}

async function addMask(
  { coordinates, secondBlock }: UpdateIntegers,
  { seed, sign }: Mask,
  { primitives, keyStream, layout }: MaskMaker,
  kernel: MaskKernel | undefined,
): Promise<void> {
  const perWord = layout.width === HALF_WORD_BITS ? 2 : 1;
  const coordinateWords = Math.ceil(layout.length / perWord);
  const add = perWord === 2 ? addHalfWords : addWords;
  await primitives.keyStream(keyStream, seed, 4 * (coordinateWords + layout.secondBlock), (bytes, offset) => {
    const unsigned = wordsOf(bytes);
    const words = new Int32Array(unsigned.buffer, unsigned.byteOffset, unsigned.length);
    const from = offset / 4;
    const ofCoordinates = Math.max(0, Math.min(words.length, coordinateWords - from));
    const numbers = words.subarray(0, ofCoordinates);
    const added = kernel?.add(coordinates, perWord * from, numbers, sign) ?? 0;
    add(coordinates, perWord * (from + added), numbers.subarray(added), sign);
    for (let i = ofCoordinates; i < words.length; i += 1) {
      const at = from + i - coordinateWords;
      secondBlock[at] = (secondBlock[at] as number) + sign * (words[i] as number);
    }
  });
}

/**
 * Where there is no kernel, and for what it leaves over.
 *
 * Arrays of one kind only: a loop that has seen two takes twice as long. Four at a time take a third less than one.
 */
function addWords(target: Int32Array, from: number, words: Int32Array, sign: 1 | -1): void {
  const whole = words.length - (words.length % 4);
  let at = from;
  if (sign === 1)
    for (let i = 0; i < whole; i += 4, at += 4) {
      target[at] = ((target[at] as number) + (words[i] as number)) | 0;
      target[at + 1] = ((target[at + 1] as number) + (words[i + 1] as number)) | 0;
      target[at + 2] = ((target[at + 2] as number) + (words[i + 2] as number)) | 0;
      target[at + 3] = ((target[at + 3] as number) + (words[i + 3] as number)) | 0;
    }
  else
    for (let i = 0; i < whole; i += 4, at += 4) {
      target[at] = ((target[at] as number) - (words[i] as number)) | 0;
      target[at + 1] = ((target[at + 1] as number) - (words[i + 1] as number)) | 0;
      target[at + 2] = ((target[at + 2] as number) - (words[i + 2] as number)) | 0;
      target[at + 3] = ((target[at + 3] as number) - (words[i + 3] as number)) | 0;
    }
  for (let i = whole; i < words.length; i += 1, at += 1)
    target[at] = ((target[at] as number) + sign * (words[i] as number)) | 0;
}

/** The last word may have a half that belongs to no coordinate. */
function addHalfWords(target: Int32Array, from: number, words: Int32Array, sign: 1 | -1): void {
  const whole = Math.min(words.length, (target.length - from) >> 1);
  for (let i = 0, at = from; i < whole; i += 1, at += 2) {
    const word = words[i] as number;
    target[at] = ((target[at] as number) + sign * (word & 0xffff)) | 0;
    target[at + 1] = ((target[at + 1] as number) + sign * (word >>> 16)) | 0;
  }
  if (whole < words.length)
    target[from + 2 * whole] =
      ((target[from + 2 * whole] as number) + sign * ((words[whole] as number) & 0xffff)) | 0;
}
