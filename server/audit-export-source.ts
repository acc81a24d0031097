/**
 * The log of a data directory as something to be exported. Everything is only read, so the coordinator may be running: the log
 * only grows, and what is below its checkpoint does not change.
 */
import { parseCheckpoint } from '../protocol/audit/checkpoint.ts';
import { encodeBundle } from '../protocol/audit/entry-bundle.ts';
import type { ExportSource } from '../protocol/audit/export-source.ts';
import { TILE_WIDTH, type Tile, tilePath } from '../protocol/audit/tile.ts';
import { HASH_BYTES } from '../protocol/audit/tile-tree.ts';
import { parseVerifierKey } from '../protocol/audit/verifier-key.ts';
import { formatWitnessPolicy, majorityPolicy } from '../protocol/audit/witness-policy.ts';
import { utf8 } from '../protocol/bytes.ts';
import { canonicalJson } from '../protocol/canonical.ts';
import { HanseError } from '../protocol/problem.ts';
import type { JobId } from '../schemas/ids.ts';
import { readRecords } from './read-records.ts';
import type { AuditFile } from './store/audit-file.ts';
import { fileBlobReader } from './store/file-blob-store.ts';
import type { Store } from './store/store.ts';

/** Entries whose salts are in memory at a time: that of a cohort may have ten thousand names. */
const SALTED_ENTRIES = 32;

/** An export source that is let go of. */
export interface OpenExportSource extends ExportSource {
  close(): Promise<void>;
}

export interface ExportSourceOptions {
  /** The newest checkpoint, though no quorum may have cosigned it; else the last one that has a quorum, where one has. */
  readonly newest?: boolean;
}

/** @param path of the data directory of a coordinator. Throws as `readRecords` */
export function openAuditExportSource(
  path: string,
  { newest = false }: ExportSourceOptions = {},
): OpenExportSource {
  const { store, log, verifierKey, witnessed, blobs, close } = readRecords(path);
  const isNewer = (note: string | undefined) =>
    newest &&
    note !== undefined &&
    witnessed &&
    parseCheckpoint(note).size > parseCheckpoint(witnessed.checkpoint).size;
  return {
    async checkpoint() {
      const last = log.lastCheckpoint();
      const note = isNewer(last) ? last : (witnessed?.checkpoint ?? last);
      if (note === undefined) throw corrupt(log, 'it has no checkpoint');
      return note;
    },
    verifierKey: async () => verifierKey,
    policy: async () =>
      witnessed?.policy ?? formatWitnessPolicy(majorityPolicy(await parseVerifierKey(verifierKey), [])),
    tile: async (tile) => readWhole(log, tile),
    manifest: (jobId) => manifestOf(store, jobId),
    content: (sha256) => fileBlobReader(blobs).stream(sha256),
    async *saltedFields(size) {
      for (let from = 0; from < size; from += SALTED_ENTRIES)
        for (const { place, ...field } of log.saltedFieldsFrom(from, Math.min(SALTED_ENTRIES, size - from)))
          yield { index: place, ...field };
    },
    close,
  };
}

/** @throws storageCorrupt where something of it is missing, or has another length than it can have */
function readWhole(log: AuditFile, tile: Tile): Uint8Array {
  const from = tile.index * TILE_WIDTH;
  try {
    if (tile.level === 'entries') {
      const entries = log.entries(from, tile.width);
      if (entries.length === tile.width) return encodeBundle(entries);
    } else {
      const hashes = log.hashes(tile.level, from, tile.width);
      if (hashes.length === tile.width * HASH_BYTES) return hashes;
    }
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
  }
  throw corrupt(log, `${tilePath(tile)} is not whole: hanse audit fsck tells what is missing`);
}

async function manifestOf(store: Store, jobId: JobId): Promise<Uint8Array | undefined> {
  const [created] = await store.read(`job/${jobId}`, 0, 1);
  if (created?.type !== 'jobCreated') return undefined;
  const { manifest } = (created.data ?? {}) as { readonly manifest?: unknown };
  return manifest === undefined ? undefined : utf8(canonicalJson(manifest));
}

function corrupt({ path }: AuditFile, reason: string): HanseError<'storageCorrupt'> {
  return new HanseError('storageCorrupt', { path, reason });
}
