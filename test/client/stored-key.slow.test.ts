/** Keys under a passphrase, opened and not: each time scrypt takes a third of a second, the other one longer. */
import { gcm } from '@noble/ciphers/aes.js';
import { scrypt } from '@noble/hashes/scrypt.js';
import { expect, test } from 'vitest';
import { primitives } from '#primitives';
import { openKey, storeKey } from '../../client/stored-key.ts';
import { hexBytes, toHex, utf8 } from '../../protocol/bytes.ts';
import { parse } from '../../protocol/parse.ts';
import { Secret } from '../../protocol/secret.ts';
import { StoredKey } from '../../schemas/identity-file.ts';

const SEED = 'c0ffee'.repeat(10).padEnd(64, '0');
const seedOf = () => new Secret(hexBytes(SEED));
const passphraseOf = (text: string) => new Secret(utf8(text));
const asking = (text?: string) => async () => (text === undefined ? undefined : passphraseOf(text));
type Sealed = Extract<StoredKey, { version: 2 }>;

test('under a passphrase it is what another implementation of scrypt and AES-GCM opens, and no other word does', async () => {
  const stored = (await storeKey(seedOf(), passphraseOf('correct horse'))) as Sealed;
  expect(parse(StoredKey, stored, 'key')).toEqual(stored);
  expect(JSON.stringify(stored)).not.toContain('c0ffee');
  const { publicKey, sealedSeed } = stored;
  expect(publicKey).toBe(toHex((await primitives.signer(hexBytes(SEED))).publicKey));
  const cost = { N: 131_072, r: 8, p: 1, dkLen: 32 };
  const key = scrypt(utf8('correct horse'), hexBytes(sealedSeed.salt), cost);
  const cipher = gcm(key, hexBytes(sealedSeed.nonce), utf8(`HANSE sealed seed\0${publicKey}`));
  expect(toHex(cipher.decrypt(hexBytes(sealedSeed.ciphertext)))).toBe(SEED);

  const opened = await openKey(stored, 'file', asking('correct horse'));
  expect(toHex(opened.seed.reveal())).toBe(SEED);
  expect(opened.passphrase?.reveal()).toEqual(utf8('correct horse'));
  const wrong = await openKey(stored, 'file', asking('correct horse ')).catch((error: unknown) => error);
  expect(wrong).toMatchObject({ code: 'passphraseWrong', detail: { file: 'file' } });
  for (const ask of [undefined, asking()])
    await expect(openKey(stored, 'file', ask)).rejects.toMatchObject({ code: 'passphraseNeeded' });
});

test('one that was altered, or given another public key, does not open; two of the same key differ', async () => {
  const stored = (await storeKey(seedOf(), passphraseOf('x'))) as Sealed;
  const again = (await storeKey(seedOf(), passphraseOf('x'))) as Sealed;
  for (const part of ['salt', 'nonce', 'ciphertext'] as const)
    expect(again.sealedSeed[part]).not.toBe(stored.sealedSeed[part]);
  const flipped = stored.sealedSeed.ciphertext.replace(/^./, (digit) => (digit === '0' ? '1' : '0'));
  const altered: Sealed[] = [
    { ...stored, publicKey: 'ab'.repeat(32) },
    { ...stored, sealedSeed: { ...stored.sealedSeed, ciphertext: flipped } },
    { ...stored, sealedSeed: { ...stored.sealedSeed, nonce: again.sealedSeed.nonce } },
  ];
  await expect(openKey(stored, 'file', asking('x'))).resolves.toBeDefined();
  for (const file of altered)
    await expect(openKey(file, 'file', asking('x'))).rejects.toMatchObject({ code: 'passphraseWrong' });
});
