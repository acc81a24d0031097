/**
 * Whether a manifest can be carried out: the checks of `manifest-terms.ts`, and that all it names is stored. SPEC.md
 * section 6.2.
 */
import { checkManifestTerms } from '../protocol/manifest-terms.ts';
import { HanseError, isProblem } from '../protocol/problem.ts';
import type { VectorHeader } from '../protocol/vector.ts';
import type { Sha256 } from '../schemas/ids.ts';
import { isStatistic, type JobManifest } from '../schemas/job.ts';
import type { BlobStore } from './store/blob-store.ts';
import { headerOf, isUpdate } from './stored-vector.ts';

/**
 * @param manifest attacker-controlled, of its schema
 * @param mayName whether its author may name this content; absent: all
 * @throws `manifestInvalid`, `ringOverflow`, `blobUnknown`
 */
export async function checkManifest(
  manifest: JobManifest,
  federationId: string,
  blobs: BlobStore,
  mayName: (sha256: Sha256) => boolean = () => true,
): Promise<void> {
  checkManifestTerms(manifest, federationId);
  const named = [...(isStatistic(manifest) ? [] : [manifest.graph.forward]), manifest.initialModel];
  for (const sha256 of named) {
    // To its author there is no such content: the hash may be from the log.
    if (!mayName(sha256)) throw new HanseError('blobUnknown', { sha256 });
    await requireStored(sha256, blobs);
  }
  const header = await initialModelHeader(manifest.initialModel, blobs);
  if (header.kind !== 'parameters' || header.length !== manifest.parameters)
    throw invalid('initialModel', `it holds ${header.length} values, not ${manifest.parameters} parameters`);
}

/**
 * What a manifest names can be fetched by whoever sees the job, and updates must not be: as far as manifests go there are
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
