/**
 * A participant's part of MNIST as somebody with a browser would have it: two IDX files, of images and of labels.
 */
import type { FloatExamples } from '../../client/data/examples.ts';

/** The type of unsigned bytes: `client/data/idx.ts`. */
const BYTES = 8;
/** Of an image, in pixels. */
const SIDE = 28;

export interface IdxShard {
  readonly images: Uint8Array<ArrayBuffer>;
  readonly labels: Uint8Array<ArrayBuffer>;
}

/** @param examples of `loadMnist`: pixels of 0 to 1 that were bytes, labels of 0 to 9 */
export function idxShard({ count, features, targets }: FloatExamples): IdxShard {
  return {
    images: idx([count, SIDE, SIDE], features, (pixel) => Math.round(255 * pixel)),
    labels: idx([count], targets, (label) => label),
  };
}

function idx(
  shape: readonly number[],
  values: ArrayLike<number>,
  toByte: (value: number) => number,
): Uint8Array<ArrayBuffer> {
  const headerBytes = 4 + 4 * shape.length;
  const file = new Uint8Array(headerBytes + values.length);
  const header = new DataView(file.buffer);
  header.setUint8(2, BYTES);
  header.setUint8(3, shape.length);
  for (const [axis, size] of shape.entries()) header.setUint32(4 + 4 * axis, size);
  for (let at = 0; at < values.length; at += 1) file[headerBytes + at] = toByte(values[at] as number);
  return file;
}
