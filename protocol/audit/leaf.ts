/**
 * Entries of the audit log as bytes: the canonical form (RFC 8785) of a CloudEvents envelope. One event has one form, so that who
 * has the event has the leaf.
 */
import { AUDIT_EVENTS, AUDIT_NOTES, AuditEvent, type AuditType } from '../../schemas/audit-event.ts';
import { utf8 } from '../bytes.ts';
import { canonicalJson, isCanonicalJson } from '../canonical.ts';
import { parse, parseJson } from '../parse.ts';
import { HanseError, isProblem } from '../problem.ts';
import { ENTRY_BYTES_MAX } from './entry-bundle.ts';

const PREFIX = 'hanse.';
/** One text for the same bytes, and none for others. */
const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** @throws invalidFormat for an event that is not one of `AUDIT_EVENTS`; RangeError for one above 65,535 bytes */
export function encodeLeaf(event: AuditEvent): Uint8Array {
  checkData(event);
  const bytes = utf8(canonicalJson(event));
  if (bytes.length > ENTRY_BYTES_MAX) throw new RangeError(`an event of ${bytes.length} bytes`);
  return bytes;
}

/**
 * @param bytes attacker-controlled
 * @throws leafMalformed for what is not the canonical form of an event of the catalogue
 */
export function decodeLeaf(bytes: Uint8Array): AuditEvent {
  try {
    const text = UTF8.decode(bytes);
    const event = parseJson(AuditEvent, text, 'entry');
    checkData(event);
    if (isCanonicalJson(text, event)) return event;
  } catch (error) {
    if (!isProblem(error, 'invalidFormat') && !(error instanceof TypeError)) throw error;
    const reason = isProblem(error, 'invalidFormat')
      ? `${error.detail.where} ${error.detail.expected}`
      : 'no UTF-8';
    throw new HanseError('leafMalformed', { reason });
  }
  throw new HanseError('leafMalformed', { reason: 'not in its canonical form' });
}

export function typeOf({ type }: AuditEvent): AuditType {
  const name = type.slice(PREFIX.length);
  if (!Object.hasOwn(AUDIT_EVENTS, name))
    throw new HanseError('invalidFormat', { where: 'entry type', expected: 'one of the catalogue' });
  return name as AuditType;
}

/** Whether it is no event of a store. */
export function isNote(event: AuditEvent): boolean {
  return Object.hasOwn(AUDIT_NOTES, typeOf(event));
}

function checkData(event: AuditEvent): void {
  parse(AUDIT_EVENTS[typeOf(event)], event.data, 'entry data');
}
