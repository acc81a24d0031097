/**
 * The lines of a privacy ledger: each names the hash of the one before it and carries a mark that only the node can make.
 *
 *   hash = SHA-256( JCS({ number, previous, record }) )
 *   mac  = HKDF-SHA-256( ledgerKey, salt = none, info = "HANSE privacy ledger line" || 00 || hash, 32 bytes )
 *
 * So what was changed, left out, put in or put in another order is found, as is the file of another node. What was cut off
 * at the end is not: a shorter ledger is a whole one, that of an earlier day.
 */
import { type LedgerHead, LedgerLine, type LedgerRecord } from '../../schemas/privacy-ledger.ts';
import { concatBytes, equalBytes, hexBytes, toHex, utf8 } from '../bytes.ts';
import { canonicalJson } from '../canonical.ts';
import { parseJson } from '../parse.ts';
import type { Primitives } from '../primitives.ts';
import { isProblem } from '../problem.ts';
import type { Secret } from '../secret.ts';

type Crypto = Pick<Primitives, 'sha256' | 'hkdf'>;

/** Of no line. */
export const EMPTY_HEAD: LedgerHead = { count: 0, hash: '0'.repeat(64) };

/** The line that follows on a head. @param key 32 bytes */
export async function sealRecord(
  record: LedgerRecord,
  head: LedgerHead,
  key: Secret,
  crypto: Crypto,
): Promise<{ readonly line: LedgerLine; readonly head: LedgerHead }> {
  const content = { number: head.count + 1, previous: head.hash, record };
  const hash = await crypto.sha256(utf8(canonicalJson(content)));
  const mac = toHex(await markOf(hash, key, crypto));
  return { line: { ...content, mac }, head: { count: content.number, hash: toHex(hash) } };
}

/** A line that was read, and the head behind it; or why it is none that follows, in words. */
export type ReadLine =
  | { readonly record: LedgerRecord; readonly head: LedgerHead }
  | { readonly reason: string };

/**
 * @param text attacker-controlled
 * @param key absent: whether the node itself has written it is not asked
 */
export async function readLine(
  text: string,
  head: LedgerHead,
  key: Secret | undefined,
  crypto: Crypto,
): Promise<ReadLine> {
  let line: LedgerLine;
  try {
    line = parseJson(LedgerLine, text, 'line');
  } catch (error) {
    if (!isProblem(error, 'invalidFormat')) throw error;
    return { reason: `it is no record: ${error.detail.where} ${error.detail.expected}` };
  }
  const { mac, ...content } = line;
  if (content.number !== head.count + 1)
    return { reason: `it has number ${content.number} where ${head.count + 1} is to follow` };
  if (content.previous !== head.hash) return { reason: 'it does not follow on the line before it' };
  const hash = await crypto.sha256(utf8(canonicalJson(content)));
  if (key && !equalBytes(hexBytes(mac), await markOf(hash, key, crypto)))
    return { reason: 'this node has not written it so' };
  return { record: content.record, head: { count: content.number, hash: toHex(hash) } };
}

function markOf(hash: Uint8Array, key: Secret, crypto: Crypto): Promise<Uint8Array> {
  const info = concatBytes(utf8('HANSE privacy ledger line\0'), hash);
  return crypto.hkdf(key.reveal(), new Uint8Array(), info, 32);
}
