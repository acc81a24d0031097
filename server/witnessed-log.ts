/**
 * What the witnesses of a log have cosigned last, with the policy that counted them: beside the log, for whoever exports it.
 * SPEC.md 13.13.
 *
 *     audit.witnessed   JSON
 */
import { type Static, Type } from 'typebox';
import { utf8 } from '../protocol/bytes.ts';
import { parseJson } from '../protocol/parse.ts';
import { HanseError, isProblem } from '../protocol/problem.ts';
import type { DataDir } from './data-dir.ts';

export const WITNESSED_FILE = 'audit.witnessed';

const WitnessedNote = Type.Object(
  {
    /** A note with the cosignatures of a quorum. */
    checkpoint: Type.String(),
    /** By which it is one: C2SP tlog-policy. */
    policy: Type.String(),
  },
  { additionalProperties: false },
);
export type WitnessedNote = Static<typeof WitnessedNote>;

export interface WitnessedLog {
  /** Undefined before there was a quorum. */
  read(): WitnessedNote | undefined;
  /** Durable when it returns. */
  write(witnessed: WitnessedNote): void;
}

/** Both throw storageFull, storageFailed; reading also storageCorrupt. */
export function witnessedFile(dataDir: Pick<DataDir, 'readPrivateFile' | 'writePrivateFile'>): WitnessedLog {
  return {
    read() {
      const bytes = dataDir.readPrivateFile(WITNESSED_FILE);
      return bytes && parseWitnessed(bytes);
    },
    write: (witnessed) => dataDir.writePrivateFile(WITNESSED_FILE, utf8(JSON.stringify(witnessed))),
  };
}

/** @throws storageCorrupt */
export function parseWitnessed(bytes: Uint8Array): WitnessedNote {
  try {
    return parseJson(WitnessedNote, new TextDecoder().decode(bytes), WITNESSED_FILE);
  } catch (error) {
    if (!isProblem(error)) throw error;
    const reason = 'it was not written like this';
    throw new HanseError('storageCorrupt', { path: WITNESSED_FILE, reason }, { cause: error });
  }
}
