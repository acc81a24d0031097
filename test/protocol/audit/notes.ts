/** Keys of a log and of witnesses, and notes that they have signed, for the suites beside this file. */
import { primitives } from '#primitives';
import { cosign } from '../../../protocol/audit/cosignature.ts';
import { formatNote, parseNote } from '../../../protocol/audit/signed-note.ts';
import { type NoteKeyType, type VerifierKey, verifierKey } from '../../../protocol/audit/verifier-key.ts';
import type { Signer } from '../../../protocol/primitives.ts';

export interface NoteKey {
  readonly key: VerifierKey;
  readonly signer: Signer;
}

/** Another key for another seed. */
export async function noteKey(name: string, type: NoteKeyType = 'note', seed = 1): Promise<NoteKey> {
  const signer = await primitives.signer(new Uint8Array(32).fill(seed));
  return { key: await verifierKey(name, type, signer.publicKey), signer };
}

/** The note with the cosignatures of these witnesses. */
export async function cosigned(note: string, witnesses: readonly NoteKey[], seconds = 1_790_000_000) {
  const { text, signatures } = parseNote(note);
  const more = await Promise.all(witnesses.map(({ key, signer }) => cosign(text, key, signer, seconds)));
  return formatNote({ text, signatures: [...signatures, ...more] });
}

/** Each of these texts differs from the note in one bit of one of its bytes. */
export function* withFlippedBits(note: string): Generator<string> {
  const bytes = Buffer.from(note);
  for (let at = 0; at < bytes.length; at += 1) {
    const changed = Buffer.from(bytes);
    changed.writeUInt8(changed.readUInt8(at) ^ (1 << (at % 7)), at);
    // Bytes that are no UTF-8 do not reach a parser of text.
    if (Buffer.from(changed.toString()).equals(changed)) yield changed.toString();
  }
}
