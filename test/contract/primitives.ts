/**
 * What every implementation of `protocol/primitives.ts` does. The known answers are those of RFC 8032, 7.1, and of the
 * examples of FIPS 180; others stand beside their tests.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { fromHex, toHex, utf8 } from '../../protocol/bytes.ts';
import { portable } from '../../protocol/primitives/portable.ts';
import type { KeyStreamName, Primitives } from '../../protocol/primitives.ts';

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

    agreement(primitives);
    derivation(primitives);
    sealing(primitives);
    keyStreams(primitives);

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

/** RFC 7748, 5.2. */
const X25519 = [
  {
    secret: 'a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4',
    publicKey: 'e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c',
    shared: 'c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552',
  },
  {
    secret: '4b66e9d4d1b4673c5ad22691957d6af5c11b6421e0ea01d42ca4169e7918ba0d',
    publicKey: 'e5210f12786811d3f4b7959d0538ae2c31dbe7106fc03c3efc4cd549c715a493',
    shared: '95cbde9476e8907d7aade45cb4b873f88b595a68799fa152e6f8f7647aac7957',
  },
] as const;

/** u of the points of order 1, 2, 4 and 8, and of their like on the twist: RFC 7748, 6.1, and cr.yp.to/ecdh.html. */
const SMALL_ORDER_U = [
  '00'.repeat(32),
  `01${'00'.repeat(31)}`,
  'e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800',
  '5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157',
  `ec${'ff'.repeat(30)}7f`,
  `ed${'ff'.repeat(30)}7f`,
  `ee${'ff'.repeat(30)}7f`,
].map(bytes);

async function agree(primitives: Primitives, secret: Uint8Array, publicKey: Uint8Array): Promise<Uint8Array> {
  return (await primitives.agreement(secret)).with(publicKey);
}

async function publicKeyOf(primitives: Primitives, secret: Uint8Array): Promise<Uint8Array> {
  return (await primitives.agreement(secret)).publicKey;
}

function agreement(primitives: Primitives): void {
  test.each(X25519)('X25519: what RFC 7748 says of $secret', async ({ secret, publicKey, shared }) => {
    expect(toHex(await agree(primitives, bytes(secret), bytes(publicKey)))).toBe(shared);
  });

  test('X25519: the public key is the product with the base point; one step of RFC 7748, 5.2', async () => {
    const base = bytes(`09${'00'.repeat(31)}`);
    const product = '422c8e7a6227d7bca1350b3e2bb7279f7897b87bb6854b783c60e80311ae3079';
    expect(toHex(await publicKeyOf(primitives, base))).toBe(product);
    expect(toHex(await agree(primitives, base, base))).toBe(product);
  });

  test('X25519: two agree on the same', async () => {
    const secret = fc.uint8Array({ minLength: 32, maxLength: 32 });
    const agrees = async (mine: Uint8Array, theirs: Uint8Array) => {
      const [a, b] = [await publicKeyOf(primitives, mine), await publicKeyOf(primitives, theirs)];
      expect(await agree(primitives, mine, b)).toEqual(await agree(primitives, theirs, a));
    };
    await fc.assert(fc.asyncProperty(secret, secret, agrees), { numRuns: 20 });
  });

  test('X25519: a secret is read once, and may be overwritten then', async () => {
    const [secret, other] = [new Uint8Array(32).fill(3), new Uint8Array(32).fill(4)];
    const theirs = await publicKeyOf(primitives, other);
    const own = await primitives.agreement(secret);
    secret.fill(0);
    expect(await own.with(theirs)).toEqual(await agree(primitives, other, own.publicKey));
    expect(await own.with(own.publicKey)).not.toEqual(await own.with(theirs));
  });

  test('X25519: with a key of small order nothing is agreed', async () => {
    const [{ secret, publicKey }] = X25519;
    await expect(agree(primitives, bytes(secret), bytes(publicKey))).resolves.toBeDefined();
    for (const key of SMALL_ORDER_U)
      await expect(agree(primitives, bytes(secret), key), toHex(key)).rejects.toMatchObject({
        code: 'keyLowOrder',
      });
  });

  test('X25519: keys and secrets have 32 bytes', async () => {
    const [{ secret, publicKey }] = X25519;
    for (const cut of [0, 31, 33]) {
      const wrong = new Uint8Array(cut).fill(9);
      await expect(publicKeyOf(primitives, wrong)).rejects.toMatchObject({ code: 'invalidLength' });
      await expect(agree(primitives, wrong, bytes(publicKey))).rejects.toMatchObject({
        code: 'invalidLength',
      });
      await expect(agree(primitives, bytes(secret), wrong)).rejects.toMatchObject({ code: 'invalidLength' });
    }
  });
}

/** RFC 5869, A.1 and A.3. */
function derivation(primitives: Primitives): void {
  test('HKDF: the known answers of RFC 5869', async () => {
    const secret = new Uint8Array(22).fill(0x0b);
    const salt = Uint8Array.from({ length: 13 }, (_, i) => i);
    const info = Uint8Array.from({ length: 10 }, (_, i) => 0xf0 + i);
    const none = new Uint8Array();
    expect(toHex(await primitives.hkdf(secret, salt, info, 42))).toBe(
      '3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865',
    );
    expect(toHex(await primitives.hkdf(secret, none, none, 42))).toBe(
      '8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8',
    );
  });
}

/** draft-irtf-cfrg-xchacha-03, A.3.1. */
const SEALED = {
  plaintext: utf8(
    "Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen would be it.",
  ),
  seal: {
    key: Uint8Array.from({ length: 32 }, (_, i) => 0x80 + i),
    nonce: Uint8Array.from({ length: 24 }, (_, i) => 0x40 + i),
    associated: bytes('50515253c0c1c2c3c4c5c6c7'),
  },
  sealed:
    'bd6d179d3e83d43b9576579493c0e939572a1700252bfaccbed2902c21396cbb731c7f1b0b4aa6440bf3a82f4eda7e39ae64c6708c54c216cb96b72e1213b4522f8c9ba40db5d945b11b69b982c1bb9e3f3fac2bc369488f76b2383565d3fff921f9664c97637da9768812f615c68b13b52ec0875924c1c7987947deafd8780acf49',
};

function sealing(primitives: Primitives): void {
  const { plaintext, seal, sealed } = SEALED;

  test('XChaCha20-Poly1305: the known answer of the draft', async () => {
    expect(toHex(await primitives.seal(plaintext, seal))).toBe(sealed);
    expect(await primitives.open(bytes(sealed), seal)).toEqual(plaintext);
  });

  test('XChaCha20-Poly1305: nothing altered, cut or of another context opens', async () => {
    expect(await primitives.open(bytes(sealed), seal)).toBeDefined();
    for (const at of [0, 500, 8 * 114, 8 * 129 + 7])
      expect(await primitives.open(flipped(bytes(sealed), at), seal)).toBeUndefined();
    for (const length of [0, 15, 16, 129])
      expect(await primitives.open(bytes(sealed).subarray(0, length), seal)).toBeUndefined();
    for (const part of ['key', 'nonce', 'associated'] as const)
      expect(
        await primitives.open(bytes(sealed), { ...seal, [part]: flipped(seal[part], 3) }),
        part,
      ).toBeUndefined();
  });
}

/** AESAVS, the zero key and block; RFC 8439, A.1, test vector 1. */
const KEY_STREAMS = [
  ['aes-256-ctr', 'dc95c078a2408989ad48a21492842087'],
  ['chacha20', '76b8e0ada0f13d90405d6ae55386bd28bdd219b8a08ded1aa836efcc8b770dc7'],
] as const;

function keyStreams(primitives: Primitives): void {
  const whole = async (name: KeyStreamName, key: Uint8Array, length: number) => {
    const stream = new Uint8Array(length);
    let expected = 0;
    await primitives.keyStream(name, key, length, (part, offset) => {
      expect(offset).toBe(expected);
      expected += part.length;
      stream.set(part, offset);
    });
    expect(expected).toBe(length);
    return stream;
  };

  test.each(KEY_STREAMS)('the key stream of %s begins as is known', async (name, known) => {
    expect(toHex(await whole(name, new Uint8Array(32), known.length / 2))).toBe(known);
  });

  test.each(KEY_STREAMS)('the key stream of %s is that of @noble, of any length', async (name) => {
    const key = bytes('07'.repeat(32));
    for (const length of [0, 1, 63, 65, 262_144, 600_001]) {
      const expected = new Uint8Array(length);
      await portable.keyStream(name, key, length, (part, offset) => expected.set(part, offset));
      expect(toHex(await primitives.sha256(await whole(name, key, length)))).toBe(
        toHex(await primitives.sha256(expected)),
      );
    }
  });

  test('another key is another stream, a key of another length is none', async () => {
    const key = bytes('07'.repeat(32));
    expect(await whole('chacha20', key, 64)).not.toEqual(await whole('chacha20', flipped(key, 1), 64));
    await expect(whole('chacha20', key.subarray(1), 64)).rejects.toMatchObject({ code: 'invalidLength' });
    await expect(whole('aes-256-ctr', key.subarray(1), 64)).rejects.toMatchObject({ code: 'invalidLength' });
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
