/**
 * What a coordinator and the nodes that witness its audit log tell each other. SPEC.md 13.13.
 */
import { type Static, Type } from 'typebox';
import { PRINTABLE } from './ids.ts';

const closed = { additionalProperties: false } as const;

/** A checkpoint with the signature of its log alone: a few hundred bytes, whatever its origin is called. */
const Checkpoint = Type.String({ minLength: 1, maxLength: 4096 });

/** What a node is asked to cosign. */
export const WitnessCall = Type.Object(
  {
    /** Whether the policy of the coordinator counts on this node. */
    isWitness: Type.Boolean(),
    /** A signed note; absent: there is none that this node has not cosigned. */
    checkpoint: Type.Optional(Checkpoint),
  },
  closed,
);
export type WitnessCall = Static<typeof WitnessCall>;

export const WitnessCosignature = Type.Object(
  {
    /** One line of a signed note, without its line end. */
    line: Type.String({ minLength: 1, maxLength: 1024, pattern: PRINTABLE }),
  },
  closed,
);
export type WitnessCosignature = Static<typeof WitnessCosignature>;

/** A signed note in base64: its lines are no text of one line. */
const EncodedNote = Type.String({ pattern: '^[A-Za-z0-9+/]{4,8192}={0,2}$' });

/** Two checkpoints of the log, both signed by it, of which the second does not go on from the first. */
export const WitnessEvidence = Type.Object(
  { evidence: Type.Array(EncodedNote, { minItems: 2, maxItems: 2 }) },
  closed,
);
export type WitnessEvidence = Static<typeof WitnessEvidence>;
