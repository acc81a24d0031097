/**
 * A secret key as it lies in a file: in the clear, or under a passphrase. SPEC.md section 4.5. Node only.
 *
 *   key        = scrypt( NFKC(passphrase), salt, N = 2^17, r = 8, p = 1, 32 bytes )       RFC 7914: 128 MiB of memory
 *   ciphertext = AES-256-GCM( key, nonce, seed, aad = "HANSE sealed seed" || 00 || public key in hex )
 */
import { createCipheriv, createDecipheriv, type ScryptOptions, scrypt } from 'node:crypto';
import { primitives } from '#primitives';
import { concatBytes, hexBytes, toHex, utf8 } from '../protocol/bytes.ts';
import { HanseError } from '../protocol/problem.ts';
import { randomBytes } from '../protocol/random.ts';
import { Secret } from '../protocol/secret.ts';
import type { SealedSeed, StoredKey } from '../schemas/identity-file.ts';

/** Where a passphrase comes from: it may ask a person. Undefined if nobody gives one. */
export type AskPassphrase = (file: string) => Promise<Secret | undefined>;

const COST = { n: 131_072, r: 8, p: 1 } as const;
const TAG_BYTES = 16;

/** @param passphrase absent: in the clear */
export async function storeKey(seed: Secret, passphrase: Secret | undefined): Promise<StoredKey> {
  if (!passphrase) return { version: 1, seed: toHex(seed.reveal()) };
  const publicKey = toHex((await primitives.signer(seed.reveal())).publicKey);
  const salt = randomBytes(primitives.random, 16);
  const nonce = randomBytes(primitives.random, 12);
  const cipher = createCipheriv('aes-256-gcm', await derive(passphrase, salt, COST), nonce);
  cipher.setAAD(aad(publicKey));
  const sealed = concatBytes(cipher.update(seed.reveal()), cipher.final(), cipher.getAuthTag());
  const sealedSeed = {
    kdf: 'scrypt',
    ...COST,
    salt: toHex(salt),
    nonce: toHex(nonce),
    ciphertext: toHex(sealed),
  } as const;
  return { version: 2, publicKey, sealedSeed };
}

/**
 * @param file for messages, and for who asks
 * @returns the passphrase too, under which the key is to be stored again
 * @throws `passphraseNeeded`, `passphraseWrong`
 */
export async function openKey(
  stored: StoredKey,
  file: string,
  ask: AskPassphrase | undefined,
): Promise<{ readonly seed: Secret; readonly passphrase?: Secret }> {
  if (stored.version === 1) return { seed: new Secret(hexBytes(stored.seed)) };
  const passphrase = await ask?.(file);
  if (!passphrase) throw new HanseError('passphraseNeeded', { file });
  const { sealedSeed, publicKey } = stored;
  const sealed = hexBytes(sealedSeed.ciphertext);
  const key = await derive(passphrase, hexBytes(sealedSeed.salt), sealedSeed);
  const decipher = createDecipheriv('aes-256-gcm', key, hexBytes(sealedSeed.nonce));
  decipher.setAAD(aad(publicKey));
  decipher.setAuthTag(sealed.subarray(-TAG_BYTES));
  try {
    const seed = concatBytes(decipher.update(sealed.subarray(0, -TAG_BYTES)), decipher.final());
    return { seed: new Secret(seed), passphrase };
  } catch {
    throw new HanseError('passphraseWrong', { file });
  }
}

function aad(publicKey: string): Uint8Array {
  return utf8(`HANSE sealed seed\0${publicKey}`);
}

/** The schema bounds the cost, and with it the memory: 128 N r bytes. */
function derive(
  passphrase: Secret,
  salt: Uint8Array,
  { n, r, p }: Pick<SealedSeed, 'n' | 'r' | 'p'>,
): Promise<Uint8Array> {
  const options: ScryptOptions = { N: n, r, p, maxmem: 128 * n * r + 2 ** 20 };
  return new Promise((resolve, reject) => {
    scrypt(passphrase.reveal(), salt, 32, options, (error, key) => (error ? reject(error) : resolve(key)));
  });
}
