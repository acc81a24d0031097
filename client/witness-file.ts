/**
 * What a node has cosigned last of the log of its coordinator, and the key of that log, in a file beside its identity:
 * `identity.json.witness`. SPEC.md 13.13. Whoever can put it back to an older state makes the node cosign another past: mode 600,
 * replaced as a whole, durable before a cosignature leaves.
 */
import { type Static, Type } from 'typebox';
import { parseCheckpoint } from '../protocol/audit/checkpoint.ts';
import type { Witnessed } from '../protocol/audit/witness.ts';
import { HanseError, isProblem } from '../protocol/problem.ts';
import { FederationId } from '../schemas/ids.ts';
import { readPrivately, unlessMissing, writePrivately } from './private-file.ts';

const WitnessState = Type.Object(
  {
    version: Type.Literal(1),
    federationId: FederationId,
    /** As `formatVerifierKey` writes it. */
    logKey: Type.String({ minLength: 1, maxLength: 1024 }),
    /** A note. */
    checkpoint: Type.String({ maxLength: 1 << 20 }),
  },
  { additionalProperties: false },
);
type WitnessState = Static<typeof WitnessState>;

export interface Remembered {
  /** Of the log, as it was the first time. */
  readonly logKey: string;
  readonly last: Witnessed;
}

export interface WitnessMemory {
  /** Undefined before anything was cosigned, and where that was of another federation. */
  read(): Promise<Remembered | undefined>;
  /** Resolves once it is durable. */
  write(remembered: Remembered): Promise<void>;
}

/** Reading throws `identityUnreadable` for a file that was not written like this, writing also `storageFull`, `storageFailed`. */
export function witnessFile(identityFile: string, federationId: string): WitnessMemory {
  const file = `${identityFile}.witness`;
  const unusable = (reason: string, cause?: unknown) =>
    new HanseError('identityUnreadable', { file, reason }, { cause });
  return {
    async read() {
      const state = await readPrivately(WitnessState, file, 'a cosigned checkpoint', unusable).catch(
        unlessMissing,
      );
      if (state?.federationId !== federationId) return undefined;
      const { logKey, checkpoint } = state;
      try {
        const { size, root } = parseCheckpoint(checkpoint);
        return { logKey, last: { size, root, checkpoint } };
      } catch (error) {
        throw isProblem(error) ? unusable(error.message, error) : error;
      }
    },
    write: ({ logKey, last }) =>
      writePrivately(
        file,
        { version: 1, federationId, logKey, checkpoint: last.checkpoint } satisfies WitnessState,
        unusable,
      ),
  };
}
