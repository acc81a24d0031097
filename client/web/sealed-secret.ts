/**
 * A secret of a tab as it is stored: sealed under an AES-256-GCM key of WebCrypto that nobody can read. W3C Web
 * Cryptography Level 2. It is not in the clear on the disk; code of this origin could open it while the tab runs.
 */
import { primitives } from '#primitives';
import { randomBytes } from '../../protocol/random.ts';

const TAG_BYTES = 16;

/** As it is stored. */
export interface SealedSecret {
  readonly sealingKey: CryptoKey;
  /** 12 bytes. */
  readonly nonce: Uint8Array;
  /** The secret and its tag: 16 bytes more. */
  readonly sealed: Uint8Array;
}

/** Under a fresh key. */
export async function sealSecret(
  secret: Uint8Array,
  subtle: SubtleCrypto = crypto.subtle,
): Promise<SealedSecret> {
  const nonce = randomBytes(primitives.random, 12);
  const sealingKey = await subtle.generateKey({ name: 'AES-GCM', length: 256 }, false, [
    'encrypt',
    'decrypt',
  ]);
  const sealed = await subtle.encrypt(aesGcm(nonce), sealingKey, secret as BufferSource);
  return { sealingKey, nonce, sealed: new Uint8Array(sealed) };
}

/** Rejects with the DOMException of WebCrypto for one that was altered. */
export async function openSecret(
  { sealingKey, nonce, sealed }: SealedSecret,
  subtle: SubtleCrypto = crypto.subtle,
): Promise<Uint8Array> {
  return new Uint8Array(await subtle.decrypt(aesGcm(nonce), sealingKey, sealed as BufferSource));
}

/** @param value from the storage @param bytes of the secret */
export function isSealedSecret(value: unknown, bytes: number): value is SealedSecret {
  const { sealingKey, nonce, sealed } = (value ?? {}) as Record<string, unknown>;
  const isLong = (part: unknown, length: number) => part instanceof Uint8Array && part.length === length;
  const isKey = sealingKey instanceof CryptoKey && !sealingKey.extractable;
  return isKey && isLong(nonce, 12) && isLong(sealed, bytes + TAG_BYTES);
}

function aesGcm(nonce: Uint8Array): AesGcmParams {
  return { name: 'AES-GCM', iv: nonce as BufferSource };
}
