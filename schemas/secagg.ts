/**
 * What a job says about secure aggregation, and those of its messages that are JSON. SPEC.md section 11.7.
 *
 * M0 descriptor, M1 advertisement, M2 roster, M6 survivors, M7 consent, M8 certificate, M10 record. M3, M4, M5 and M9 are
 * bytes: they are in `protocol/secagg/`.
 */
import { type Static, Type } from 'typebox';
import {
  Attempt,
  FederationId,
  JobId,
  NodeId,
  PublicKey,
  Round,
  Sha256,
  Signature,
  Timestamp,
} from './ids.ts';

const closed = { additionalProperties: false } as const;

/** 1: masks by AES-256 in counter mode; 2: by ChaCha20. All else is the same. SPEC.md 11.13. */
export const SuiteId = Type.Union([Type.Literal(1), Type.Literal(2)]);
export type SuiteId = Static<typeof SuiteId>;

/** X25519 public key of one attempt. */
const AgreementKey = Type.String({ pattern: '^[0-9a-f]{64}$' });
const Nonce = Type.String({ pattern: '^[0-9a-f]{64}$' });
/** A bit for each of the roster, lowest first, in whole bytes, as hex. */
const Members = Type.String({ pattern: '^(?:[0-9a-f]{2}){1,1250}$' });

/** What a job says about the secure aggregation of its rounds. */
export const SecureAggregation = Type.Object(
  {
    suite: SuiteId,
    /** cMax: participants that may work with the coordinator without harm to the others. */
    colluders: Type.Integer({ minimum: 0, maximum: 10_000 }),
    /** For each of the small messages: keys, shares, consents, answers. */
    answerSeconds: Type.Number({ exclusiveMinimum: 0, maximum: 604_800 }),
  },
  closed,
);
export type SecureAggregation = Static<typeof SecureAggregation>;

/** The phases of an attempt in which participants send something, in order. */
export const SecurePhase = Type.Union([
  Type.Literal('advertising'),
  Type.Literal('sharing'),
  Type.Literal('collecting'),
  Type.Literal('consenting'),
  Type.Literal('unmasking'),
]);
export type SecurePhase = Static<typeof SecurePhase>;

/** M0: all that is fixed before anybody has sent anything. */
export const RoundDescriptor = Type.Object(
  {
    version: Type.Literal(1),
    federationId: FederationId,
    coordinatorKey: PublicKey,
    jobId: JobId,
    manifestSha256: Sha256,
    round: Round,
    attempt: Attempt,
    /** That the round starts from. */
    model: Sha256,
    suite: SuiteId,
    /** d and b. */
    parameters: Type.Integer({ minimum: 1, maximum: 500_000_000 }),
    width: Type.Integer({ minimum: 16, maximum: 32 }),
    /** C of the round, where clipping is adaptive. */
    clipNorm: Type.Optional(Type.Number({ exclusiveMinimum: 0 })),
    /** nMin and nMax: participants in the roster. */
    rosterMinimum: Type.Integer({ minimum: 3, maximum: 10_000 }),
    rosterMaximum: Type.Integer({ minimum: 3, maximum: 10_000 }),
    /** k: to how many others each participant gives shares; null: to all. */
    degree: Type.Union([Type.Integer({ minimum: 2, maximum: 254 }), Type.Null()]),
    /** t: shares that open a secret. */
    threshold: Type.Integer({ minimum: 2, maximum: 10_000 }),
    /** uMin: updates in the sum, at least. */
    survivorsMinimum: Type.Integer({ minimum: 2, maximum: 10_000 }),
    /** cMax. */
    colluders: Type.Integer({ minimum: 0, maximum: 10_000 }),
    deadlines: Type.Object(
      {
        advertising: Timestamp,
        sharing: Timestamp,
        collecting: Timestamp,
        consenting: Timestamp,
        unmasking: Timestamp,
      },
      closed,
    ),
    nonce: Nonce,
  },
  closed,
);
export type RoundDescriptor = Static<typeof RoundDescriptor>;

/** By the key of the coordinator. */
export const SignedDescriptor = Type.Object({ descriptor: RoundDescriptor, signature: Signature }, closed);
export type SignedDescriptor = Static<typeof SignedDescriptor>;

/** M1: the keys of one participant for this attempt, signed with the key of its identity. */
export const Advertisement = Type.Object(
  {
    nodeId: NodeId,
    publicKey: PublicKey,
    /** For the channel in which shares travel. */
    channelKey: AgreementKey,
    /** For the masks that pairs share. */
    maskKey: AgreementKey,
    nonce: Nonce,
    signature: Signature,
  },
  closed,
);
export type Advertisement = Static<typeof Advertisement>;

/** M2: whose keys came in time, in ascending order of node id, signed by the coordinator. */
export const Roster = Type.Object(
  { members: Type.Array(Advertisement, { maxItems: 10_000 }), signature: Signature },
  closed,
);
export type Roster = Static<typeof Roster>;

/** M6: whose update is in the sum, and the proof that the update of whoever is told is among them as it was sent. */
export const Survivors = Type.Object(
  { members: Members, root: Sha256, proof: Type.Array(Sha256, { maxItems: 14 }) },
  closed,
);
export type Survivors = Static<typeof Survivors>;

/** M7: whoever sends it has seen these survivors, and will answer for no others. */
export const Consent = Type.Object({ signature: Signature }, closed);
export type Consent = Static<typeof Consent>;

/** M8: consents of participants to one and the same set of survivors. */
export const Certificate = Type.Object(
  {
    consents: Type.Array(Type.Object({ nodeId: NodeId, signature: Signature }, closed), { maxItems: 10_000 }),
  },
  closed,
);
export type Certificate = Static<typeof Certificate>;

/**
 * M10: everything by which whoever holds the masked updates can make the sum again. It opens no update: of each
 * participant it holds either the seed of its own mask or the key of those with others, never both.
 */
export const RoundRecord = Type.Object(
  {
    version: Type.Literal(1),
    descriptor: SignedDescriptor,
    roster: Roster,
    /** U2: whose shares were delivered. */
    delivered: Members,
    /** U3. */
    survivors: Members,
    /** Of the updates of the survivors, in the order of the roster. */
    updates: Type.Array(Type.Object({ sha256: Sha256, signature: Signature }, closed), { maxItems: 10_000 }),
    root: Sha256,
    certificate: Certificate,
    /** Where not everybody gave shares to all: for each of the delivered, in order, to whom it gave; null: to all. */
    chosen: Type.Optional(Type.Array(Type.Union([Members, Type.Null()]), { maxItems: 10_000 })),
    /**
     * For each of the delivered, in order: the seed of a survivor's own mask, or the mask secret of one who dropped out. None
     * where the coordinator has added noise.
     */
    revealed: Type.Array(Type.String({ pattern: '^[0-9a-f]{64}$' }), { maxItems: 10_000 }),
    /** Of the opened sum, as it is stored: 11.11. */
    sum: Sha256,
    /** What followed from it. */
    nextModel: Sha256,
    strategyState: Type.Union([Sha256, Type.Null()]),
  },
  closed,
);
export type RoundRecord = Static<typeof RoundRecord>;

/** M10 with the signature of the coordinator. */
export const SignedRecord = Type.Object({ record: RoundRecord, signature: Signature }, closed);
export type SignedRecord = Static<typeof SignedRecord>;
