/**
 * The key of a tab, which nobody can read, the page included. W3C Web Cryptography Level 2, Ed25519 (RFC 8032).
 *
 * WebCrypto makes it and keeps it: IndexedDB stores the handle, not the key. A browser without Ed25519 in WebCrypto gets
 * a seed for @noble/curves instead, stored under a non-extractable AES-256-GCM key: it is not in the clear on the disk,
 * but code of this origin could read it while the tab runs. `kind` says which of the two it is.
 */
import { primitives } from '#primitives';
import type { Signer } from '../../protocol/primitives.ts';
import { HanseError } from '../../protocol/problem.ts';
import { randomBytes } from '../../protocol/random.ts';
import { isSealedSecret, openSecret, type SealedSecret, sealSecret } from './sealed-secret.ts';
import { TAB_STORAGE } from './tab-store.ts';

const SEED_BYTES = 32;

/** As it is stored. */
export type TabKey =
  | { readonly kind: 'browser'; readonly privateKey: CryptoKey; readonly publicKey: Uint8Array }
  /** Of 32 bytes: the seed. */
  | ({ readonly kind: 'sealed' } & SealedSecret);

/** @param subtle that of the platform */
export async function makeTabKey(subtle: SubtleCrypto = crypto.subtle): Promise<TabKey> {
  try {
    const pair = (await subtle.generateKey('Ed25519', false, ['sign', 'verify'])) as CryptoKeyPair;
    const publicKey = new Uint8Array(await subtle.exportKey('raw', pair.publicKey));
    return { kind: 'browser', privateKey: pair.privateKey, publicKey };
  } catch (error) {
    if ((error as Error | null)?.name !== 'NotSupportedError') throw error;
    return sealedSeed(subtle);
  }
}

async function sealedSeed(subtle: SubtleCrypto): Promise<TabKey> {
  const seed = randomBytes(primitives.random, SEED_BYTES);
  const sealed = await sealSecret(seed, subtle);
  seed.fill(0);
  return { kind: 'sealed', ...sealed };
}

/** Throws `identityUnreadable` for a sealed seed that was altered. */
export async function signerOf(key: TabKey, subtle: SubtleCrypto = crypto.subtle): Promise<Signer> {
  if (key.kind === 'sealed') return primitives.signer(await opened(key, subtle));
  const { privateKey, publicKey } = key;
  return {
    publicKey: publicKey.slice(),
    sign: async (message) =>
      new Uint8Array(await subtle.sign('Ed25519', privateKey, message as BufferSource)),
  };
}

async function opened(key: SealedSecret, subtle: SubtleCrypto): Promise<Uint8Array> {
  try {
    return await openSecret(key, subtle);
  } catch (cause) {
    throw unreadableKey('the key does not open', cause);
  }
}

/** A record of the store as a key. Throws `identityUnreadable`. */
export function parseTabKey(value: unknown): TabKey {
  const key = (value ?? {}) as Record<string, unknown>;
  const { privateKey, publicKey } = key;
  const isPublicKey = publicKey instanceof Uint8Array && publicKey.length === 32;
  const isSecret = privateKey instanceof CryptoKey && !privateKey.extractable;
  if (key.kind === 'browser' && isSecret && isPublicKey) return value as TabKey;
  if (key.kind === 'sealed' && isSealedSecret(key, SEED_BYTES)) return value as TabKey;
  throw unreadableKey('there is no key in its record');
}

function unreadableKey(reason: string, cause?: unknown): HanseError {
  return new HanseError('identityUnreadable', { file: TAB_STORAGE, reason }, { cause });
}
