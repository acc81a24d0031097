/**
 * The signed directory: which organisations are in a federation, and which nodes are theirs. SPEC.md section 4.6.
 */
import { type Static, Type } from 'typebox';
import { FederationId, NodeId, OrganisationId, PublicKey, Sha256, Signature, Timestamp } from './ids.ts';
import { Role } from './member.ts';
import { NodeProof } from './node-proof.ts';

const closed = { additionalProperties: false } as const;

export const DirectoryNode = Type.Object(
  {
    nodeId: NodeId,
    publicKey: PublicKey,
    role: Role,
    proof: NodeProof,
    validFrom: Timestamp,
    /** When another key has taken, or will have taken, its place. */
    validUntil: Type.Union([Timestamp, Type.Null()]),
    revokedAt: Type.Union([Timestamp, Type.Null()]),
  },
  closed,
);
export type DirectoryNode = Static<typeof DirectoryNode>;

export const DirectoryOrganisation = Type.Object(
  {
    organisationId: OrganisationId,
    publicKey: PublicKey,
    addedAt: Timestamp,
    revokedAt: Type.Union([Timestamp, Type.Null()]),
    /** In the order in which they came. */
    nodes: Type.Array(DirectoryNode),
  },
  closed,
);
export type DirectoryOrganisation = Static<typeof DirectoryOrganisation>;

/** What the coordinator signs of a version. It names the version before it, and so all before that. */
export const DirectoryStatement = Type.Object(
  {
    federationId: FederationId,
    /** Counts from 1, without gaps. */
    version: Type.Integer({ minimum: 1, maximum: 1_000_000_000 }),
    /** Of the statement before it; null in version 1. */
    previousSha256: Type.Union([Sha256, Type.Null()]),
    organisationsSha256: Sha256,
    issuedAt: Timestamp,
  },
  closed,
);
export type DirectoryStatement = Static<typeof DirectoryStatement>;

export const DirectoryVersion = Type.Object({ statement: DirectoryStatement, signature: Signature }, closed);
export type DirectoryVersion = Static<typeof DirectoryVersion>;

export const Directory = Type.Object(
  {
    ...DirectoryVersion.properties,
    /** In the order in which they came. */
    organisations: Type.Array(DirectoryOrganisation),
  },
  closed,
);
export type Directory = Static<typeof Directory>;

/** The directory, and how it follows from the version that the caller knows. */
export const DirectoryAnswer = Type.Object(
  {
    directory: Directory,
    /** The versions between that of the caller and that of the directory, in order. */
    between: Type.Array(DirectoryVersion),
  },
  closed,
);
export type DirectoryAnswer = Static<typeof DirectoryAnswer>;
