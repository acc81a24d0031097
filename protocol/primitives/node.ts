/**
 * Primitives on `node:crypto`. SPEC.md section 2.3.
 * One of the files of `protocol/` that may touch the platform; see `primitives.ts`.
 */
import {
  createCipheriv,
  createHash,
  createPrivateKey,
  createPublicKey,
  type KeyObject,
  randomFillSync,
  sign,
  verify,
} from 'node:crypto';
import type { Primitives, Signer } from '../primitives.ts';
import { HanseError } from '../problem.ts';
import { isStrictKey } from './strict-key.ts';

/** PKCS #8 and SPKI wrappings of a raw Ed25519 key (RFC 8410). */
const PKCS8_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex');
const SPKI_PREFIX = Buffer.from('302a300506032b6570032100', 'hex');

/** Requests of at least this many bytes are expanded by AES-CTR, which is several times faster than the CSPRNG. */
const EXPANSION_THRESHOLD = 4096;

export const primitives: Primitives = {
  sha256: async (data) => new Uint8Array(createHash('sha256').update(data).digest()),
  signer: async (seed) => nodeSigner(seed),
  verify: async (signature, message, publicKey) => {
    if (signature.length !== 64 || publicKey.length !== 32 || !isStrictKey(publicKey)) return false;
    return verify(null, message, importPublicKey(publicKey), signature);
  },
  random: {
    fill(target) {
      if (target.length < EXPANSION_THRESHOLD) {
        randomFillSync(target);
        return;
      }
      const key = new Uint8Array(48);
      randomFillSync(key);
      const cipher = createCipheriv('aes-256-ctr', key.subarray(0, 32), key.subarray(32));
      key.fill(0);
      const chunk = Math.min(target.length, ZEROS.length);
      for (let offset = 0; offset < target.length; offset += chunk)
        target.set(cipher.update(ZEROS.subarray(0, Math.min(chunk, target.length - offset))), offset);
    },
  },
};

const ZEROS = new Uint8Array(1 << 20);

function nodeSigner(seed: Uint8Array): Signer {
  if (seed.length !== 32)
    throw new HanseError('invalidLength', { what: 'Ed25519 seed', expected: 32, got: seed.length });
  const key = createPrivateKey({ key: Buffer.concat([PKCS8_PREFIX, seed]), format: 'der', type: 'pkcs8' });
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
