import { describe, expect, test } from 'vitest';
import { primitives as platform } from '#primitives';
import { toHex, utf8 } from '../../../protocol/bytes.ts';
import type { Primitives } from '../../../protocol/primitives.ts';
import { KeyedNumbers } from '../../../sim/fuzz/keyed-numbers.ts';
import { symbolicPrimitives, symbolicSigner } from '../../../sim/fuzz/symbolic-primitives.ts';

const secret = (fill: number) => new Uint8Array(32).fill(fill);
const flipped = (bytes: Uint8Array, at: number) => bytes.map((byte, i) => (i === at ? byte ^ 1 : byte));

async function streamOf(primitives: Primitives, key: Uint8Array, length: number): Promise<Uint8Array> {
  const stream = new Uint8Array(length);
  await primitives.keyStream('chacha20', key, length, (bytes, offset) => stream.set(bytes, offset));
  return stream;
}

// What the protocol relies on, of the symbols and, as a control, of the real ones.
describe.each([
  ['symbolic', symbolicPrimitives(new KeyedNumbers('test').source())],
  ['real', platform],
])('%s primitives', (_, primitives) => {
  test('both sides agree, on something that no third one does', async () => {
    const [a, b, c] = [
      await primitives.agreement(secret(1)),
      await primitives.agreement(secret(2)),
      await primitives.agreement(secret(3)),
    ];
    const shared = await a.with(b.publicKey);
    expect(await b.with(a.publicKey)).toEqual(shared);
    expect(await a.with(c.publicKey)).not.toEqual(shared);
    await expect(a.with(new Uint8Array(32))).rejects.toMatchObject({ code: 'keyLowOrder' });
  });

  test('what is derived depends on secret, salt and info, and has the length that is asked for', async () => {
    const inputs = [
      [1, 2, 3],
      [9, 2, 3],
      [1, 9, 3],
      [1, 2, 9],
    ] as const;
    const derived = await Promise.all(
      inputs.map(async ([key, salt, info]) =>
        toHex(await primitives.hkdf(secret(key), secret(salt), secret(info), 40)),
      ),
    );
    expect(new Set(derived).size).toBe(4);
    expect(derived[0]).toHaveLength(80);
    expect(toHex(await primitives.hkdf(secret(1), secret(2), secret(3), 40))).toBe(derived[0]);
  });

  test('what was sealed opens with the same key, nonce and context, and not when it was altered', async () => {
    const seal = { key: secret(1), nonce: new Uint8Array(24), associated: utf8('context') };
    const plain = utf8('a share');
    const sealed = await primitives.seal(plain, seal);
    expect(sealed).toHaveLength(plain.length + 16);
    expect(await primitives.open(sealed, seal)).toEqual(plain);
    for (let at = 0; at < sealed.length; at += 1)
      expect(await primitives.open(flipped(sealed, at), seal)).toBeUndefined();
    expect(await primitives.open(sealed, { ...seal, associated: utf8('another') })).toBeUndefined();
    expect(await primitives.open(sealed, { ...seal, key: secret(2) })).toBeUndefined();
    expect(await primitives.open(sealed.subarray(0, 10), seal)).toBeUndefined();
  });

  test('a signature verifies for its message and key alone', async () => {
    const signer = await primitives.signer(secret(7));
    const signature = await signer.sign(utf8('yes'));
    expect(signature).toHaveLength(64);
    expect(await primitives.verify(signature, utf8('yes'), signer.publicKey)).toBe(true);
    expect(await primitives.verify(signature, utf8('no'), signer.publicKey)).toBe(false);
    expect(await primitives.verify(flipped(signature, 5), utf8('yes'), signer.publicKey)).toBe(false);
    const other = (await primitives.signer(secret(8))).publicKey;
    expect(await primitives.verify(signature, utf8('yes'), other)).toBe(false);
  });

  test('a key stream is that of its key, and a shorter one its beginning', async () => {
    const stream = await streamOf(primitives, secret(1), 100);
    expect(await streamOf(primitives, secret(1), 100)).toEqual(stream);
    expect(await streamOf(primitives, secret(1), 36)).toEqual(stream.subarray(0, 36));
    expect(await streamOf(primitives, secret(2), 100)).not.toEqual(stream);
    expect(new Set(stream).size).toBeGreaterThan(30);
  });
});

test('a symbolic signer signs in the name of a real key', async () => {
  const symbolic = symbolicPrimitives(platform.random);
  const { publicKey } = await platform.signer(secret(1));
  const signature = await symbolicSigner(publicKey).sign(utf8('yes'));
  expect(await symbolic.verify(signature, utf8('yes'), publicKey)).toBe(true);
  expect(await platform.verify(signature, utf8('yes'), publicKey)).toBe(false);
});
