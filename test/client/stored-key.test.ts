import { expect, test } from 'vitest';
import { openKey, storeKey } from '../../client/stored-key.ts';
import { hexBytes, toHex, utf8 } from '../../protocol/bytes.ts';
import { parse } from '../../protocol/parse.ts';
import { Secret } from '../../protocol/secret.ts';
import { StoredKey } from '../../schemas/identity-file.ts';

const SEED = 'c0ffee'.repeat(10).padEnd(64, '0');
const seedOf = () => new Secret(hexBytes(SEED));
const passphraseOf = (text: string) => new Secret(utf8(text));
type Sealed = Extract<StoredKey, { version: 2 }>;

test('without a passphrase a key lies in the clear, and nobody is asked', async () => {
  const stored = await storeKey(seedOf(), undefined);
  expect(stored).toEqual({ version: 1, seed: SEED });
  const opened = await openKey(stored, 'file', () => expect.fail('asked'));
  expect([toHex(opened.seed.reveal()), opened.passphrase]).toEqual([SEED, undefined]);
});

test('a file that asks for little work, or for more memory than there is, is none', async () => {
  const stored = (await storeKey(seedOf(), passphraseOf('x'))) as Sealed;
  expect(() => parse(StoredKey, stored, 'key')).not.toThrow();
  for (const change of [{ n: 1024 }, { n: 2 ** 30 }, { r: 64 }, { p: 16 }, { kdf: 'none' }])
    expect(() =>
      parse(StoredKey, { ...stored, sealedSeed: { ...stored.sealedSeed, ...change } }, 'key'),
    ).toThrow(expect.objectContaining({ code: 'invalidFormat' }));
});
