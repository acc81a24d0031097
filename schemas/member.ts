/**
 * Who takes part in a federation, and how a node becomes a member. SPEC.md section 4.
 */
import { type Static, Type } from 'typebox';
import { DataTerms } from './data-terms.ts';
import {
  DataSetVersion,
  FederationId,
  JobId,
  NodeId,
  OrganisationId,
  PRINTABLE,
  PublicKey,
  Signature,
  Timestamp,
} from './ids.ts';
import { Admission, KeySuccession } from './node-proof.ts';
import { LedgerReport } from './privacy-ledger.ts';
import { ProviderName } from './provider.ts';

const closed = { additionalProperties: false } as const;

/**
 * operator: administers the coordinator; researcher: proposes jobs; participant: trains on its own data;
 * evaluator: measures released models on a hold-out set; partner: looks after the nodes of its organisation;
 * auditor: sees everything that is told of, and changes nothing.
 */
export const Role = Type.Union([
  Type.Literal('operator'),
  Type.Literal('researcher'),
  Type.Literal('participant'),
  Type.Literal('evaluator'),
  Type.Literal('partner'),
  Type.Literal('auditor'),
]);
export type Role = Static<typeof Role>;

export const DisplayName = Type.String({ minLength: 1, maxLength: 80, pattern: PRINTABLE });

/** Up to eleven days. */
const Milliseconds = Type.Number({ exclusiveMinimum: 0, maximum: 1e9 });

/** What a node says it can do. The coordinator uses it to choose cohorts; nothing of it is trusted. */
export const Capabilities = Type.Object(
  {
    software: Type.String({ minLength: 1, maxLength: 40, pattern: PRINTABLE }),
    provider: ProviderName,
    providerReason: Type.String({ maxLength: 200, pattern: '^[^\\p{C}]*$' }),
    /** That a train step may take on this node. */
    memoryBytes: Type.Optional(Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER })),
    /** Measured time of one train step, job by job. */
    steps: Type.Optional(
      Type.Array(Type.Object({ jobId: JobId, milliseconds: Milliseconds }, closed), {
        maxItems: 16,
      }),
    ),
    /** Whether it cosigns checkpoints of the audit log. */
    witness: Type.Optional(Type.Boolean()),
    /** For the coordinator alone; absent: the node keeps none. */
    ledger: Type.Optional(LedgerReport),
    dataSets: Type.Array(
      Type.Object(
        {
          name: Type.String({ minLength: 1, maxLength: 80, pattern: PRINTABLE }),
          version: DataSetVersion,
          /** Told to operators alone; absent: its owner has declared none. */
          terms: Type.Optional(DataTerms),
          /** Shape of one example. */
          inputShape: Type.Array(Type.Integer({ minimum: 1, maximum: 1_000_000_000 }), { maxItems: 8 }),
        },
        closed,
      ),
      { maxItems: 64 },
    ),
  },
  closed,
);
export type Capabilities = Static<typeof Capabilities>;

export const Member = Type.Object(
  {
    nodeId: NodeId,
    organisationId: OrganisationId,
    name: DisplayName,
    role: Role,
    publicKey: PublicKey,
    enrolledAt: Timestamp,
    /** When another key has taken, or will have taken, its place. */
    validUntil: Type.Union([Timestamp, Type.Null()]),
    revokedAt: Type.Union([Timestamp, Type.Null()]),
    capabilities: Type.Union([Capabilities, Type.Null()]),
    /** True while the node asks for work. */
    live: Type.Boolean(),
  },
  closed,
);
export type Member = Static<typeof Member>;

export const FederationInfo = Type.Object(
  {
    federationId: FederationId,
    coordinatorKey: PublicKey,
    software: Type.String(),
    protocol: Type.Object({ min: Type.Integer(), max: Type.Integer() }, closed),
    /** Signature of the coordinator over the caller's challenge, federation id and key: SPEC.md 4.2. */
    signature: Signature,
  },
  closed,
);
export type FederationInfo = Static<typeof FederationInfo>;

export const InviteRequest = Type.Object(
  {
    role: Role,
    organisationId: OrganisationId,
    lifetimeSeconds: Type.Integer({ minimum: 1, maximum: 2_592_000 }),
    /** Whether the operator wants to see who uses it before they become a member; absent: no. */
    needsApproval: Type.Optional(Type.Boolean()),
  },
  closed,
);
export type InviteRequest = Static<typeof InviteRequest>;

/** The only message that holds the token; the coordinator keeps its hash alone. */
export const Invite = Type.Object(
  {
    token: Type.String({ pattern: '^[A-Za-z0-9_-]{43}$', description: '32 random bytes, base64url' }),
    role: Role,
    organisationId: OrganisationId,
    expiresAt: Timestamp,
  },
  closed,
);
export type Invite = Static<typeof Invite>;

/** Signed with the key it names: proof that the sender holds it. */
export const EnrolmentRequest = Type.Object(
  {
    token: Type.String({ pattern: '^[A-Za-z0-9_-]{43}$' }),
    publicKey: PublicKey,
    name: DisplayName,
    /** By the organisation of the invite, in the role of the invite. */
    admission: Admission,
  },
  closed,
);
export type EnrolmentRequest = Static<typeof EnrolmentRequest>;

export const Enrolment = Type.Object(
  { federationId: FederationId, nodeId: NodeId, organisationId: OrganisationId, role: Role },
  closed,
);
export type Enrolment = Static<typeof Enrolment>;

/** An enrolment that waits for the operator. */
export const WaitingEnrolment = Type.Object(
  {
    nodeId: NodeId,
    publicKey: PublicKey,
    name: DisplayName,
    role: Role,
    organisationId: OrganisationId,
    organisationKey: PublicKey,
    /** True if the organisation would be new to the federation. */
    isNewOrganisation: Type.Boolean(),
    requestedAt: Timestamp,
  },
  closed,
);
export type WaitingEnrolment = Static<typeof WaitingEnrolment>;

export const Revocation = Type.Object(
  { reason: Type.String({ minLength: 1, maxLength: 200, pattern: PRINTABLE }) },
  closed,
);
export type Revocation = Static<typeof Revocation>;

/** How many salted members of entries of the log tell no more that they are about the member. */
export const Forgotten = Type.Object({ erased: Type.Integer({ minimum: 0 }) }, closed);
export type Forgotten = Static<typeof Forgotten>;

/** Signed with the old key, as every request; the other key signs within. */
export const SuccessionRequest = Type.Object(
  {
    publicKey: PublicKey,
    byOld: KeySuccession.properties.byOld,
    byNew: KeySuccession.properties.byNew,
    /** How long the old key goes on being accepted. */
    overlapSeconds: Type.Integer({ minimum: 0, maximum: 2_592_000 }),
  },
  closed,
);
export type SuccessionRequest = Static<typeof SuccessionRequest>;

export const SuccessionReceipt = Type.Object({ nodeId: NodeId, oldKeyValidUntil: Timestamp }, closed);
export type SuccessionReceipt = Static<typeof SuccessionReceipt>;
