/**
 * One byte string for one JSON value: JCS, RFC 8785. SPEC.md section 2.2.
 */
import canonicalize from 'canonicalize';
import { primitives } from '#primitives';
import { toHex, utf8 } from './bytes.ts';

/**
 * The canonical form. Members that are undefined are left out, as JSON.stringify does. Throws an Error for what has no
 * form: NaN, infinities, lone surrogates, undefined itself. Functions and symbols within are a programming error.
 */
export function canonicalJson(value: unknown): string {
  const text = canonicalize(value);
  if (text === undefined) throw new TypeError('not a JSON value');
  return text;
}

/** SHA-256 of the canonical form, in hex: how manifests are known. */
export async function canonicalSha256(value: unknown): Promise<string> {
  return toHex(await primitives.sha256(utf8(canonicalJson(value))));
}
