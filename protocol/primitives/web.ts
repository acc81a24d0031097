/**
 * Primitives on WebCrypto, with @noble/curves for Ed25519 where the browser does not have it. SPEC.md section 2.3.
 * One of the files of `protocol/` that may touch the platform; see `primitives.ts`.
 */
import { ed25519 } from '@noble/curves/ed25519.js';
import type { Primitives, Signer } from '../primitives.ts';
import { HanseError } from '../problem.ts';

/** `getRandomValues` gives at most this many bytes a call. */
const QUOTA = 65_536;

export const primitives: Primitives = {
  sha256: async (data) => new Uint8Array(await crypto.subtle.digest('SHA-256', data as BufferSource)),
  signer: async (seed) => nobleSigner(seed),
  verify: async (signature, message, publicKey) => {
    if (signature.length !== 64 || publicKey.length !== 32) return false;
    try {
      return ed25519.verify(signature, message, publicKey, { zip215: false });
    } catch {
      return false; // not a point of the curve, or one of small order
    }
  },
  random: {
    fill(target) {
      for (let offset = 0; offset < target.length; offset += QUOTA)
        crypto.getRandomValues(
          target.subarray(offset, Math.min(offset + QUOTA, target.length)) as Uint8Array<ArrayBuffer>,
        );
    },
  },
};

function nobleSigner(seed: Uint8Array): Signer {
  if (seed.length !== 32)
    throw new HanseError('invalidLength', { what: 'Ed25519 seed', expected: 32, got: seed.length });
  const secret = seed.slice();
  return {
    publicKey: ed25519.getPublicKey(secret),
    sign: async (message) => ed25519.sign(message, secret),
  };
}
