/**
 * Sets of participants, as one bit for each of the roster: lowest bit of the first byte first. SPEC.md 11.5.
 */

/** Bytes of a set over so many. */
export function bytesOfSet(count: number): number {
  return Math.ceil(count / 8);
}

/** @param indices in 0..count-1 */
export function encodeSet(indices: Iterable<number>, count: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(bytesOfSet(count));
  for (const index of indices) bytes[index >> 3] = (bytes[index >> 3] as number) | (1 << (index & 7));
  return bytes;
}

/** The indices in ascending order; undefined for another length, and for bits beyond `count`. @param bytes attacker-controlled */
export function decodeSet(bytes: Uint8Array, count: number): number[] | undefined {
  if (bytes.length !== bytesOfSet(count)) return undefined;
  const indices: number[] = [];
  for (let index = 0; index < 8 * bytes.length; index += 1)
    if ((((bytes[index >> 3] as number) >> (index & 7)) & 1) === 1) indices.push(index);
  return indices.every((index) => index < count) ? indices : undefined;
}
