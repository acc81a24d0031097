/**
 * The cryptography that Hanse uses, as an interface. SPEC.md section 2.3.
 *
 * Three implementations: `primitives/node.ts` on `node:crypto`, `primitives/web.ts` on WebCrypto, and
 * `primitives/portable.ts` on @noble, which the others fall back to and are tested against. Code imports `#primitives`
 * and gets the one for its platform. Everything returns a promise because WebCrypto does; the reducers stay synchronous
 * and receive results as events. What masks are made with is chosen by `secagg/self-test.ts`, from `candidates` of the
 * same modules.
 */
import type { RandomSource } from './random.ts';

/** Signs with an Ed25519 key (RFC 8032) that it does not give away. */
export interface Signer {
  /** 32 bytes. */
  readonly publicKey: Uint8Array;
  /** 64 bytes. */
  sign(message: Uint8Array): Promise<Uint8Array>;
}

/** The generators that masks are made of: AES-256 in counter mode (NIST SP 800-38A) and ChaCha20 (RFC 8439). */
export type KeyStreamName = 'aes-256-ctr' | 'chacha20';

/** Is given the key stream from a byte on, in an array that may be overwritten once the function has returned. */
export type TakeKeyStream = (bytes: Uint8Array, offset: number) => void;

/** XChaCha20-Poly1305, draft-irtf-cfrg-xchacha-03: how something is sealed, and to what it belongs. */
export interface Seal {
  /** 32 bytes. */
  readonly key: Uint8Array;
  /** 24 bytes, never used twice under one key. */
  readonly nonce: Uint8Array;
  /** Not part of what is sealed; has to be the same to open it. */
  readonly associated: Uint8Array;
}

/** X25519 (RFC 7748, 5) with a secret that it does not give away. */
export interface Agreement {
  /** Of the secret and the base point: 32 bytes. */
  readonly publicKey: Uint8Array;
  /**
   * 32 bytes that both sides know, and that only a KDF should see.
   * @param publicKey of the other side, 32 bytes
   * @throws invalidLength; keyLowOrder where the result is zero, which a key of small order makes it (RFC 7748, 6.1)
   */
  with(publicKey: Uint8Array): Promise<Uint8Array>;
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
  /**
   * X25519 of this secret. Reading a secret takes platforms ten times as long as agreeing with it, so that it is read once
   * for its public key and for all agreements. It may be overwritten when the promise has resolved.
   * @param secret 32 bytes, any
   * @throws invalidLength
   */
  agreement(secret: Uint8Array): Promise<Agreement>;
  /** HKDF with SHA-256 (RFC 5869). @param length of the output, at most 8160 bytes */
  hkdf(secret: Uint8Array, salt: Uint8Array, info: Uint8Array, length: number): Promise<Uint8Array>;
  /** What was sealed, and 16 bytes more. */
  seal(plaintext: Uint8Array, seal: Seal): Promise<Uint8Array>;
  /** Undefined for what was not sealed so, or altered, or cut. */
  open(sealed: Uint8Array, seal: Seal): Promise<Uint8Array | undefined>;
  /**
   * The key stream under a key that is used for nothing else, from counter and nonce zero, in as many parts as are fast
   * here: every part but the last has a multiple of 4 bytes.
   * @param key 32 bytes @param length in bytes, at most 2^36
   */
  keyStream(name: KeyStreamName, key: Uint8Array, length: number, take: TakeKeyStream): Promise<void>;
  /** The CSPRNG of the platform. */
  readonly random: RandomSource;
}

/** One way to a key stream, of several that a platform may have. */
export interface KeyStreamCandidate {
  readonly name: KeyStreamName;
  /** Whose code it is, for people: `node:crypto`. */
  readonly implementation: string;
  /** Of the parts in which it gives the stream; the last may be shorter. */
  readonly partBytes: number;
  /** As `keyStream` of `Primitives`. */
  keyStream(key: Uint8Array, length: number, take: TakeKeyStream): Promise<void>;
}

/** What a platform has, for a self-test to choose from. */
export interface Candidates {
  /** Whose code the primitives are, where they are not those of @noble. */
  readonly implementation: string;
  readonly primitives: Primitives;
  /** In the order of preference at equal speeds; those of @noble are among them. */
  keyStreams(): readonly KeyStreamCandidate[];
}
