/**
 * A round again from its updates, one bit at a time: what the released model must be. SPEC.md 5.3, 5.4, 5.8 and 7.2.
 *
 * Shares no code with the sum and the strategy of production, which it judges. Slow, and obvious.
 */
import type { JobManifest } from '../../schemas/job.ts';

/** Bytes in front of the payload of a vector, SPEC.md 5.1. */
const HEADER = 64;

export interface Recomputed {
  /** The model as float32 numbers, little-endian. */
  readonly payload: Uint8Array;
  readonly weight: number;
}

/**
 * @param model stored vector of the model before the round
 * @param updates stored vectors of all that count
 */
export function recompute(
  model: Uint8Array,
  updates: readonly Uint8Array[],
  manifest: JobManifest,
): Recomputed {
  const { codec, parameters, strategy } = manifest;
  if (strategy.type !== 'fedavg') throw new Error(`the fuzzer knows no ${strategy.type}`);
  let weight = 0;
  for (const update of updates) weight += viewOf(update).getUint32(update.length - 4, true);
  const payload = new Uint8Array(4 * parameters);
  for (let i = 0; i < parameters; i += 1) {
    let sum = 0;
    for (const update of updates) sum += coordinate(update, i, codec.width);
    const mean = sum * ((codec.grid * codec.weightMax) / weight);
    const before = viewOf(model).getFloat32(HEADER + 4 * i, true);
    viewOf(payload).setFloat32(4 * i, before + strategy.serverLearningRate * mean, true);
  }
  return { payload, weight };
}

/** The integers of a sum, computed as above. @param updates stored vectors, unmasked */
export function recomputeSum(updates: readonly Uint8Array[], { codec, parameters }: JobManifest): number[] {
  const sum = new Array<number>(parameters + 1).fill(0);
  for (const update of updates)
    integersOf(update, parameters, codec.width).forEach((value, i) => {
      sum[i] = (sum[i] as number) + value;
    });
  return sum;
}

/** Coordinates and weight of a stored vector. */
export function integersOf(vector: Uint8Array, parameters: number, width: number): number[] {
  const coordinates = Array.from({ length: parameters }, (_, i) => coordinate(vector, i, width));
  return [...coordinates, viewOf(vector).getUint32(vector.length - 4, true)];
}

/** The signed number in bits i * width .. (i + 1) * width - 1 of the payload. */
function coordinate(update: Uint8Array, i: number, width: number): number {
  let value = 0;
  for (let bit = 0; bit < width; bit += 1) {
    const k = i * width + bit;
    if (((update[HEADER + (k >> 3)] as number) >> (k & 7)) & 1) value += 2 ** bit;
  }
  return value >= 2 ** (width - 1) ? value - 2 ** width : value;
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
