/**
 * The file in which a node, researcher or operator keeps its identity, and the one in which its key waits to be
 * enrolled. SPEC.md section 4.5. Both hold a secret key.
 */
import { type Static, Type } from 'typebox';
import { FederationId, NodeId, OrganisationId, PublicKey } from './ids.ts';
import { DisplayName, Role } from './member.ts';

/** Ed25519 secret, 32 bytes in hex. */
export const Seed = Type.String({ pattern: '^[0-9a-f]{64}$' });

const closed = { additionalProperties: false } as const;

/** A seed under a passphrase: scrypt (RFC 7914), then AES-256-GCM. All in hex. SPEC.md section 4.5. */
export const SealedSeed = Type.Object(
  {
    kdf: Type.Literal('scrypt'),
    /** Bounded on both sides: cheap is guessed, and dear is a file that makes its reader run out of memory. */
    n: Type.Union([Type.Literal(131_072), Type.Literal(262_144)]),
    r: Type.Literal(8),
    p: Type.Literal(1),
    salt: Type.String({ pattern: '^[0-9a-f]{32}$' }),
    nonce: Type.String({ pattern: '^[0-9a-f]{24}$' }),
    /** Of 32 bytes, with its tag of 16. */
    ciphertext: Type.String({ pattern: '^[0-9a-f]{96}$' }),
  },
  closed,
);
export type SealedSeed = Static<typeof SealedSeed>;

/** A secret key as it lies in a file: in the clear, or under a passphrase. */
const plainKey = { version: Type.Literal(1), seed: Seed } as const;
const sealedKey = { version: Type.Literal(2), publicKey: PublicKey, sealedSeed: SealedSeed } as const;
export const StoredKey = Type.Union([Type.Object(plainKey, closed), Type.Object(sealedKey, closed)]);
export type StoredKey = Static<typeof StoredKey>;

/** Who a member is, apart from its key. */
export const membership = {
  /** Origin of the coordinator. */
  server: Type.String({ pattern: '^https?://[^/]+$' }),
  federationId: FederationId,
  coordinatorKey: PublicKey,
  nodeId: NodeId,
  organisationId: OrganisationId,
  role: Role,
  name: DisplayName,
} as const;

const member = {
  ...membership,
  /** Operator: origin at which others reach the coordinator, if it is another; invite links name it. */
  publicServer: Type.Optional(Type.String({ pattern: '^https?://[^/]+$' })),
  /** Certificates in PEM, trusted in place of the authorities of the machine. */
  ca: Type.Optional(Type.String({ minLength: 1, maxLength: 1_048_576 })),
  /** Name in the certificate of the coordinator, if it is not the host of `server`. */
  tlsName: Type.Optional(Type.String({ minLength: 1, maxLength: 253 })),
} as const;

export const IdentityFile = Type.Union([
  Type.Object({ ...plainKey, ...member }, closed),
  Type.Object({ ...sealedKey, ...member }, closed),
]);
export type IdentityFile = Static<typeof IdentityFile>;

/** Made before an invite is used, so that no answer can be lost together with the key that it is about. */
const waiting = { federationId: FederationId, coordinatorKey: PublicKey } as const;
export const PendingKeyFile = Type.Union([
  Type.Object({ ...plainKey, ...waiting }, closed),
  Type.Object({ ...sealedKey, ...waiting }, closed),
]);
export type PendingKeyFile = Static<typeof PendingKeyFile>;
