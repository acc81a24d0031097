/**
 * What proves that a node is one of its organisation. SPEC.md sections 4.6 and 4.7.
 */
import { type Static, Type } from 'typebox';
import { NodeId, PublicKey, Signature } from './ids.ts';

const closed = { additionalProperties: false } as const;

/** The organisation says that a key is the key of a node of its own. SPEC.md 4.6. */
export const Admission = Type.Object({ organisationKey: PublicKey, signature: Signature }, closed);
export type Admission = Static<typeof Admission>;

/** A node says that another key takes the place of its own: each key signs the same. SPEC.md 4.7. */
export const KeySuccession = Type.Object({ from: NodeId, byOld: Signature, byNew: Signature }, closed);
export type KeySuccession = Static<typeof KeySuccession>;

/** Why anybody should believe that a node is one of its organisation: a signature that no coordinator can make. */
export const NodeProof = Type.Union([
  Type.Object({ type: Type.Literal('admission'), signature: Signature }, closed),
  Type.Object({ type: Type.Literal('succession'), ...KeySuccession.properties }, closed),
]);
export type NodeProof = Static<typeof NodeProof>;
