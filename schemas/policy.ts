/**
 * The policies of a coordinator: as they are proposed, approved and adopted, and as they are told. SPEC.md 4.10.
 */
import { type Static, Type } from 'typebox';
import { NodeId, PRINTABLE, Sha256, Timestamp } from './ids.ts';

const closed = { additionalProperties: false } as const;

/** Cedar. */
export const PolicyText = Type.String({ maxLength: 262_144 });
/** Of the policies that a coordinator begins with it is 0. */
export const PolicyVersion = Type.Integer({ minimum: 1, maximum: 1_000_000 });
/** Why, for whoever looks at it later. */
export const PolicyNote = Type.String({ minLength: 1, maxLength: 200, pattern: PRINTABLE });

export const PoliciesProposed = Type.Object(
  {
    type: Type.Literal('policiesProposed'),
    version: PolicyVersion,
    text: PolicyText,
    sha256: Sha256,
    note: PolicyNote,
    by: NodeId,
  },
  closed,
);
export const PoliciesApproved = Type.Object(
  { type: Type.Literal('policiesApproved'), version: PolicyVersion, by: NodeId },
  closed,
);
export const PoliciesWithdrawn = Type.Object(
  { type: Type.Literal('policiesWithdrawn'), version: PolicyVersion, by: NodeId },
  closed,
);
/** Written together with what it is the consequence of. */
export const PoliciesAdopted = Type.Object(
  {
    type: Type.Literal('policiesAdopted'),
    version: PolicyVersion,
    /** Hashes of the texts. */
    before: Sha256,
    after: Sha256,
    /** By policy; lines of one that is gone begin with `-`, of one that is new with `+`. */
    diff: Type.String({ maxLength: 16_384 }),
    /** Who has proposed it, then who has approved it. */
    by: Type.Array(NodeId, { minItems: 1, maxItems: 16 }),
  },
  closed,
);

export const PolicyEvent = Type.Union([
  PoliciesProposed,
  PoliciesApproved,
  PoliciesWithdrawn,
  PoliciesAdopted,
]);
export type PolicyEvent = Static<typeof PolicyEvent>;

export const PolicyProposal = Type.Object(
  {
    text: PolicyText,
    note: PolicyNote,
    /** The version in force, which it is to take the place of. */
    after: Type.Integer({ minimum: 0, maximum: 1_000_000 }),
  },
  closed,
);
export type PolicyProposal = Static<typeof PolicyProposal>;

export const PolicyState = Type.Union([
  Type.Literal('waiting'),
  Type.Literal('inForce'),
  Type.Literal('replaced'),
  Type.Literal('withdrawn'),
]);

/** What is told of a version; of version 0, which the coordinator comes with, only what it is. */
export const PolicyLine = Type.Object(
  {
    version: Type.Integer({ minimum: 0, maximum: 1_000_000 }),
    state: PolicyState,
    sha256: Sha256,
    note: Type.String({ maxLength: 200 }),
    /** Who has proposed it, then who has approved it. */
    by: Type.Array(NodeId),
    proposedAt: Type.Union([Timestamp, Type.Null()]),
    /** When it came into force. */
    adoptedAt: Type.Union([Timestamp, Type.Null()]),
  },
  closed,
);
export type PolicyLine = Static<typeof PolicyLine>;

export const Policies = Type.Object(
  {
    /** In force. */
    version: Type.Integer({ minimum: 0, maximum: 1_000_000 }),
    sha256: Sha256,
    text: PolicyText,
    /** How many operators have to want a change, the one who proposes it among them. */
    approvals: Type.Integer({ minimum: 1, maximum: 16 }),
    /** Newest first. */
    history: Type.Array(PolicyLine),
  },
  closed,
);
export type Policies = Static<typeof Policies>;

export const PolicyDetail = Type.Object(
  {
    ...PolicyLine.properties,
    text: PolicyText,
    /** From the version that it is to take, or has taken, the place of. */
    diff: Type.String({ maxLength: 16_384 }),
  },
  closed,
);
export type PolicyDetail = Static<typeof PolicyDetail>;
