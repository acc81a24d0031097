/**
 * The layout of an update: d packed coordinates, then the second block. SPEC.md 5.3.
 *
 *   [ coordinates: d of b bits, packed into whole 32-bit words ][ weight: u32 ][ counters: u32 each ]
 *
 * The layout does not depend on whether the integers are masked or noised. What is checked here holds for masked
 * updates too; that the weight is in its range can be seen only without masks (`protocol/ring/update.ts`).
 */
import type { Codec } from '../../schemas/codec.ts';
import { HanseError } from '../problem.ts';
import { HEADER_BYTES, packedBytes } from '../vector.ts';

/** Where the two blocks of an update lie, in bytes. */
export interface Layout {
  /** d: number of coordinates. */
  readonly length: number;
  /** b: bits of a coordinate. */
  readonly width: number;
  readonly coordinateBytes: number;
  /** Integers of the second block, weight included. */
  readonly secondBlock: number;
  readonly payloadBytes: number;
}

export function layoutOf(codec: Pick<Codec, 'width' | 'counters'>, length: number): Layout {
  const coordinateBytes = packedBytes(length, codec.width);
  const secondBlock = 1 + codec.counters;
  return {
    length,
    width: codec.width,
    coordinateBytes,
    secondBlock,
    payloadBytes: coordinateBytes + 4 * secondBlock,
  };
}

/** Bytes of every update of a job, and of the stored sum of a round, header included. */
export function updateBytes({
  codec,
  parameters,
}: {
  readonly codec: Pick<Codec, 'width' | 'counters'>;
  readonly parameters: number;
}): number {
  return HEADER_BYTES + layoutOf(codec, parameters).payloadBytes;
}

/**
 * Refuses set bits behind the last coordinate with `updateMalformed`: a given update has exactly one form.
 *
 * @param bytes attacker-controlled; begins with the last word of the coordinates
 */
export function checkTrailingBits(bytes: Uint8Array, layout: Layout): void {
  const usedBits = (layout.length * layout.width) % 32;
  if (usedBits === 0) return;
  const trailing = viewOf(bytes).getUint32(0, true) >>> usedBits;
  if (trailing !== 0)
    throw new HanseError('updateMalformed', {
      field: 'trailing bits',
      expected: '0',
      got: String(trailing),
    });
}

/** The integers of a second block, weight first. */
export function readSecondBlock(bytes: Uint8Array): number[] {
  const view = viewOf(bytes);
  return Array.from({ length: bytes.length / 4 }, (_, i) => view.getUint32(4 * i, true));
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
