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
import { packedBytes } from '../vector.ts';

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

/**
 * Refuses an attacker-controlled payload that has another size than the layout (`invalidLength`), or set bits behind
 * the last coordinate (`updateMalformed`): a given update has exactly one form.
 */
export function checkPayload(payload: Uint8Array, layout: Layout): void {
  if (payload.length !== layout.payloadBytes)
    throw new HanseError('invalidLength', {
      what: 'update',
      expected: layout.payloadBytes,
      got: payload.length,
    });
  const usedBits = (layout.length * layout.width) % 32;
  if (usedBits === 0) return;
  const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
  const trailing = view.getUint32(layout.coordinateBytes - 4, true) >>> usedBits;
  if (trailing !== 0)
    throw new HanseError('updateMalformed', {
      field: 'trailing bits',
      expected: '0',
      got: String(trailing),
    });
}

/** The integers of the second block, weight first. Assumes a payload of the right size. */
export function readSecondBlock(payload: Uint8Array, layout: Layout): number[] {
  const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
  return Array.from({ length: layout.secondBlock }, (_, i) =>
    view.getUint32(layout.coordinateBytes + 4 * i, true),
  );
}
