/**
 * MNIST as softmax regression under differential privacy likes it: each image of norm 1, so that gradients are of one
 * length, and perhaps of a quarter of the pixels, so that there is less to add noise to.
 */
import { loadMnist, type MnistSplit } from '../../client/data/mnist.ts';

const SIDE = 28;

/** Row-major images with a constant behind their pixels, which takes the place of a bias. */
export interface UnitImages {
  readonly count: number;
  /** Of a row, the constant included. */
  readonly inputs: number;
  /** [count, inputs], each row of norm 1. */
  readonly features: Float32Array;
  /** [count], 0..9. */
  readonly labels: Int32Array;
}

export interface ImageChoice {
  readonly split: MnistSplit;
  /** Rows from..to-1 of it. */
  readonly from: number;
  readonly to: number;
  /** Whether 2 x 2 pixels become their mean. */
  readonly isPooled: boolean;
}

/** Of the pixels; the constant is as long as a quarter of them. */
const CONSTANT = 0.25;

export async function unitImages({ split, from, to, isPooled }: ImageChoice): Promise<UnitImages> {
  const rows = Uint32Array.from({ length: to - from }, (_, i) => from + i);
  const { features, targets, count } = await loadMnist(split, rows);
  return normalized(isPooled ? pooled(features, count) : features, targets as Int32Array, count);
}

/** @param images [n, 28, 28] @returns [n, 14, 14], the mean of every 2 x 2 pixels */
export function pooled(images: Float32Array, count: number): Float32Array {
  const half = SIDE / 2;
  const means = new Float32Array(count * half * half);
  for (let i = 0; i < means.length; i += 1) {
    const column = i % half;
    const row = Math.floor(i / half) % half;
    const image = Math.floor(i / (half * half));
    const at = image * SIDE * SIDE + 2 * row * SIDE + 2 * column;
    const upper = (images[at] as number) + (images[at + 1] as number);
    means[i] = (upper + (images[at + SIDE] as number) + (images[at + SIDE + 1] as number)) / 4;
  }
  return means;
}

/** @param pixels [count, any number] */
export function normalized(pixels: Float32Array, labels: Int32Array, count: number): UnitImages {
  const width = pixels.length / count;
  const inputs = width + 1;
  const features = new Float32Array(count * inputs);
  const whole = Math.sqrt(1 + CONSTANT ** 2);
  for (let i = 0; i < count; i += 1) {
    const row = pixels.subarray(i * width, (i + 1) * width);
    let squares = 0;
    for (const pixel of row) squares += pixel * pixel;
    const scale = squares > 0 ? 1 / (Math.sqrt(squares) * whole) : 0;
    for (let k = 0; k < width; k += 1) features[i * inputs + k] = (row[k] as number) * scale;
    features[i * inputs + width] = squares > 0 ? CONSTANT / whole : 1;
  }
  return { count, inputs, features, labels };
}
