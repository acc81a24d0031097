/**
 * What every implementation of `protocol/primitives.ts` does. The known answers are those of RFC 8032, 7.1, and of the
 * examples of FIPS 180.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { fromHex, toHex, utf8 } from '../../protocol/bytes.ts';
import type { Primitives } from '../../protocol/primitives.ts';

const bytes = (hex: string) => fromHex(hex) ?? new Uint8Array();

const SHA256: readonly (readonly [what: string, message: Uint8Array, digest: string])[] = [
  ['nothing', utf8(''), 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'],
  ['one block', utf8('abc'), 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'],
  [
    'two blocks',
    utf8('abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq'),
    '248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1',
  ],
  [
    'a million a',
    utf8('a'.repeat(1_000_000)),
    'cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0',
  ],
];

const ED25519 = [
  {
    seed: '9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60',
    publicKey: 'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a',
    message: '',
    signature:
      'e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b',
  },
  {
    seed: '4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb',
    publicKey: '3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c',
    message: '72',
    signature:
      '92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00',
  },
  {
    seed: 'c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7',
    publicKey: 'fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025',
    message: 'af82',
    signature:
      '6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a',
  },
] as const;

/** The order of the group: L = 2^252 + 27742317777372353535851937790883648493. */
const GROUP_ORDER = (1n << 252n) + 27742317777372353535851937790883648493n;

/** Points of order 1, 2, 4 and 8, also spelt with a y that is not below p, and with either sign of x. */
const SMALL_ORDER = [
  `01${'00'.repeat(31)}`,
  `ec${'ff'.repeat(30)}7f`,
  '00'.repeat(32),
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
  `ed${'ff'.repeat(30)}7f`,
  `ee${'ff'.repeat(30)}7f`,
].flatMap((y) => [bytes(y), flipped(bytes(y), 255)]);

export function primitivesContract(name: string, primitives: Primitives): void {
  describe(`primitives: ${name}`, () => {
    test.each(SHA256)('SHA-256 of %s', async (_, message, digest) => {
      expect(toHex(await primitives.sha256(message))).toBe(digest);
    });

    test('SHA-256 of a part of a buffer is that of the part', async () => {
      const whole = utf8('xabcx');
      expect(toHex(await primitives.sha256(whole.subarray(1, 4)))).toBe(SHA256[1]?.[2]);
    });

    test.each(ED25519)('Ed25519: keys and signatures of RFC 8032, message "$message"', async (vector) => {
      const signer = await primitives.signer(bytes(vector.seed));
      const message = bytes(vector.message);
      expect(toHex(signer.publicKey)).toBe(vector.publicKey);
      expect(toHex(await signer.sign(message))).toBe(vector.signature);
      expect(await primitives.verify(bytes(vector.signature), message, bytes(vector.publicKey))).toBe(true);
    });

    test('a signer does not depend on the bytes it was made from', async () => {
      const [{ seed, signature }] = ED25519;
      const given = bytes(seed);
      const signer = await primitives.signer(given);
      given.fill(0);
      expect(toHex(await signer.sign(new Uint8Array()))).toBe(signature);
    });

    test('a seed of another length is refused', async () => {
      await expect(primitives.signer(new Uint8Array(32))).resolves.toBeDefined();
      for (const length of [0, 31, 33, 64])
        await expect(primitives.signer(new Uint8Array(length))).rejects.toMatchObject({
          code: 'invalidLength',
          detail: { expected: 32, got: length },
        });
    });

    test('one bit changed in signature, message or key: it no longer verifies', async () => {
      await fc.assert(
        fc.asyncProperty(
          fc.uint8Array({ minLength: 32, maxLength: 32 }),
          fc.uint8Array({ minLength: 1, maxLength: 200 }),
          fc.nat(),
          async (seed, message, at) => {
            const { publicKey, sign } = await primitives.signer(seed);
            const signature = await sign(message);
            expect(await primitives.verify(signature, message, publicKey)).toBe(true);
            expect(await primitives.verify(flipped(signature, at), message, publicKey)).toBe(false);
            expect(await primitives.verify(signature, flipped(message, at), publicKey)).toBe(false);
            expect(await primitives.verify(signature, message, flipped(publicKey, at))).toBe(false);
          },
        ),
        { numRuns: 60 },
      );
    });

    test('bytes of another length are no signature and no key', async () => {
      const [{ publicKey, signature }] = ED25519;
      const message = new Uint8Array();
      expect(await primitives.verify(bytes(signature), message, bytes(publicKey))).toBe(true);
      for (const wrong of ['', signature.slice(2), `${signature}00`])
        expect(await primitives.verify(bytes(wrong), message, bytes(publicKey))).toBe(false);
      for (const wrong of ['', publicKey.slice(2), `${publicKey}00`])
        expect(await primitives.verify(bytes(signature), message, bytes(wrong))).toBe(false);
    });

    test('S is below the order of the group: a signature has one spelling', async () => {
      const [, { publicKey, message, signature }] = ED25519;
      const good = bytes(signature);
      const other = good.slice();
      other.set(littleEndian(integerOf(good.subarray(32)) + GROUP_ORDER), 32);
      expect(await primitives.verify(good, bytes(message), bytes(publicKey))).toBe(true);
      expect(await primitives.verify(other, bytes(message), bytes(publicKey))).toBe(false);
    });

    test('under a key of small order nothing verifies, whatever the signature', async () => {
      const [{ publicKey, signature }] = ED25519;
      expect(await primitives.verify(bytes(signature), new Uint8Array(), bytes(publicKey))).toBe(true);
      // R the neutral element, S zero: valid for one message in at most eight where such keys are let through.
      const forged = bytes(`01${'00'.repeat(63)}`);
      for (const key of SMALL_ORDER)
        for (let i = 0; i < 64; i += 1)
          expect(await primitives.verify(forged, Uint8Array.of(i), key), toHex(key)).toBe(false);
    });

    test('bytes that are no point of the curve are no key, and no error', async () => {
      const [{ publicKey, signature }] = ED25519;
      expect(await primitives.verify(bytes(signature), new Uint8Array(), bytes(publicKey))).toBe(true);
      for (const key of [`02${'00'.repeat(31)}`, 'ff'.repeat(32), '07'.repeat(32)])
        expect(await primitives.verify(bytes(signature), new Uint8Array(), bytes(key))).toBe(false);
    });

    test.each([0, 1, 31, 4095, 4096, 65_535, 65_537, 1_048_576, 1_048_581])(
      'random bytes fill %i bytes and not one more',
      (length) => {
        const around = new Uint8Array(length + 16);
        const target = around.subarray(8, 8 + length);
        const seen = new Uint8Array(length);
        // A byte that is drawn stays 0 ten times with probability 2^-80.
        for (let i = 0; i < 10; i += 1) {
          primitives.random.fill(target);
          for (let j = 0; j < length; j += 1) seen[j] = (seen[j] ?? 0) | (target[j] ?? 0);
        }
        expect(seen.indexOf(0)).toBe(-1);
        expect(around.subarray(0, 8)).toEqual(new Uint8Array(8));
        expect(around.subarray(8 + length)).toEqual(new Uint8Array(8));
      },
    );

    test('random bytes do not repeat', () => {
      const draws = Array.from({ length: 100 }, () => {
        const draw = new Uint8Array(16);
        primitives.random.fill(draw);
        return toHex(draw);
      });
      expect(new Set(draws).size).toBe(100);
      const long = new Uint8Array(8192);
      primitives.random.fill(long);
      expect(toHex(long.subarray(0, 4096))).not.toBe(toHex(long.subarray(4096)));
    });
  });
}

function flipped(from: Uint8Array, bit: number): Uint8Array {
  const copy = from.slice();
  const index = Math.floor(bit / 8) % copy.length;
  copy[index] = (copy[index] ?? 0) ^ (1 << (bit % 8));
  return copy;
}

function integerOf(littleEndianBytes: Uint8Array): bigint {
  return littleEndianBytes.reduceRight((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
}

function littleEndian(value: bigint): Uint8Array {
  return Uint8Array.from({ length: 32 }, (_, i) => Number((value >> BigInt(8 * i)) & 0xffn));
}
