/**
 * What is about to leave, as its owner sees it: the update as trained, after clipping, and as it stands in the message.
 *
 * The last of the three is read back from the very bytes that are to be sent, not computed beside them, so that what is
 * shown is what leaves. Pure. Costs a few passes over the d coordinates; nobody pays for it who does not look.
 */
import { unpack } from '../protocol/ring/bit-pack.ts';
import { clipFactor } from '../protocol/ring/clip.ts';
import { layoutOf } from '../protocol/ring/payload.ts';
import { HEADER_BYTES } from '../protocol/vector.ts';
import type { Egress, Histogram } from '../schemas/egress.ts';
import type { JobManifest } from '../schemas/job.ts';
import type { TrainTask } from '../schemas/task.ts';

/** Odd: the middle bin holds what has hardly changed. */
const BINS = 41;

export interface Leaving {
  readonly task: TrainTask;
  readonly manifest: JobManifest;
  /** [d] as trained. */
  readonly delta: Float32Array | Float64Array;
  /** Its L2 norm. */
  readonly norm: number;
  /** By which it counts in the sum, 1..weightMax. */
  readonly weight: number;
  /** The message, with its header; its payload begins at a multiple of four bytes. */
  readonly update: Uint8Array<ArrayBuffer>;
}

export function egressOf({ task, manifest, delta, norm, weight, update }: Leaving): Egress {
  const { jobId, round, attempt } = task;
  const { codec, parameters, name, aggregation } = manifest;
  // The sum of a lot is not clipped: each gradient in it was.
  const factor = codec.lot ? 1 : clipFactor(norm, codec.clipNorm, delta.length);
  const { width, coordinateBytes } = layoutOf(codec, delta.length);
  const words = new Uint32Array(update.buffer, update.byteOffset + HEADER_BYTES, coordinateBytes / 4);
  const coordinates = new Int32Array(delta.length);
  unpack(words, width, coordinates);
  const step = codec.lot ? codec.grid : (codec.grid * codec.weightMax) / weight;
  return {
    jobId,
    jobName: name,
    round,
    attempt,
    bytes: update.length,
    norm,
    clipNorm: codec.clipNorm,
    isClipped: factor < 1,
    parameters,
    before: histogram(delta, 1),
    clipped: histogram(delta, factor),
    quantised: histogram(coordinates, step),
    ...(codec.rotation && { isTurned: true as const }),
    step,
    visibleAs: VISIBLE[aggregation],
  };
}

/** What the coordinator sees of one update, by the way in which a job adds them up. */
export const VISIBLE = { plain: 'update', secure: 'sum' } as const satisfies Record<
  JobManifest['aggregation'],
  Egress['visibleAs']
>;

/**
 * Of `values * scale`, in bins of equal width that lie symmetrically about zero.
 * @param values [d], finite; not modified
 * @param bins   odd, so that zero lies within one
 */
export function histogram(
  values: Float32Array | Float64Array | Int32Array,
  scale: number,
  bins: number = BINS,
): Histogram {
  // By index: `for of` takes several times as long, and the node does nothing else meanwhile.
  const { length } = values;
  let reach = 0;
  for (let i = 0; i < length; i += 1) reach = Math.max(reach, Math.abs(values[i] as number));
  const counts = new Array<number>(bins).fill(0);
  if (reach === 0) counts[bins >> 1] = length;
  else {
    const perUnit = bins / (2 * reach);
    for (let i = 0; i < length; i += 1) {
      const bin = Math.min(bins - 1, Math.floor(((values[i] as number) + reach) * perUnit));
      counts[bin] = (counts[bin] as number) + 1;
    }
  }
  return { least: -reach * scale, greatest: reach * scale, counts };
}
