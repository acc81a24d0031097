/**
 * What proves that a log has signed two histories, in a file beside the identity of the node that was shown both:
 * `identity.json.evidence`. Anybody who has the key of the log can check it, so it is kept for good. SPEC.md 13.13. Node only.
 */
import { type Static, Type } from 'typebox';
import { HanseError } from '../protocol/problem.ts';
import { readPrivately, unlessMissing, writePrivately } from './private-file.ts';

const EvidenceFile = Type.Object(
  {
    version: Type.Literal(1),
    /** Signed notes, at least two each; the oldest first. */
    evidence: Type.Array(Type.Array(Type.String())),
  },
  { additionalProperties: false },
);
type EvidenceFile = Static<typeof EvidenceFile>;

export interface EvidenceStore {
  /** Resolves once it is durable; the same evidence is kept once. */
  keep(evidence: readonly string[]): Promise<void>;
}

/** Keeping throws `storageCorrupt` for a file that was not written like this, `storageFull`, `storageFailed`. */
export function evidenceFile(identityFile: string): EvidenceStore {
  const file = `${identityFile}.evidence`;
  const unusable = (reason: string, cause?: unknown) =>
    new HanseError('storageCorrupt', { path: file, reason }, { cause });
  return {
    async keep(evidence) {
      const stored = await readPrivately(EvidenceFile, file, 'evidence', unusable).catch(unlessMissing);
      const known = stored?.evidence ?? [];
      if (known.some((one) => JSON.stringify(one) === JSON.stringify(evidence))) return;
      const next: EvidenceFile = { version: 1, evidence: [...known, [...evidence]] };
      await writePrivately(file, next, unusable);
    },
  };
}
