/**
 * Letters between organisations: how they are signed, and what their reader believes. SPEC.md section 4.9.
 *
 *   bodySha256 = SHA-256( UTF-8 of the body )
 *   signature  = Ed25519( "HANSE letter" || 00 || JCS( statement ) ), by the key of the sender
 *
 * The coordinator keeps letters and hands them on; it cannot write one in the name of another, nor change one. It can
 * keep one back, and it can hand one out again: readers remember the ids of letters until these expire.
 */
import { primitives } from '#primitives';
import type { Directory } from '../schemas/directory.ts';
import { LETTER_BYTES_MAX, type Letter, type LetterStatement } from '../schemas/letter.ts';
import { hexBytes, toHex, utf8 } from './bytes.ts';
import { canonicalJson } from './canonical.ts';
import type { Signer } from './primitives.ts';
import { HanseError } from './problem.ts';

/** Longest time from `createdAt` to `expiresAt`: so long readers remember ids. */
export const LETTER_LIFETIME_MS = 7 * 86_400_000;

/** By so much the clock of a sender may be ahead. */
const SKEW_MS = 300_000;

/** The key that a letter names, as a directory knows it. */
export interface LetterSender {
  /** Ed25519, hex. */
  readonly publicKey: string;
  readonly validUntil: string | null;
  readonly revokedAt: string | null;
}

/** Who reads, and what it has pinned. */
export interface LetterReader {
  readonly federationId: string;
  readonly organisationId: string;
  readonly directory: Directory;
}

/** @param sender the key that `from` names */
export async function writeLetter(
  draft: Omit<LetterStatement, 'bodySha256'> & { readonly body: string },
  sender: Signer,
): Promise<Letter> {
  const { body, ...rest } = draft;
  const statement = { ...rest, bodySha256: toHex(await primitives.sha256(utf8(body))) };
  return { statement, body, signature: toHex(await sender.sign(messageOf(statement))) };
}

/**
 * Throws `letterInvalid` unless the sender has written this letter; `letterExpired`.
 * @param letter attacker-controlled, of its schema
 * @param at RFC 3339
 */
export async function checkLetter(letter: Letter, sender: LetterSender, at: string): Promise<void> {
  const { statement, body, signature } = letter;
  const { createdAt, expiresAt, bodySha256 } = statement;
  const [now, created, expires] = [at, createdAt, expiresAt].map((moment) => Date.parse(moment)) as [
    number,
    number,
    number,
  ];
  // Half of a surrogate pair has no UTF-8: two bodies would have one hash.
  if (/\p{Surrogate}/u.test(body)) throw invalid(letter, 'its body is not text');
  const bytes = utf8(body);
  if (bytes.length > LETTER_BYTES_MAX)
    throw invalid(letter, `its body has more than ${LETTER_BYTES_MAX} bytes`);
  if (!(expires > created) || expires - created > LETTER_LIFETIME_MS)
    throw invalid(letter, `it lives for no time, or for more than ${LETTER_LIFETIME_MS / 86_400_000} days`);
  if (created > now + SKEW_MS) throw invalid(letter, 'it was written in the future');
  if (sender.revokedAt !== null) throw invalid(letter, 'its sender was revoked');
  if (sender.validUntil !== null && created >= Date.parse(sender.validUntil))
    throw invalid(letter, 'another key had taken the place of that of its sender');
  if (toHex(await primitives.sha256(bytes)) !== bodySha256)
    throw invalid(letter, 'its body is not the one that was signed');
  if (!(await primitives.verify(hexBytes(signature), messageOf(statement), hexBytes(sender.publicKey))))
    throw invalid(letter, 'its signature is not of its sender');
  if (expires <= now) throw new HanseError('letterExpired', { expiredAt: expiresAt });
}

/**
 * Throws `letterInvalid` unless this letter is for the reader, of a sender in the directory that it has pinned, who has
 * written it; `letterExpired`. Nothing of it is believed before.
 */
export async function openLetter(letter: Letter, reader: LetterReader, at: string): Promise<void> {
  const { federationId, to, from } = letter.statement;
  if (federationId !== reader.federationId) throw invalid(letter, 'it is of another federation');
  if (to !== reader.organisationId) throw invalid(letter, `it is for ${to}`);
  const sender = senderIn(reader.directory, from);
  if (!sender) throw invalid(letter, `its sender is not in the directory`);
  await checkLetter(letter, sender, at);
}

/** Undefined where the directory does not have it. With its organisation a node is revoked. */
function senderIn(
  { organisations }: Directory,
  { organisationId, nodeId }: LetterStatement['from'],
): LetterSender | undefined {
  const organisation = organisations.find((known) => known.organisationId === organisationId);
  if (!organisation) return undefined;
  const { publicKey, revokedAt, nodes } = organisation;
  if (nodeId === null) return { publicKey, revokedAt, validUntil: null };
  const node = nodes.find((known) => known.nodeId === nodeId);
  if (!node) return undefined;
  return { publicKey: node.publicKey, validUntil: node.validUntil, revokedAt: revokedAt ?? node.revokedAt };
}

function messageOf(statement: LetterStatement): Uint8Array {
  return utf8(`HANSE letter\0${canonicalJson(statement)}`);
}

export function invalid({ statement }: Letter, reason: string): HanseError<'letterInvalid'> {
  return new HanseError('letterInvalid', { letterId: statement.letterId, reason });
}
