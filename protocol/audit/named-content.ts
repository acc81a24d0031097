/**
 * What entries of the log name by its hash, and where it is found: the manifest of a job, with the model it begins with; the model
 * of a round, and where aggregation is secure its sum and its record, which names masked updates and the state of the strategy.
 * SPEC.md 13.6. Updates that are not masked are nobody's but the coordinator's: none is named here.
 */
import type { AuditData, AuditEvent } from '../../schemas/audit-event.ts';
import type { JobId, Sha256 } from '../../schemas/ids.ts';
import type { SignedRecord } from '../../schemas/secagg.ts';
import { typeOf } from './leaf.ts';

/** Any bytes are characters in it. */
const LATIN1 = new TextDecoder('latin1');
/** As the canonical form has the types of entries that name content. */
const NAMING = ['"type":"hanse.job.created"', '"type":"hanse.round.aggregated"'];

export type NamedContent =
  | { readonly of: 'job'; readonly jobId: JobId; readonly manifest: Sha256 }
  | {
      readonly of: 'round';
      readonly jobId: JobId;
      /** Models, sums. */
      readonly contents: readonly Sha256[];
      readonly record: Sha256 | undefined;
    };

/** False for most entries that name nothing, at a hundredth of what it takes to decode them. */
export function mayNameContent(entry: Uint8Array): boolean {
  const text = LATIN1.decode(entry);
  return NAMING.some((type) => text.includes(type));
}

/** Undefined for an entry that names nothing. @param event as `decodeLeaf` gives it */
export function contentNamedBy(event: AuditEvent): NamedContent | undefined {
  const type = typeOf(event);
  if (type === 'job.created') {
    const { jobId, manifestSha256 } = event.data as AuditData<'job.created'>;
    return { of: 'job', jobId, manifest: manifestSha256 };
  }
  if (type !== 'round.aggregated') return undefined;
  const { jobId, model, record, sum } = event.data as AuditData<'round.aggregated'>;
  return { of: 'round', jobId, contents: sum === undefined ? [model] : [model, sum], record };
}

export function contentNamedByRecord({ record }: SignedRecord): readonly Sha256[] {
  const updates = record.updates.map(({ sha256 }) => sha256);
  return record.strategyState === null ? updates : [record.strategyState, ...updates];
}
