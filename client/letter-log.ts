/**
 * Which letters this node has dealt with, until they expire, in a file beside its identity: `identity.json.letters`.
 * SPEC.md section 4.9. Without it a coordinator could hand out the same letter again and again.
 */
import { type Static, Type } from 'typebox';
import { HanseError } from '../protocol/problem.ts';
import { Timestamp } from '../schemas/ids.ts';
import { LetterId } from '../schemas/letter.ts';
import { readPrivately, unlessMissing, writePrivately } from './private-file.ts';

const closed = { additionalProperties: false } as const;

const DealtWith = Type.Object({ letterId: LetterId, expiresAt: Timestamp }, closed);
export type DealtWith = Static<typeof DealtWith>;

const LetterFile = Type.Object({ version: Type.Literal(1), dealtWith: Type.Array(DealtWith) }, closed);

/** Where it is kept. */
export interface LetterLog {
  read(): Promise<readonly DealtWith[]>;
  /** It is durable once this resolves. */
  write(dealtWith: readonly DealtWith[]): Promise<void>;
}

/**
 * Reading throws `storageCorrupt` for a file that was not written like this, writing also `storageFull` and
 * `storageFailed`.
 */
export function letterFile(identityFile: string): LetterLog {
  const file = `${identityFile}.letters`;
  const unusable = (reason: string, cause?: unknown) =>
    new HanseError('storageCorrupt', { path: file, reason }, { cause });
  return {
    read: async () => {
      const stored = await readPrivately(LetterFile, file, 'a list of letters', unusable).catch(
        unlessMissing,
      );
      return stored?.dealtWith ?? [];
    },
    write: (dealtWith) => writePrivately(file, { version: 1, dealtWith }, unusable),
  };
}
