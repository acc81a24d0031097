/**
 * The entries of one job out of a log and those that say who could take part, each with its proof: what an evidence pack shows.
 * Nothing is verified here. SPEC.md 13.10.
 */
import type { AuditEvent } from '../../schemas/audit-event.ts';
import type { EvidencePack, PackedEntry } from '../../schemas/evidence-pack.ts';
import type { JobId } from '../../schemas/ids.ts';
import { toBase64 } from '../bytes.ts';
import { HanseError, isProblem } from '../problem.ts';
import { parseCheckpoint } from './checkpoint.ts';
import { decodeBundle } from './entry-bundle.ts';
import type { ExportSource } from './export-source.ts';
import { decodeLeaf, typeOf } from './leaf.ts';
import { TILE_WIDTH, tileAt } from './tile.ts';
import { inclusionProofOf } from './tile-tree.ts';

/** Of the federation: who speaks, and who was admitted. */
const OF_FEDERATION =
  /^(federation\.created|member\.(enrolled|requested|approved|revoked)|organisation\.revoked)$/;

/** @throws jobUnknown for a job of which the log has nothing; noteMalformed, checkpointMalformed; what the source throws */
export async function packJob(
  source: Pick<ExportSource, 'checkpoint' | 'verifierKey' | 'policy' | 'tile' | 'manifest'>,
  jobId: JobId,
): Promise<EvidencePack> {
  const checkpoint = await source.checkpoint();
  const { size } = parseCheckpoint(checkpoint);
  const found: Omit<PackedEntry, 'proof'>[] = [];
  let isThere = false;
  for (let from = 0; from < size; from += TILE_WIDTH) {
    const tile = tileAt('entries', from, size);
    for (const [at, bytes] of decodeBundle(await source.tile(tile), tile.width).entries()) {
      const event = eventOf(bytes);
      const isOfJob = (event?.data as { jobId?: unknown } | undefined)?.jobId === jobId;
      isThere ||= isOfJob;
      if (isOfJob || (event && OF_FEDERATION.test(typeOf(event))))
        found.push({ index: from + at, bytes: toBase64(bytes) });
    }
  }
  if (!isThere) throw new HanseError('jobUnknown', { jobId });
  const entries: PackedEntry[] = [];
  for (const entry of found) {
    const proof = await inclusionProofOf((tile) => source.tile(tile), entry.index, size);
    entries.push({ ...entry, proof: proof.map(toBase64) });
  }
  const [key, policy] = [await source.verifierKey(), await source.policy()];
  const manifest = await source.manifest(jobId);
  return {
    ...{ version: 1, jobId, key, policy, checkpoint },
    manifest: manifest ? toBase64(manifest) : null,
    entries,
  };
}

/** Undefined for an entry that was tampered with: it is not known to be of the job. */
function eventOf(bytes: Uint8Array): AuditEvent | undefined {
  try {
    return decodeLeaf(bytes);
  } catch (error) {
    if (isProblem(error, 'leafMalformed')) return undefined;
    throw error;
  }
}
