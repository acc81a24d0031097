/**
 * The manifest of a job as whoever audits it reads it: bytes of a hash that the log names, which nothing else is known of.
 * SPEC.md 13.8.
 */
import { JobManifest } from '../../schemas/job.ts';
import { equalBytes, utf8 } from '../bytes.ts';
import { canonicalJson } from '../canonical.ts';
import { checkManifestTerms } from '../manifest-terms.ts';
import { parseJson } from '../parse.ts';
import { HanseError } from '../problem.ts';

export const MANIFEST_BYTES_MAX = 1 << 20;

/** @param bytes attacker-controlled @throws invalidFormat, manifestInvalid, and what `checkManifestTerms` throws */
export function readManifest(bytes: Uint8Array, federationId: string): JobManifest {
  const manifest = parseJson(JobManifest, new TextDecoder().decode(bytes), 'manifest');
  if (!equalBytes(utf8(canonicalJson(manifest)), bytes))
    throw new HanseError('manifestInvalid', { where: 'manifest', reason: 'it is not in its canonical form' });
  checkManifestTerms(manifest, federationId);
  return manifest;
}
