/**
 * Primitives on WebCrypto, with those of @noble where a browser lacks one: Ed25519 and X25519 in older ones, XChaCha20 and
 * ChaCha20 in all - the latter from a kernel of our own where it runs. SPEC.md section 2.3.
 * One of the files of `protocol/` that may touch the platform; see `primitives.ts`.
 */
import type { Candidates, KeyStreamCandidate, Primitives } from '../primitives.ts';
import { HanseError } from '../problem.ts';
import { chacha20Kernel, KERNEL_PART_BYTES } from './chacha20-kernel.ts';
import { portable, portableKeyStreams } from './portable.ts';
import { requireLength } from './require-length.ts';

/** `getRandomValues` gives at most this many bytes a call. */
const QUOTA = 65_536;
/** Of a key stream in one call: many small ones cost ten times as much. */
const MASK_BYTES = 1 << 24;
/** PKCS #8 wrapping of a raw X25519 secret (RFC 8410). */
const PKCS8_PREFIX = [0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x6e, 4, 0x22, 4, 0x20];

const X25519 = { name: 'X25519' };
/** u of it (RFC 7748, 4.1). */
const BASE_POINT = Uint8Array.from({ length: 32 }, (_, i) => (i === 0 ? 9 : 0));

export const primitives: Primitives = {
  ...portable,
  sha256: async (data) => new Uint8Array(await crypto.subtle.digest('SHA-256', data as BufferSource)),
  agreement: async (secret) => {
    requireLength('X25519 secret', secret, 32);
    if (!(await hasX25519())) return portable.agreement(secret);
    const pkcs8 = Uint8Array.of(...PKCS8_PREFIX, ...secret);
    const key = await crypto.subtle.importKey('pkcs8', pkcs8, X25519, false, ['deriveBits']);
    pkcs8.fill(0);
    const agree = async (publicKey: Uint8Array) => {
      requireLength('X25519 key', publicKey, 32);
      const peer = await crypto.subtle.importKey('raw', publicKey as BufferSource, X25519, false, []);
      try {
        return new Uint8Array(await crypto.subtle.deriveBits({ ...X25519, public: peer }, key, 256));
      } catch {
        throw new HanseError('keyLowOrder'); // WebCrypto gives no zero away
      }
    };
    return { publicKey: await agree(BASE_POINT), with: agree };
  },
  hkdf: async (secret, salt, info, length) => {
    const key = await crypto.subtle.importKey('raw', secret as BufferSource, 'HKDF', false, ['deriveBits']);
    const how = { name: 'HKDF', hash: 'SHA-256', salt: salt as BufferSource, info: info as BufferSource };
    return new Uint8Array(await crypto.subtle.deriveBits(how, key, 8 * length));
  },
  keyStream: async (name, key, length, take) => {
    if (name === 'chacha20') {
      const own = chacha20();
      return own ? own(key, length, take) : portable.keyStream(name, key, length, take);
    }
    requireLength('key of a key stream', key, 32);
    const imported = await crypto.subtle.importKey('raw', key as BufferSource, 'AES-CTR', false, ['encrypt']);
    const zeros = new Uint8Array(Math.min(MASK_BYTES, length));
    for (let offset = 0; offset < length; offset += MASK_BYTES) {
      const counter = new Uint8Array(16);
      new DataView(counter.buffer).setBigUint64(8, BigInt(offset / 16));
      const part = zeros.subarray(0, Math.min(MASK_BYTES, length - offset));
      take(
        new Uint8Array(await crypto.subtle.encrypt({ name: 'AES-CTR', counter, length: 64 }, imported, part)),
        offset,
      );
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

export const candidates: Candidates = {
  implementation: 'WebCrypto',
  primitives,
  keyStreams: () => {
    const aes: KeyStreamCandidate = {
      ...{ name: 'aes-256-ctr', implementation: 'WebCrypto', partBytes: MASK_BYTES },
      keyStream: (key, length, take) => primitives.keyStream('aes-256-ctr', key, length, take),
    };
    const keyStream = chacha20();
    if (!keyStream) return [aes, ...portableKeyStreams];
    const how = { implementation: 'WebAssembly', partBytes: KERNEL_PART_BYTES, keyStream };
    return [aes, { name: 'chacha20', ...how }, ...portableKeyStreams];
  },
};

let kernel: { readonly made: ReturnType<typeof chacha20Kernel> } | undefined;

/** Made when it is first asked for. */
function chacha20(): ReturnType<typeof chacha20Kernel> {
  kernel ??= { made: chacha20Kernel() };
  return kernel.made;
}

let x25519: Promise<boolean> | undefined;

/** Asked once: a browser does not learn it. */
function hasX25519(): Promise<boolean> {
  x25519 ??= crypto.subtle.generateKey(X25519, false, ['deriveBits']).then(
    () => true,
    () => false,
  );
  return x25519;
}
