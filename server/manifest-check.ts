/**
 * Whether a manifest can be carried out: the checks of `manifest-terms.ts`, and that all it names is stored. SPEC.md
 * section 6.2.
 */
import { checkManifestTerms } from '../protocol/manifest-terms.ts';
import { HanseError, isProblem } from '../protocol/problem.ts';
import type { VectorHeader } from '../protocol/vector.ts';
import { isStatistic, type JobManifest } from '../schemas/job.ts';
import type { BlobStore } from './store/blob-store.ts';
import { headerOf, isUpdate } from './stored-vector.ts';

/**
 * @param manifest attacker-controlled, of its schema
 * @throws `manifestInvalid`, `ringOverflow`, `blobUnknown`
 */
export async function checkManifest(
  manifest: JobManifest,
  federationId: string,
  blobs: BlobStore,
): Promise<void> {
  checkManifestTerms(manifest, federationId);
  if (!isStatistic(manifest)) await requireStored(manifest.graph.forward, blobs);
  await requireStored(manifest.initialModel, blobs);
  const header = await initialModelHeader(manifest.initialModel, blobs);
  if (header.kind !== 'parameters' || header.length !== manifest.parameters)
    throw invalid('initialModel', `it holds ${header.length} values, not ${manifest.parameters} parameters`);
}

/**
 * What a manifest names can be fetched by every member, and updates must not be: as far as manifests go there are
 * none. To refuse them in any other way would tell whoever guesses at an update whether the guess was right.
 */
async function requireStored(sha256: string, blobs: BlobStore): Promise<void> {
  if (!(await blobs.has(sha256)) || (await isUpdate(sha256, blobs)))
    throw new HanseError('blobUnknown', { sha256 });
}

async function initialModelHeader(sha256: string, blobs: BlobStore): Promise<VectorHeader> {
  try {
    return await headerOf(sha256, blobs);
  } catch (error) {
    if (!isProblem(error, 'updateMalformed') && !isProblem(error, 'invalidLength')) throw error;
    throw invalid('initialModel', `it is no vector of parameters: ${error.message}`);
  }
}

function invalid(where: string, reason: string): HanseError<'manifestInvalid'> {
  return new HanseError('manifestInvalid', { where, reason });
}
