/**
 * On whose noise a sum can count. SPEC.md 12.3.
 */
import type { JobManifest } from '../../schemas/job.ts';
import { type SecureTerms, survivorsMinimum } from '../secagg/descriptor.ts';

/** uMin - cMax, or 1 where sums are plain. */
export function countedParties(manifest: SecureTerms & Pick<JobManifest, 'aggregation'>): number {
  if (manifest.aggregation === 'plain') return 1;
  return Math.max(1, survivorsMinimum(manifest) - (manifest.secureAggregation?.colluders ?? 0));
}
