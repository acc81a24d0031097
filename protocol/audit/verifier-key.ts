/**
 * Keys that sign notes, with their names: C2SP signed-note, "Verifier keys".
 *
 *   <name>+hex(keyId)+base64(type || publicKey),  keyId = SHA-256(name || 0A || type || publicKey)[0..4]
 *
 * The type tells what the key signs: 01 the text of a note, 04 checkpoints as a witness does (`cosignature.ts`).
 */
import { primitives } from '#primitives';
import { concatBytes, equalBytes, fromBase64, fromHex, toBase64, toHex, utf8 } from '../bytes.ts';
import { HanseError } from '../problem.ts';

/** `note`: Ed25519 over the text. `cosignature`: Ed25519 over a time and a checkpoint. */
export type NoteKeyType = 'note' | 'cosignature';

const TYPES = { note: 1, cosignature: 4 } as const satisfies Record<NoteKeyType, number>;
const NAMES = new Map<number | undefined, NoteKeyType>([
  [1, 'note'],
  [4, 'cosignature'],
]);

export interface VerifierKey {
  /** No spaces, no `+`. */
  readonly name: string;
  readonly type: NoteKeyType;
  /** Ed25519, 32 bytes. */
  readonly publicKey: Uint8Array;
  /** 4 bytes. */
  readonly keyId: Uint8Array;
}

/** A name that keys of notes may have: printable, no spaces of any alphabet, no `+`. */
export function isKeyName(name: string): boolean {
  return name !== '' && !/[\s+\p{Z}\p{Cc}\p{Cs}]/u.test(name);
}

/** Throws RangeError for a name that keys may not have. @param publicKey Ed25519, 32 bytes */
export async function verifierKey(
  name: string,
  type: NoteKeyType,
  publicKey: Uint8Array,
): Promise<VerifierKey> {
  if (!isKeyName(name)) throw new RangeError('the name of the key has spaces or a plus');
  const digest = await primitives.sha256(
    concatBytes(utf8(`${name}\n`), Uint8Array.of(TYPES[type]), publicKey),
  );
  return { name, type, publicKey, keyId: digest.slice(0, 4) };
}

export function formatVerifierKey({ name, type, publicKey, keyId }: VerifierKey): string {
  return `${name}+${toHex(keyId)}+${toBase64(concatBytes(Uint8Array.of(TYPES[type]), publicKey))}`;
}

/**
 * @param text attacker-controlled until it is pinned
 * @throws verifierKeyInvalid for another form, another type, or an id that does not follow from the rest
 */
export async function parseVerifierKey(text: string): Promise<VerifierKey> {
  const [, name = '', id = '', material = ''] =
    /^([^+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/=]+)$/.exec(text) ?? [];
  const bytes = fromBase64(material);
  const type = NAMES.get(bytes?.[0]);
  if (!isKeyName(name) || bytes?.length !== 33 || type === undefined)
    throw new HanseError('verifierKeyInvalid', { reason: 'not <name>+<id>+<Ed25519 key>' });
  const key = await verifierKey(name, type, bytes.slice(1));
  if (!equalBytes(key.keyId, fromHex(id) ?? new Uint8Array()))
    throw new HanseError('verifierKeyInvalid', { reason: 'the id is not that of name and key' });
  return key;
}
