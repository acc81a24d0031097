/**
 * Primitives on `node:crypto`. SPEC.md section 2.3.
 * One of the files of `protocol/` that may touch the platform; see `primitives.ts`.
 */
import {
  createCipheriv,
  createHash,
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  hkdfSync,
  type KeyObject,
  randomFillSync,
  sign,
  verify,
} from 'node:crypto';
import type { Candidates, KeyStreamCandidate, KeyStreamName, Primitives, Signer } from '../primitives.ts';
import { HanseError } from '../problem.ts';
import { portable, portableKeyStreams } from './portable.ts';
import { requireLength } from './require-length.ts';
import { isStrictKey } from './strict-key.ts';

/** PKCS #8 and SPKI wrappings of raw Ed25519 and X25519 keys (RFC 8410). */
const PKCS8_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex');
const SPKI_PREFIX = Buffer.from('302a300506032b6570032100', 'hex');
const AGREEMENT_PKCS8_PREFIX = Buffer.from('302e020100300506032b656e04220420', 'hex');

export const primitives: Primitives = {
  sha256: async (data) => new Uint8Array(createHash('sha256').update(data).digest()),
  signer: async (seed) => nodeSigner(seed),
  verify: async (signature, message, publicKey) => {
    if (signature.length !== 64 || publicKey.length !== 32 || !isStrictKey(publicKey)) return false;
    return verify(null, message, importPublicKey(publicKey), signature);
  },
  agreement: async (secret) => {
    const privateKey = agreementSecret(secret);
    return {
      publicKey: publicKeyOf(privateKey),
      with: async (publicKey) => {
        requireLength('X25519 key', publicKey, 32);
        const x = Buffer.from(publicKey).toString('base64url');
        // Ten times faster than from DER; what it copies is public.
        const peer = createPublicKey({ key: { kty: 'OKP', crv: 'X25519', x }, format: 'jwk' });
        try {
          return new Uint8Array(diffieHellman({ privateKey, publicKey: peer }));
        } catch {
          throw new HanseError('keyLowOrder'); // OpenSSL gives no zero away
        }
      },
    };
  },
  hkdf: async (secret, salt, info, length) => new Uint8Array(hkdfSync('sha256', secret, salt, info, length)),
  // OpenSSL has no XChaCha20.
  seal: portable.seal,
  open: portable.open,
  keyStream: async (name, key, length, take) => {
    const cipher = createCipheriv(name, requireLength('key of a key stream', key, 32), new Uint8Array(16));
    for (let offset = 0; offset < length; offset += MASK_BYTES)
      take(cipher.update(ZEROS.subarray(0, Math.min(MASK_BYTES, length - offset))), offset);
  },
  random: {
    fill(target) {
      randomFillSync(target);
    },
  },
};

/** The kernel in WebAssembly is not among them: OpenSSL is faster by a fifth. */
export const candidates: Candidates = {
  implementation: 'node:crypto',
  primitives,
  keyStreams: () => [nativeKeyStream('aes-256-ctr'), nativeKeyStream('chacha20'), ...portableKeyStreams],
};

function nativeKeyStream(name: KeyStreamName): KeyStreamCandidate {
  return {
    ...{ name, implementation: 'node:crypto', partBytes: MASK_BYTES },
    keyStream: (key, length, take) => primitives.keyStream(name, key, length, take),
  };
}

const ZEROS = new Uint8Array(1 << 20);
/**
 * Of a key stream at a time: it is still in the cache when it is added. What is much longer costs twice as much, as memory for
 * it is asked of the system and given back each time; of what is shorter, each part costs as much as some of its bytes do
 * (measured from 8 KiB to 4 MiB; 64 and 128 KiB are alike).
 */
const MASK_BYTES = 1 << 16;

function agreementSecret(secret: Uint8Array): KeyObject {
  const key = Buffer.concat([AGREEMENT_PKCS8_PREFIX, requireLength('X25519 secret', secret, 32)]);
  try {
    return createPrivateKey({ key, format: 'der', type: 'pkcs8' });
  } finally {
    key.fill(0);
  }
}

/** Through a JWK, which takes a twentieth of the time that DER does. @param privateKey of X25519 */
function publicKeyOf(privateKey: KeyObject): Uint8Array {
  const { x = '' } = createPublicKey(privateKey).export({ format: 'jwk' });
  return new Uint8Array(Buffer.from(x, 'base64url'));
}

function nodeSigner(seed: Uint8Array): Signer {
  const pkcs8 = Buffer.concat([PKCS8_PREFIX, requireLength('Ed25519 seed', seed, 32)]);
  const key = createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' });
  const spki = createPublicKey(key).export({ format: 'der', type: 'spki' });
  return {
    publicKey: new Uint8Array(spki.subarray(SPKI_PREFIX.length)),
    sign: async (message) => new Uint8Array(sign(null, message, key)),
  };
}

/** Imported keys by their bytes in base64: the members of a federation ask again and again. */
const importedKeys = new Map<string, KeyObject>();
const IMPORTED_KEYS_KEPT = 4096;

function importPublicKey(publicKey: Uint8Array): KeyObject {
  const spki = Buffer.concat([SPKI_PREFIX, publicKey]);
  const name = spki.toString('base64', SPKI_PREFIX.length);
  const known = importedKeys.get(name);
  if (known) return known;
  const key = createPublicKey({ key: spki, format: 'der', type: 'spki' });
  if (importedKeys.size === IMPORTED_KEYS_KEPT) importedKeys.clear();
  importedKeys.set(name, key);
  return key;
}
