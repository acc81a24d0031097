/**
 * Salts that are kept beside entries: whether they open the fields of the entries they stand for. `protocol/audit/salted-field.ts`,
 * without promises.
 */
import { hash as digest } from 'node:crypto';
import { SALT_BYTES } from '../../protocol/audit/salted-field.ts';
import type { AuditEvent } from '../../schemas/audit-event.ts';
import type { PlacedSalt } from '../store/audit-rows.ts';
import type { Findings } from './findings.ts';

/** Values that are kept beside an entry, JCS, by pointer. */
export type KeptValues = ReadonlyMap<string, string>;

let salted = Buffer.alloc(4096);

export function isSaltOf(hash: unknown, { salt, value }: Pick<PlacedSalt, 'salt' | 'value'>): boolean {
  if (salt.length !== 2 * SALT_BYTES) return false;
  const bytes = 3 * value.length + SALT_BYTES;
  if (salted.length < bytes) salted = Buffer.alloc(bytes);
  salted.write(salt, 'hex');
  const end = SALT_BYTES + salted.write(value, SALT_BYTES);
  return digest('sha256', salted.subarray(0, end), 'hex') === hash;
}

const NONE: KeptValues = new Map();

/** Those that open the fields of the entry. One that cannot be read has been told already. */
export function checkSalts(
  salts: readonly PlacedSalt[],
  index: number,
  event: AuditEvent | undefined,
  findings: Findings,
): KeptValues {
  if (salts.length === 0 || !event) return NONE;
  const kept = new Map<string, string>();
  for (const { pointer, salt, value } of salts) {
    const hash = (at(event, pointer) ?? {}) as { readonly salted?: unknown };
    if (isSaltOf(hash.salted, { salt, value })) kept.set(pointer, value);
    else findings.add('saltForeign', { index, pointer });
  }
  return kept;
}

/** RFC 6901, of names that need no escapes; undefined where nothing is. @param pointer not trusted */
function at(event: AuditEvent, pointer: string): unknown {
  let value: unknown = event;
  for (const name of pointer.split('/').slice(1)) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined;
    value = (value as Record<string, unknown>)[name];
  }
  return value;
}
