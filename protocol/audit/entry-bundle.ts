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
  const entries: Uint8Array[] = [];
  for (const entry of entriesOf(bundle)) if (entries.push(entry) > width) break;
  if (entries.length !== width) throw malformed(`not ${width} entries`);
  return entries;
}

/**
 * The same one by one, however many there are.
 * @throws tileMalformed once an entry is cut
 */
export function* entriesOf(bundle: Uint8Array): Generator<Uint8Array> {
  const view = new DataView(bundle.buffer, bundle.byteOffset, bundle.byteLength);
  for (let at = 0, count = 0; at < bundle.length; count += 1) {
    const from = at + 2;
    const to = from <= bundle.length ? from + view.getUint16(at) : Number.POSITIVE_INFINITY;
    if (to > bundle.length) throw malformed(`entry ${count} is cut`);
    yield bundle.subarray(from, to);
    at = to;
  }
}

function malformed(reason: string): HanseError<'tileMalformed'> {
  return new HanseError('tileMalformed', { tile: 'entries', reason });
}
