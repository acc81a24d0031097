/**
 * Who becomes a person of a federation, by which link, and who is one no more. SPEC.md section 4.11.
 *
 * Each function decides upon a state of the federation and returns the events that follow, none where what is asked for is so
 * already. Nothing is written here.
 */
import { HanseError } from '../../protocol/problem.ts';
import type { Sha256 } from '../../schemas/ids.ts';
import type { Actor, CredentialId, PersonId, PersonInvite } from '../../schemas/person.ts';
import type { PasskeyCredential, PersonEvent } from '../../schemas/person-event.ts';
import type { FederationState } from '../federation-state.ts';
import type { KnownPerson } from './people-state.ts';

/** As many as a federation of some hundred organisations has. */
const MOST_PEOPLE = 10_000;
const MOST_PASSKEYS = 20;

/** Throws `personUnknown`; `memberRevoked` where the person or the organisation is. */
export function requirePerson({ people, organisations }: FederationState, personId: PersonId): KnownPerson {
  const person = people.people.get(personId);
  if (!person) throw new HanseError('personUnknown');
  const { organisationId } = person;
  const ended = organisations.get(organisationId)?.revokedAt ?? null;
  if (person.revokedAt !== null)
    throw new HanseError('memberRevoked', { what: `person ${personId}`, since: person.revokedAt });
  if (ended !== null)
    throw new HanseError('memberRevoked', { what: `organisation ${organisationId}`, since: ended });
  return person;
}

/**
 * @param invite attacker-controlled, but of its schema
 * @throws `invalidFormat` for a name that is not in NFC; `handleTaken`, `memberRevoked`, `overloaded`
 */
export function decideInvitation(
  { people, organisations }: FederationState,
  personId: PersonId,
  { organisationId, role, handle, name }: PersonInvite,
  by: Actor,
): PersonEvent[] {
  if (name !== name.normalize('NFC') || name.trim() !== name)
    throw new HanseError('invalidFormat', { where: 'body/name', expected: 'NFC, without space around it' });
  const ended = organisations.get(organisationId)?.revokedAt ?? null;
  if (ended !== null)
    throw new HanseError('memberRevoked', { what: `organisation ${organisationId}`, since: ended });
  if (people.handles.has(handle)) throw new HanseError('handleTaken', { handle });
  if (people.people.size >= MOST_PEOPLE) throw new HanseError('overloaded');
  return [{ type: 'personInvited', personId, organisationId, role, handle, name, by }];
}

/** Throws a problem of `requirePerson`. */
export function decideLink(
  state: FederationState,
  personId: PersonId,
  link: { readonly linkSha256: Sha256; readonly expiresAt: string },
  by: Actor,
): PersonEvent[] {
  requirePerson(state, personId);
  return [{ type: 'linkIssued', ...link, personId, by }];
}

/**
 * @param at RFC 3339
 * @throws `linkUnknown`, `linkSpent`, `linkExpired`, and a problem of `requirePerson`
 */
export function decideLinkUse(state: FederationState, linkSha256: Sha256, at: string): PersonEvent[] {
  const link = state.people.links.get(linkSha256);
  if (!link) throw new HanseError('linkUnknown');
  if (link.spentAt !== null) throw new HanseError('linkSpent');
  if (link.expiresAt <= at) throw new HanseError('linkExpired', { expiredAt: link.expiresAt });
  const { personId } = requirePerson(state, link.personId);
  return [{ type: 'linkSpent', linkSha256, personId }];
}

/** Throws `passkeyRefused` for one that somebody has already, or one too many; and a problem of `requirePerson`. */
export function decidePasskey(
  state: FederationState,
  personId: PersonId,
  credential: PasskeyCredential,
): PersonEvent[] {
  const person = requirePerson(state, personId);
  if (state.people.credentials.has(credential.credentialId))
    throw new HanseError('passkeyRefused', { reason: 'it is known already' });
  if (person.credentials.length >= MOST_PASSKEYS)
    throw new HanseError('passkeyRefused', { reason: `there are ${MOST_PASSKEYS} of this person` });
  const type = person.enrolledAt === null ? 'personEnrolled' : 'credentialAdded';
  return [{ type, personId, credential }];
}

/** Throws `passkeyUnknown`, `passkeyLast`, and a problem of `requirePerson`. */
export function decidePasskeyRemoval(
  state: FederationState,
  personId: PersonId,
  credentialId: CredentialId,
): PersonEvent[] {
  const { credentials } = requirePerson(state, personId);
  if (!credentials.some((known) => known.credentialId === credentialId))
    throw new HanseError('passkeyUnknown');
  if (credentials.length === 1) throw new HanseError('passkeyLast');
  return [{ type: 'credentialRemoved', personId, credentialId }];
}

/** Throws `personUnknown`; `invalidFormat` for whoever asks, who would leave nobody to take it back. */
export function decidePersonRevocation(
  { people }: FederationState,
  personId: PersonId,
  reason: string,
  by: Actor,
): PersonEvent[] {
  const person = people.people.get(personId);
  if (!person) throw new HanseError('personUnknown');
  if (personId === by)
    throw new HanseError('invalidFormat', { where: 'personId', expected: 'another than who asks' });
  return person.revokedAt === null ? [{ type: 'personRevoked', personId, reason, by }] : [];
}
