/**
 * What events about people are in the audit log. SPEC.md sections 4.11 and 13.5. A person stands there as a random id; what somebody
 * or something of theirs is called, and by which passkey they sign in, as salted hashes. Members are in the order of the canonical
 * form.
 */
import type { AuditData, AuditType, Salted } from '../../schemas/audit-event.ts';
import type { PersonEvent } from '../../schemas/person-event.ts';
import type { SessionEvent } from '../../schemas/session-event.ts';

export interface SaidOfPeople {
  readonly type: AuditType;
  readonly subject?: string;
  readonly data: object;
}

/** @param pointer of the field within the data */
export type HideField = (pointer: string, value: unknown) => Salted;

function says<Name extends AuditType>(type: Name, data: AuditData<Name>, person?: string): SaidOfPeople {
  return { type, data, ...(person !== undefined && { subject: `urn:hanse:person:${person}` }) };
}

export function entryOfPerson(event: PersonEvent, hide: HideField): SaidOfPeople {
  switch (event.type) {
    case 'personInvited': {
      const { personId: person, organisationId, role, by } = event;
      const [handle, name] = [hide('handle', event.handle), hide('name', event.name)];
      return says('person.invited', { by, handle, name, organisationId, person, role }, person);
    }
    case 'linkIssued': {
      const { personId: person, expiresAt, by } = event;
      return says('person.linked', { by, expiresAt, person }, person);
    }
    case 'linkSpent':
      return says('person.linkSpent', { person: event.personId }, event.personId);
    case 'personEnrolled':
    case 'credentialAdded': {
      const { personId: person, credential } = event;
      const type = event.type === 'personEnrolled' ? 'person.enrolled' : 'person.credentialAdded';
      const { credentialId, isBackedUp } = credential;
      return says(type, { credential: hide('credential', credentialId), isBackedUp, person }, person);
    }
    case 'credentialRemoved': {
      const { personId: person, credentialId } = event;
      return says(
        'person.credentialRemoved',
        { credential: hide('credential', credentialId), person },
        person,
      );
    }
    case 'personRevoked': {
      const { personId: person, reason, by } = event;
      return says('person.revoked', { by, person, reason }, person);
    }
    case 'tokenIssued': {
      const { tokenId: token, personId: person, scopes, expiresAt, by } = event;
      const name = hide('name', event.name);
      return says('token.issued', { by, expiresAt, name, person, scopes, token }, person);
    }
    case 'tokenRevoked':
      return says('token.revoked', { by: event.by, token: event.tokenId });
    default:
      event satisfies never;
      throw new Error('unreachable');
  }
}

/** Undefined for what follows from others: that a session or a token has been used. */
export function entryOfSession(event: SessionEvent): SaidOfPeople | undefined {
  switch (event.type) {
    case 'sessionOpened': {
      const { sessionId: session, personId: person, method } = event;
      return says('session.opened', { method, person, session }, person);
    }
    case 'sessionClosed': {
      const { sessionId: session, personId: person, reason, by } = event;
      return says('session.closed', { by, person, reason, session }, person);
    }
    case 'sessionUsed':
    case 'tokenUsed':
      return undefined;
    default:
      event satisfies never;
      throw new Error('unreachable');
  }
}
