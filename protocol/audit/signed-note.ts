/**
 * Text with signatures of named keys: C2SP signed-note. The text ends where the last empty line stands; after it come lines
 *
 *   — <name> base64(keyId || signature)
 *
 * Nothing of a note is to be believed before a known key was found to have signed it.
 */
import { primitives } from '#primitives';
import { concatBytes, equalBytes, fromBase64, toBase64, utf8 } from '../bytes.ts';
import type { Signer } from '../primitives.ts';
import { HanseError } from '../problem.ts';
import { isKeyName, type VerifierKey } from './verifier-key.ts';

/** What is read at most: as many signatures as a federation may have witnesses, and a few more. */
const SIGNATURES_MAX = 1024;
const NOTE_BYTES_MAX = 1 << 20;

const DASH = '\u2014';

export interface NoteSignature {
  readonly name: string;
  /** 4 bytes. */
  readonly keyId: Uint8Array;
  /** As its key makes them. */
  readonly signature: Uint8Array;
}

export interface SignedNote {
  /** With the line end of its last line. */
  readonly text: string;
  /** At least one. */
  readonly signatures: readonly NoteSignature[];
}

export function formatNote({ text, signatures }: SignedNote): string {
  return `${text}\n${signatures.map(signatureLine).join('')}`;
}

/** With its line end. */
export function signatureLine({ name, keyId, signature }: NoteSignature): string {
  return `${DASH} ${name} ${toBase64(concatBytes(keyId, signature))}\n`;
}

/**
 * @param note attacker-controlled
 * @throws noteMalformed
 */
export function parseNote(note: string): SignedNote {
  if (note.length > NOTE_BYTES_MAX) throw malformed('longer than a megabyte');
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  if (/[\0-\x09\x0b-\x1f\p{Cs}]/u.test(note)) throw malformed('control characters, or halves of characters');
  const end = note.lastIndexOf('\n\n');
  if (end < 1) throw malformed('no empty line before signatures');
  return { text: note.slice(0, end + 1), signatures: parseSignatures(note.slice(end + 2)) };
}

/**
 * Lines of signatures alone, as a witness answers them.
 * @param lines attacker-controlled
 * @throws noteMalformed
 */
export function parseSignatures(lines: string): readonly NoteSignature[] {
  if (!lines.endsWith('\n')) throw malformed('the last line has no end');
  const signatures = lines.slice(0, -1).split('\n');
  if (signatures.length > SIGNATURES_MAX) throw malformed(`more than ${SIGNATURES_MAX} signatures`);
  return signatures.map((line) => {
    const [dash, name = '', base64 = '', ...more] = line.split(' ');
    const bytes = fromBase64(base64);
    if (dash !== DASH || !isKeyName(name) || more.length > 0 || bytes === undefined || bytes.length < 5)
      throw malformed('a line that is no signature');
    return { name, keyId: bytes.slice(0, 4), signature: bytes.slice(4) };
  });
}

/** @param key of type `note`, that of the signer */
export async function signText(text: string, key: VerifierKey, signer: Signer): Promise<NoteSignature> {
  return { name: key.name, keyId: key.keyId, signature: await signer.sign(utf8(text)) };
}

/** Those that bear the name and the id of the key. */
export function signaturesOf({ signatures }: SignedNote, key: VerifierKey): NoteSignature[] {
  return signatures.filter(({ name, keyId }) => name === key.name && equalBytes(keyId, key.keyId));
}

/**
 * That one of the keys has signed the text, and that no signature is a wrong one of theirs.
 * @param keys of type `note`, trusted; signatures of others are not looked at
 * @throws noteUnsigned
 */
export async function checkNote(note: SignedNote, keys: readonly VerifierKey[]): Promise<void> {
  const text = utf8(note.text);
  const verdicts = await Promise.all(
    keys
      .filter(({ type }) => type === 'note')
      .flatMap((key) =>
        signaturesOf(note, key).map(({ signature }) => primitives.verify(signature, text, key.publicKey)),
      ),
  );
  if (verdicts.length === 0 || verdicts.includes(false))
    throw new HanseError('noteUnsigned', { keys: keys.map(({ name }) => name).join(', ') });
}

function malformed(reason: string): HanseError<'noteMalformed'> {
  return new HanseError('noteMalformed', { reason });
}
