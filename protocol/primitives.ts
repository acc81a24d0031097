/**
 * The cryptography that Hanse uses, as an interface. SPEC.md section 2.3.
 *
 * Two implementations: `primitives/node.ts` on `node:crypto` and `primitives/web.ts` on WebCrypto, with @noble/curves
 * where a browser lacks Ed25519. Code imports `#primitives` and gets the one for its platform. Everything returns a
 * promise because WebCrypto does; the reducers stay synchronous and receive results as events.
 */
import type { RandomSource } from './random.ts';

/** Signs with an Ed25519 key (RFC 8032) that it does not give away. */
export interface Signer {
  /** 32 bytes. */
  readonly publicKey: Uint8Array;
  /** 64 bytes. */
  sign(message: Uint8Array): Promise<Uint8Array>;
}

export interface Primitives {
  /** 32 bytes. */
  sha256(data: Uint8Array): Promise<Uint8Array>;
  /** The key pair of this 32-byte secret seed (RFC 8032, 5.1.5). */
  signer(seed: Uint8Array): Promise<Signer>;
  /**
   * False for a wrong signature, for a key or signature of wrong form, and for a key of small order. Strict as in
   * RFC 8032; implementations may differ on a signature that no honest signer makes.
   */
  verify(signature: Uint8Array, message: Uint8Array, publicKey: Uint8Array): Promise<boolean>;
  /** The CSPRNG of the platform. Node expands large requests by AES-256-CTR under a fresh key from it, for speed. */
  readonly random: RandomSource;
}
