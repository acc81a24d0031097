/**
 * Where an exported folder of a log comes from: the data directory of its coordinator, or whoever serves the log. SPEC.md 13.6.
 */
import type { JobId, Sha256 } from '../../schemas/ids.ts';
import type { SaltedField } from './salted-field.ts';
import type { Tile } from './tile.ts';

/** What is kept beside an entry of this index. */
export interface SaltedFieldAt extends SaltedField {
  readonly index: number;
}

export interface ExportSource {
  /** The newest one, as a note, with the cosignatures there are. Asked for once, before anything else. */
  checkpoint(): Promise<string>;
  /** Of the log, as `formatVerifierKey` writes it. */
  verifierKey(): Promise<string>;
  /** As `formatWitnessPolicy` writes it. */
  policy(): Promise<string>;
  /** As wide as it says, of a log that is at least as long as the checkpoint. */
  tile(tile: Tile): Promise<Uint8Array>;
  /** JCS of the manifest of a job; undefined where the job is not known. */
  manifest(jobId: JobId): Promise<Uint8Array | undefined>;
  /** Throws blobUnknown with its first piece where it is gone, storageCorrupt with its last where it is damaged. */
  content(sha256: Sha256): AsyncIterable<Uint8Array>;
  /** Those of the first `size` entries that were not erased, in the order of their entries. */
  saltedFields(size: number): AsyncIterable<SaltedFieldAt>;
}
