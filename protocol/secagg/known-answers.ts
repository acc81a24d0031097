/**
 * Known answers for the self-test. SPEC.md 11.13. Each has its source; those of long key streams were computed by OpenSSL,
 * and a test compares them with @noble.
 */
import { hexBytes, utf8 } from '../bytes.ts';
import type { KeyStreamName } from '../primitives.ts';

/** FIPS 180-4, the example of one block. */
export const HASH = {
  message: utf8('abc'),
  digest: hexBytes('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'),
};

/** RFC 8032, 7.1, test 2. */
export const SIGNATURE = {
  seed: hexBytes('4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb'),
  publicKey: hexBytes('3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c'),
  message: Uint8Array.of(0x72),
  signature: hexBytes(
    '92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da' +
      '085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00',
  ),
};

/** RFC 7748, 5.2; `product` is the first step of its iteration, of the base point and itself. */
export const AGREEMENT = {
  secret: hexBytes('a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4'),
  publicKey: hexBytes('e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c'),
  shared: hexBytes('c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552'),
  base: Uint8Array.from({ length: 32 }, (_, i) => (i === 0 ? 9 : 0)),
  product: hexBytes('422c8e7a6227d7bca1350b3e2bb7279f7897b87bb6854b783c60e80311ae3079'),
};

/** RFC 5869, A.1. */
export const DERIVATION = {
  secret: new Uint8Array(22).fill(0x0b),
  salt: Uint8Array.from({ length: 13 }, (_, i) => i),
  info: Uint8Array.from({ length: 10 }, (_, i) => 0xf0 + i),
  output: hexBytes('3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865'),
};

/** draft-irtf-cfrg-xchacha-03, A.3.1. */
export const SEALING = {
  plaintext: utf8(
    "Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen would be it.",
  ),
  seal: {
    key: Uint8Array.from({ length: 32 }, (_, i) => 0x80 + i),
    nonce: Uint8Array.from({ length: 24 }, (_, i) => 0x40 + i),
    associated: hexBytes('50515253c0c1c2c3c4c5c6c7'),
  },
  sealed: hexBytes(
    'bd6d179d3e83d43b9576579493c0e939572a1700252bfaccbed2902c21396cbb' +
      '731c7f1b0b4aa6440bf3a82f4eda7e39ae64c6708c54c216cb96b72e1213b452' +
      '2f8c9ba40db5d945b11b69b982c1bb9e3f3fac2bc369488f76b2383565d3fff9' +
      '21f9664c97637da9768812f615c68b13b52ec0875924c1c7987947deafd8780a' +
      'cf49',
  ),
};

export interface KnownStream {
  /** The first bytes under the key of 32 zeros. */
  readonly begins: Uint8Array;
  /** Hashes of the first bytes under the key 00 01 .. 1f, by their number: a few past what may be a part. */
  readonly hashes: readonly (readonly [length: number, sha256: Uint8Array])[];
}

export const COUNTING_KEY = Uint8Array.from({ length: 32 }, (_, i) => i);

export const KEY_STREAMS: Readonly<Record<KeyStreamName, KnownStream>> = {
  'aes-256-ctr': {
    begins: hexBytes('dc95c078a2408989ad48a21492842087'), // AESAVS: the zero block under the zero key
    hashes: [
      [65, hexBytes('9db69d4115197d04aacc6392f04a4dcc29b68ac417e8fddd7209908c90925357')],
      [4101, hexBytes('00a7baf81a9acd9d00b663b85a4ad92a83aa09ff5b82b2830bf69ff58f57c531')],
      [65_541, hexBytes('253c0ee9760be7f1301d238a2581945192b7650c855bcc9f94493ebe34d2cc2f')],
      [262_149, hexBytes('895686e71915a5eb1e0fd5b39155cb86a362dc27cd34f4825bea61b6db5c60e4')],
      [16_777_221, hexBytes('ea7044d9c58f6474a9f1e4230acf912eafd13a003c257ee4dbe0bd74feda3fc3')],
    ],
  },
  chacha20: {
    begins: hexBytes('76b8e0ada0f13d90405d6ae55386bd28bdd219b8a08ded1aa836efcc8b770dc7'), // RFC 8439, A.1, 1
    hashes: [
      [65, hexBytes('00a4633512b41f877f62a4b085580517bb2d1c17045495d4ee1057814068e6c6')],
      [4101, hexBytes('b1a17218b7a910fe75286df8d6ebeedbce8f13f79eb3bf69bf235bf2a3b9ce95')],
      [65_541, hexBytes('f1cb22935e3c829a24a4ebc4be5dc8535acd005822c8c2adfa275290b874f04c')],
      [262_149, hexBytes('97794090d880090557cbfb737817498298f26c278a722648d39960b012f1719b')],
      [16_777_221, hexBytes('54a5ba53330bf7fd37e3f6bf843f8a78dd6f486e1d92afedee81378102a64085')],
    ],
  },
};
