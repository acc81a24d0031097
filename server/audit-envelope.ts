/**
 * The envelope of an entry of the audit log, the same for events of the store, notes, and what follows from events: CloudEvents 1.0,
 * SPEC.md 13.5.
 */
import type { AuditEvent, AuditType } from '../schemas/audit-event.ts';

export interface Enveloped {
  /** The stream, and the place there. */
  readonly id: string;
  readonly type: AuditType;
  /** `urn:hanse:...` */
  readonly subject?: string | undefined;
  /** RFC 3339. */
  readonly time: string;
  /** Not checked here. Where JSON.stringify is to give the canonical form, its members are in that order. */
  readonly data: object;
}

/** @param coordinatorKey hex */
export function auditEnvelope(coordinatorKey: string, entry: Enveloped): AuditEvent {
  // In the order of the canonical form: JSON.stringify gives that.
  return {
    data: entry.data,
    datacontenttype: 'application/json',
    id: entry.id,
    source: `urn:hanse:coordinator:${coordinatorKey}`,
    specversion: '1.0',
    subject: entry.subject as string, // where it is undefined, no form of the event has it
    time: entry.time,
    type: `hanse.${entry.type}`,
  };
}
