/**
 * What a witness says of a checkpoint: that it is the largest one of the log that it has seen, and goes on from those before.
 * C2SP tlog-cosignature, Ed25519:
 *
 *   signature = u64(time) || Ed25519("cosignature/v1\ntime <time>\n" || text of the checkpoint)
 */
import { primitives } from '#primitives';
import { concatBytes, utf8 } from '../bytes.ts';
import type { Signer } from '../primitives.ts';
import { type NoteSignature, type SignedNote, signaturesOf } from './signed-note.ts';
import type { VerifierKey } from './verifier-key.ts';

const TIME_BYTES = 8;
const SIGNATURE_BYTES = 64;

/**
 * @param text of the checkpoint, with its last line end
 * @param key of type `cosignature`, that of the signer
 * @param seconds since 1970, whole and above 0
 */
export async function cosign(
  text: string,
  key: VerifierKey,
  signer: Signer,
  seconds: number,
): Promise<NoteSignature> {
  const time = new Uint8Array(TIME_BYTES);
  new DataView(time.buffer).setBigUint64(0, BigInt(seconds));
  const signature = await signer.sign(messageOf(text, String(seconds)));
  return { name: key.name, keyId: key.keyId, signature: concatBytes(time, signature) };
}

/**
 * When the witness has cosigned the checkpoint, by its own clock: seconds since 1970. Undefined if it has not, or one of its
 * lines is wrong.
 * @param note attacker-controlled
 */
export async function cosignedAt(note: SignedNote, key: VerifierKey): Promise<number | undefined> {
  if (key.type !== 'cosignature') return undefined;
  let latest: number | undefined;
  for (const { signature } of signaturesOf(note, key)) {
    if (signature.length !== TIME_BYTES + SIGNATURE_BYTES) return undefined;
    const { buffer, byteOffset } = signature;
    const time = new DataView(buffer, byteOffset).getBigUint64(0);
    if (time === 0n || time > BigInt(Number.MAX_SAFE_INTEGER)) return undefined;
    const message = messageOf(note.text, String(time));
    if (!(await primitives.verify(signature.subarray(TIME_BYTES), message, key.publicKey))) return undefined;
    latest = Math.max(latest ?? 0, Number(time));
  }
  return latest;
}

function messageOf(text: string, seconds: string): Uint8Array {
  return utf8(`cosignature/v1\ntime ${seconds}\n${text}`);
}
