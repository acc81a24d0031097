/** Keys and secrets have the length that their primitive gives them. */
import { HanseError } from '../problem.ts';

/** @returns the bytes. @throws invalidLength */
export function requireLength(what: string, bytes: Uint8Array, expected: number): Uint8Array {
  if (bytes.length !== expected) throw new HanseError('invalidLength', { what, expected, got: bytes.length });
  return bytes;
}
