/**
 * Entries of a log as they are stored and served: each with its length before it, in two bytes, big-endian. C2SP tlog-tiles,
 * "Log entries".
 */
import { HanseError } from '../problem.ts';

/** Of one entry, in bytes. */
export const ENTRY_BYTES_MAX = 65_535;

/** @param entries each at most 65,535 bytes. Throws RangeError for one that is larger. */
export function encodeBundle(entries: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const bundle = new Uint8Array(entries.reduce((sum, { length }) => sum + 2 + length, 0));
  const view = new DataView(bundle.buffer);
  let at = 0;
  for (const entry of entries) {
    if (entry.length > ENTRY_BYTES_MAX) throw new RangeError(`an entry of ${entry.length} bytes`);
    view.setUint16(at, entry.length);
    bundle.set(entry, at + 2);
    at += 2 + entry.length;
  }
  return bundle;
}

/**
 * Views into the bundle, in order.
 * @param bundle attacker-controlled
 * @param width how many entries it has to have, 1..256
 * @throws tileMalformed
 */
export function decodeBundle(bundle: Uint8Array, width: number): Uint8Array[] {
  const view = new DataView(bundle.buffer, bundle.byteOffset, bundle.byteLength);
  const entries: Uint8Array[] = [];
  let at = 0;
  while (at < bundle.length) {
    const from = at + 2;
    const to = from <= bundle.length ? from + view.getUint16(at) : Number.POSITIVE_INFINITY;
    if (to > bundle.length) throw malformed(`entry ${entries.length} is cut`);
    entries.push(bundle.subarray(from, to));
    at = to;
    if (entries.length > width) break;
  }
  if (entries.length !== width) throw malformed(`not ${width} entries`);
  return entries;
}

function malformed(reason: string): HanseError<'tileMalformed'> {
  return new HanseError('tileMalformed', { tile: 'entries', reason });
}
