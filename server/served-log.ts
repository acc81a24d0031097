/** An audit log as a coordinator serves it: SPEC.md 13.9. */
import type { VerifierKey } from '../protocol/audit/verifier-key.ts';
import type { AuditLog } from './audit-log.ts';

export interface ServedLog extends Pick<AuditLog, 'note' | 'size' | 'rootAt' | 'tile'> {
  readonly key: VerifierKey;
}
