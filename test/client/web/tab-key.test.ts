import { expect, test } from 'vitest';
import { primitives } from '#primitives';
import { makeTabKey, parseTabKey, signerOf, type TabKey } from '../../../client/web/tab-key.ts';

const message = new Uint8Array([1, 2, 3]);

/** WebCrypto of a browser that has no Ed25519. */
const withoutEd25519 = (name = 'NotSupportedError'): SubtleCrypto =>
  new Proxy(crypto.subtle, {
    get: (subtle, key) => {
      if (key === 'generateKey')
        return async (algorithm: unknown, ...rest: unknown[]) => {
          if (algorithm === 'Ed25519') throw new DOMException('Unrecognized name.', name);
          return (subtle.generateKey as (...all: unknown[]) => Promise<unknown>)(algorithm, ...rest);
        };
      return Reflect.get(subtle, key).bind(subtle);
    },
  });

async function expectSigns(key: TabKey) {
  const signer = await signerOf(key);
  const signature = await signer.sign(message);
  expect(await primitives.verify(signature, message, signer.publicKey)).toBe(true);
  expect(await primitives.verify(signature, new Uint8Array([9]), signer.publicKey)).toBe(false);
  return signer.publicKey;
}

test('a key of WebCrypto signs, and nobody can read it', async () => {
  const key = await makeTabKey();
  if (key.kind !== 'browser') throw new Error(key.kind);
  await expectSigns(key);
  expect(key.privateKey.extractable).toBe(false);
  await expect(crypto.subtle.exportKey('pkcs8', key.privateKey)).rejects.toThrow();
  await expect(crypto.subtle.exportKey('jwk', key.privateKey)).rejects.toThrow();
  expect(JSON.stringify(key)).not.toMatch(/seed|"d":/);
});

test('two keys are two', async () => {
  const [a, b] = [await expectSigns(await makeTabKey()), await expectSigns(await makeTabKey())];
  expect(a).not.toEqual(b);
});

test('without Ed25519 in WebCrypto the seed is sealed under a key that nobody can read, and the kind says so', async () => {
  const key = await makeTabKey(withoutEd25519());
  if (key.kind !== 'sealed') throw new Error(key.kind);
  expect(key.sealingKey.extractable).toBe(false);
  expect(await expectSigns(key)).toEqual(await expectSigns(parseTabKey(structuredCloneOf(key))));
  const altered = key.sealed.slice();
  altered[0] = (altered[0] ?? 0) ^ 1;
  await expect(signerOf({ ...key, sealed: altered })).rejects.toMatchObject({ code: 'identityUnreadable' });
});

test('another failure of WebCrypto is not taken for a browser without Ed25519', async () => {
  await expect(makeTabKey(withoutEd25519('OperationError'))).rejects.toThrow('Unrecognized name.');
});

test('a record that holds no key, or one that can be read, is refused', async () => {
  const key = await makeTabKey();
  expect(parseTabKey(key)).toBe(key);
  const pair = (await crypto.subtle.generateKey('Ed25519', true, ['sign', 'verify'])) as CryptoKeyPair;
  const readable = { ...key, privateKey: pair.privateKey };
  for (const record of [undefined, null, {}, { kind: 'browser' }, { ...key, publicKey: 'x' }, readable])
    expect(() => parseTabKey(record)).toThrow(expect.objectContaining({ code: 'identityUnreadable' }));
});

/** As IndexedDB stores it, but for the handle. */
function structuredCloneOf(key: Extract<TabKey, { kind: 'sealed' }>): TabKey {
  return { ...key, nonce: structuredClone(key.nonce), sealed: structuredClone(key.sealed) };
}
