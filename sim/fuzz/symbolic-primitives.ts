/**
 * Primitives that cost next to nothing and say in symbols what the real ones say in numbers: equal inputs give equal
 * outputs, different inputs different ones, and what was altered does not open or verify. For schedules of faults, which
 * ask whether keys, masks and shares fit together, and not how hard they are to guess. SPEC.md section 2.3.
 *
 * Nothing here is secret: whoever knows a public key can sign, agree and read in its name. Everything is SHA-256 over
 * labelled parts, because in Node nothing that spreads as well is faster; `sha256` itself is the real one, since bodies are
 * told apart by it everywhere.
 */
import { createHash } from 'node:crypto';
import { equalBytes } from '../../protocol/bytes.ts';
import type { Primitives, Signer } from '../../protocol/primitives.ts';
import { HanseError } from '../../protocol/problem.ts';
import type { RandomSource } from '../../protocol/random.ts';

const TAG_BYTES = 16;

/** @param random in place of the CSPRNG */
export function symbolicPrimitives(random: RandomSource): Primitives {
  return {
    sha256: async (data) => new Uint8Array(createHash('sha256').update(data).digest()),
    signer: async (seed) => symbolicSigner(symbol('identity', seed)),
    verify: async (signature, message, publicKey) => equalBytes(signature, signatureOf(publicKey, message)),
    agreement: async (secret) => {
      const own = symbol('agreement key', secret);
      return {
        publicKey: own,
        with: async (publicKey) => {
          if (publicKey.every((byte) => byte === 0)) throw new HanseError('keyLowOrder');
          const isFirst = Buffer.compare(own, publicKey) < 0;
          return symbol('agreement', ...(isFirst ? [own, publicKey] : [publicKey, own]));
        },
      };
    },
    hkdf: async (secret, salt, info, length) => stretched(length, 'hkdf', secret, salt, info),
    seal: async (plaintext, { key, nonce, associated }) => {
      const sealed = new Uint8Array(plaintext.length + TAG_BYTES);
      sealed.set(mixed(plaintext, key, nonce));
      sealed.set(tagOf(plaintext, key, nonce, associated), plaintext.length);
      return sealed;
    },
    open: async (sealed, { key, nonce, associated }) => {
      if (sealed.length < TAG_BYTES) return undefined;
      const end = sealed.length - TAG_BYTES;
      const plaintext = mixed(sealed.subarray(0, end), key, nonce);
      const isWhole = equalBytes(sealed.subarray(end), tagOf(plaintext, key, nonce, associated));
      return isWhole ? plaintext : undefined;
    },
    keyStream: async (name, key, length, take) => take(stretched(length, name, key), 0),
    random,
  };
}

/** Signs in the name of this public key, whoever made it. @param publicKey 32 bytes */
export function symbolicSigner(publicKey: Uint8Array): Signer {
  return { publicKey, sign: async (message) => signatureOf(publicKey, message) };
}

function signatureOf(publicKey: Uint8Array, message: Uint8Array): Uint8Array {
  return stretched(64, 'signature', publicKey, message);
}

function mixed(bytes: Uint8Array, key: Uint8Array, nonce: Uint8Array): Uint8Array {
  const stream = stretched(bytes.length, 'seal', key, nonce);
  return bytes.map((byte, i) => byte ^ (stream[i] as number));
}

function tagOf(plaintext: Uint8Array, key: Uint8Array, nonce: Uint8Array, associated: Uint8Array) {
  return symbol('tag', key, nonce, associated, plaintext).subarray(0, TAG_BYTES);
}

/** 32 bytes that no other label and parts have. */
function symbol(label: string, ...parts: readonly Uint8Array[]): Uint8Array {
  const hash = createHash('sha256').update(`${label}\0${parts.map(({ length }) => length).join()}\0`);
  for (const part of parts) hash.update(part);
  return new Uint8Array(hash.digest());
}

/** As many bytes as wanted; fewer are the beginning of more. */
function stretched(length: number, label: string, ...parts: readonly Uint8Array[]): Uint8Array {
  const root = symbol(label, ...parts);
  if (length <= root.length) return root.slice(0, length);
  const bytes = new Uint8Array(length);
  bytes.set(root);
  for (let offset = root.length; offset < length; offset += root.length)
    bytes.set(symbol(`${offset}`, root).subarray(0, length - offset), offset);
  return bytes;
}
