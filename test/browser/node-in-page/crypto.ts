/**
 * As much of `node:crypto` as suites of the protocol use as an oracle, on @noble, for a page in which they run.
 */
import { ed25519 } from '@noble/curves/ed25519.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { PageBuffer } from './buffer.ts';

type Bytes = Uint8Array | string;

const bytesOf = (given: Bytes): Uint8Array => (typeof given === 'string' ? PageBuffer.from(given) : given);

export function createHash(name: 'sha256') {
  if (name !== 'sha256') throw new Error(`no ${name} here`);
  const hash = sha256.create();
  const hashing = {
    update(given: Bytes) {
      hash.update(bytesOf(given));
      return hashing;
    },
    digest(encoding?: 'hex' | 'base64') {
      const digest = PageBuffer.from(hash.digest());
      return encoding === undefined ? digest : digest.toString(encoding);
    },
  };
  return hashing;
}

/** The last 32 bytes of a key of RFC 8410 are its seed, or the public key. */
const KEY_BYTES = 32;

interface Key {
  readonly seed?: Uint8Array;
  readonly publicKey: Uint8Array;
  export(): Uint8Array;
}

function keyOf(publicKey: Uint8Array, seed?: Uint8Array): Key {
  const prefix = PageBuffer.from('302a300506032b6570032100', 'hex');
  return { ...(seed && { seed }), publicKey, export: () => PageBuffer.concat([prefix, publicKey]) };
}

export function createPrivateKey({ key }: { readonly key: Uint8Array }): Key {
  const seed = key.slice(-KEY_BYTES);
  return keyOf(ed25519.getPublicKey(seed), seed);
}

export function createPublicKey(given: { readonly key: Uint8Array } | Key): Key {
  return 'publicKey' in given ? keyOf(given.publicKey) : keyOf(given.key.slice(-KEY_BYTES));
}

export function sign(_: null, message: Uint8Array, { seed }: Key): PageBuffer {
  if (!seed) throw new Error('a public key signs nothing');
  return PageBuffer.from(ed25519.sign(message, seed));
}

export function verify(_: null, message: Uint8Array, { publicKey }: Key, signature: Uint8Array): boolean {
  return ed25519.verify(signature, message, publicKey);
}
