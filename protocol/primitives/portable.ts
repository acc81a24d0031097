/**
 * Primitives on @noble, which run wherever JavaScript does. SPEC.md section 2.3.
 *
 * The other implementations fall back to it, and are tested against it. It is slow at what is done in bulk - a twentieth of
 * AES in OpenSSL, a hundredth of its key agreements - and JavaScript promises no constant time, which its authors say too.
 */
import { ctr } from '@noble/ciphers/aes.js';
import { chacha20, xchacha20poly1305 } from '@noble/ciphers/chacha.js';
import { ed25519, x25519 } from '@noble/curves/ed25519.js';
import { hkdf } from '@noble/hashes/hkdf.js';
import { sha256 } from '@noble/hashes/sha2.js';
import type { KeyStreamCandidate, KeyStreamName, Primitives } from '../primitives.ts';
import { HanseError } from '../problem.ts';
import { requireLength } from './require-length.ts';

/** Of a key stream at a time: a multiple of the blocks of both generators. */
const PART_BYTES = 4096;

export const portable: Omit<Primitives, 'random'> = {
  sha256: async (data) => sha256(data),
  signer: async (seed) => {
    const secret = requireLength('Ed25519 seed', seed, 32).slice();
    return {
      publicKey: ed25519.getPublicKey(secret),
      sign: async (message) => ed25519.sign(message, secret),
    };
  },
  verify: async (signature, message, publicKey) => {
    if (signature.length !== 64 || publicKey.length !== 32) return false;
    try {
      return ed25519.verify(signature, message, publicKey, { zip215: false });
    } catch {
      return false; // not a point of the curve, or one of small order
    }
  },
  agreement: async (secret) => {
    const own = requireLength('X25519 secret', secret, 32).slice();
    return {
      publicKey: x25519.getPublicKey(own),
      with: async (publicKey) => {
        requireLength('X25519 key', publicKey, 32);
        try {
          return x25519.getSharedSecret(own, publicKey);
        } catch {
          throw new HanseError('keyLowOrder');
        }
      },
    };
  },
  hkdf: async (secret, salt, info, length) => hkdf(sha256, secret, salt, info, length),
  seal: async (plaintext, { key, nonce, associated }) =>
    xchacha20poly1305(key, nonce, associated).encrypt(plaintext),
  open: async (sealed, { key, nonce, associated }) => {
    try {
      return xchacha20poly1305(key, nonce, associated).decrypt(sealed);
    } catch {
      return undefined;
    }
  },
  keyStream: async (name, key, length, take) => {
    requireLength('key of a key stream', key, 32);
    for (let offset = 0; offset < length; offset += PART_BYTES)
      take(partOf(name, key, offset, Math.min(PART_BYTES, length - offset)), offset);
  },
};

export const portableKeyStreams: readonly KeyStreamCandidate[] = (['aes-256-ctr', 'chacha20'] as const).map(
  (name) => ({
    name,
    implementation: '@noble',
    partBytes: PART_BYTES,
    keyStream: (key, length, take) => portable.keyStream(name, key, length, take),
  }),
);

function partOf(name: KeyStreamName, key: Uint8Array, offset: number, length: number): Uint8Array {
  const zeros = new Uint8Array(length);
  switch (name) {
    case 'aes-256-ctr': {
      const counter = new Uint8Array(16);
      new DataView(counter.buffer).setBigUint64(8, BigInt(offset / 16));
      return ctr(key, counter).encrypt(zeros);
    }
    case 'chacha20':
      return chacha20(key, new Uint8Array(12), zeros, undefined, offset / 64);
    default:
      name satisfies never;
      throw new Error('unreachable');
  }
}
