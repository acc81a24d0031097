/**
 * What a request wants of content: all of it, a part, or to know whether what it has is still right. RFC 9110, 13 and
 * 14; SPEC.md 9.3. Content is known by its hash, which is its strong entity tag.
 *
 * One range of bytes is served. Several at once, other units and what is no range are answered with the whole, as RFC
 * 9110, 14.2 permits: a caller has to expect that anyway.
 */
import { HanseError } from '../../protocol/problem.ts';
import type { ByteRange } from '../store/blob-store.ts';

/** All of it is attacker-controlled; names in lower case. */
export type RequestHeaders = Readonly<Record<string, string | string[] | undefined>>;

export type Selection =
  | { readonly type: 'whole' }
  | { readonly type: 'part'; readonly range: ByteRange }
  | { readonly type: 'notModified' };

/**
 * @param etag of the content, with its quotes
 * @param length of the content in bytes
 * @throws `rangeInvalid` if the range begins behind the content
 */
export function select(headers: RequestHeaders, etag: string, length: number): Selection {
  if (lists(headers['if-none-match'], etag)) return { type: 'notModified' };
  const condition = headers['if-range'];
  if (condition !== undefined && condition !== etag) return { type: 'whole' };
  const { range: header } = headers;
  const range = typeof header === 'string' ? rangeOf(header, length) : undefined;
  return range ? { type: 'part', range } : { type: 'whole' };
}

/** Weakly compared, as RFC 9110, 13.1.2 asks: a proxy that compresses may have weakened the tag. */
function lists(header: string | string[] | undefined, etag: string): boolean {
  if (typeof header !== 'string') return false;
  if (header.trim() === '*') return true;
  return header.split(',').some((tag) => tag.trim().replace(/^W\//, '') === etag);
}

function rangeOf(header: string, length: number): ByteRange | undefined {
  const [, first, last] = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(header.trim()) ?? [];
  if (first === undefined || last === undefined || (first === '' && last === '')) return undefined;
  if (first !== '' && last !== '' && Number(last) < Number(first)) return undefined;
  const start = first === '' ? Math.max(0, length - Number(last)) : Number(first);
  const end = first === '' || last === '' ? length : Math.min(length, Number(last) + 1);
  if (start >= length)
    throw new HanseError('rangeInvalid', { what: 'range', expected: `begin before ${length}`, got: start });
  return { start, end };
}
