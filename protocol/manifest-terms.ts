/**
 * Whether a manifest can be carried out, as far as it tells by itself: checks that a schema cannot express. SPEC.md section 6.2.
 */
import type { JobManifest } from '../schemas/job.ts';
import { checkPrivacy } from './dp/check-privacy.ts';
import { HanseError } from './problem.ts';
import { checkCodec } from './ring/width.ts';
import { checkSecureTerms } from './secagg/descriptor.ts';

/**
 * @param manifest attacker-controlled, of its schema
 * @throws `manifestInvalid`, `ringOverflow`; what `checkPrivacy` throws
 */
export function checkManifestTerms(manifest: JobManifest, federationId: string): void {
  const { cohort, codec, weighting, aggregation, secureAggregation } = manifest;
  if (manifest.federationId !== federationId)
    throw invalid('federationId', `this coordinator serves ${federationId}`);
  if (cohort.minimum > cohort.size) throw invalid('cohort.minimum', 'it is larger than the cohort');
  if (weighting === 'uniform' && codec.weightMax !== 1)
    throw invalid('codec.weightMax', 'it must be 1 where all updates count alike');
  if ((aggregation === 'secure') !== (secureAggregation !== undefined))
    throw invalid('secureAggregation', 'it is there where aggregation is secure, and only there');
  if (aggregation === 'secure') checkSecureTerms(manifest);
  checkPrivacy(manifest);
  checkCodec(codec, cohort.size);
}

function invalid(where: string, reason: string): HanseError<'manifestInvalid'> {
  return new HanseError('manifestInvalid', { where, reason });
}
