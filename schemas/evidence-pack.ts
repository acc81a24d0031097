/**
 * What an evidence pack holds: the entries of one job and of the members of its federation, each with the proof that it is in the
 * log, and all that the proofs are verified with. SPEC.md 13.10.
 */
import { type Static, Type } from 'typebox';
import { JobId } from './ids.ts';

const closed = { additionalProperties: false } as const;
const Base64 = Type.String({ pattern: '^[A-Za-z0-9+/]*={0,2}$' });

export const PackedEntry = Type.Object(
  {
    /** In the log. */
    index: Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER }),
    bytes: Base64,
    /** Of inclusion in the log of the checkpoint; from the leaf up. */
    proof: Type.Array(Base64, { maxItems: 63 }),
  },
  closed,
);
export type PackedEntry = Static<typeof PackedEntry>;

export const EvidencePack = Type.Object(
  {
    version: Type.Literal(1),
    jobId: JobId,
    /** As `formatVerifierKey` writes it. */
    key: Type.String({ maxLength: 1000 }),
    /** As `formatWitnessPolicy` writes it. */
    policy: Type.String({ maxLength: 1 << 20 }),
    /** A note. */
    checkpoint: Type.String({ maxLength: 1 << 20 }),
    /** Of the job, in its canonical form; null where it is not kept. */
    manifest: Type.Union([Base64, Type.Null()]),
    /** In their order: those of the job, and of who was admitted to the federation. */
    entries: Type.Array(PackedEntry),
  },
  closed,
);
export type EvidencePack = Static<typeof EvidencePack>;
