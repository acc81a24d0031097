/**
 * Values that can be erased from a log that forgets nothing: the log has a hash, and the salt is kept apart.
 *
 *   salted = SHA-256( salt || JCS( value ) ),  salt of 16 random bytes, fresh for each field
 *
 * With the salt anybody verifies what the value was. Without it the hash tells nothing, also not whether it is one of a few that
 * are thought of.
 */
import { primitives } from '#primitives';
import type { Salted } from '../../schemas/audit-event.ts';
import { concatBytes, toHex, utf8 } from '../bytes.ts';
import { canonicalJson } from '../canonical.ts';
import { type RandomSource, randomBytes } from '../random.ts';

export const SALT_BYTES = 16;

/** What belongs to the hash at a place of an entry, and is kept apart from it. */
export interface SaltedField {
  /** RFC 6901, within the entry: `/data/node`. */
  readonly pointer: string;
  /** 16 bytes. */
  readonly salt: Uint8Array;
  /** JCS of the value. */
  readonly value: string;
}

export function newSalt(random: RandomSource): Uint8Array {
  return randomBytes(random, SALT_BYTES);
}

/** @param value JSON */
export async function salted(salt: Uint8Array, value: unknown): Promise<Salted> {
  return { salted: toHex(await primitives.sha256(concatBytes(salt, utf8(canonicalJson(value))))) };
}

/** Whether the field is what stands there. @param field attacker-controlled */
export async function isOf(
  hash: Salted,
  { salt, value }: Pick<SaltedField, 'salt' | 'value'>,
): Promise<boolean> {
  if (salt.length !== SALT_BYTES) return false;
  return toHex(await primitives.sha256(concatBytes(salt, utf8(value)))) === hash.salted;
}
