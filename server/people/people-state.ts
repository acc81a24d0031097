/**
 * People, their passkeys, links and tokens as the fold of the events that are about them. SPEC.md section 4.11. Synchronous and
 * pure; it is part of the state of a federation (`server/federation-state.ts`).
 */
import type { Sha256 } from '../../schemas/ids.ts';
import type { Actor, CredentialId, Handle, PersonId, PersonRole, TokenId } from '../../schemas/person.ts';
import type { PasskeyCredential, PersonEvent } from '../../schemas/person-event.ts';

export interface KnownCredential extends PasskeyCredential {
  readonly addedAt: string;
}

export interface KnownPerson {
  readonly personId: PersonId;
  readonly organisationId: string;
  readonly role: PersonRole;
  readonly handle: Handle;
  readonly name: string;
  readonly invitedAt: string;
  readonly enrolledAt: string | null;
  readonly revokedAt: string | null;
  /** In the order in which they came. */
  readonly credentials: readonly KnownCredential[];
}

export interface KnownLink {
  readonly personId: PersonId;
  readonly expiresAt: string;
  readonly spentAt: string | null;
  readonly by: Actor;
}

export interface KnownToken {
  readonly tokenId: TokenId;
  readonly tokenSha256: Sha256;
  readonly personId: PersonId;
  readonly name: string;
  readonly scopes: readonly string[];
  readonly issuedAt: string;
  readonly expiresAt: string;
  readonly revokedAt: string | null;
}

export interface PeopleState {
  readonly people: ReadonlyMap<PersonId, KnownPerson>;
  /** Of those who are not revoked: a handle that is free again is another's. */
  readonly handles: ReadonlyMap<Handle, PersonId>;
  readonly credentials: ReadonlyMap<CredentialId, PersonId>;
  /** By the hash of the token in it. */
  readonly links: ReadonlyMap<Sha256, KnownLink>;
  readonly tokens: ReadonlyMap<TokenId, KnownToken>;
  readonly tokensByHash: ReadonlyMap<Sha256, TokenId>;
}

export const NO_PEOPLE: PeopleState = {
  people: new Map(),
  handles: new Map(),
  credentials: new Map(),
  links: new Map(),
  tokens: new Map(),
  tokensByHash: new Map(),
};

/** Throws for an event that cannot follow upon this state. @param at RFC 3339 */
export function foldPeople(state: PeopleState, event: PersonEvent, at: string): PeopleState {
  switch (event.type) {
    case 'personInvited': {
      const { personId, organisationId, role, handle, name } = event;
      if (state.people.has(personId)) throw new Error('it invites a person again');
      if (state.handles.has(handle)) throw new Error('it gives a handle to another');
      const person: KnownPerson = {
        ...{ personId, organisationId, role, handle, name },
        ...{ invitedAt: at, enrolledAt: null, revokedAt: null, credentials: [] },
      };
      return {
        ...state,
        people: new Map(state.people).set(personId, person),
        handles: new Map(state.handles).set(handle, personId),
      };
    }
    case 'linkIssued': {
      const { linkSha256, personId, expiresAt, by } = event;
      activePerson(state, personId);
      if (state.links.has(linkSha256)) throw new Error('it issues a link again');
      // An earlier one that nobody has used is worth nothing any more.
      const links = new Map([...state.links].filter(([, link]) => !isOpenFor(link, personId)));
      return { ...state, links: links.set(linkSha256, { personId, expiresAt, spentAt: null, by }) };
    }
    case 'linkSpent': {
      const link = state.links.get(event.linkSha256);
      if (!link || link.personId !== event.personId) throw new Error('it names no link');
      if (link.spentAt !== null) throw new Error('it spends a link again');
      activePerson(state, link.personId);
      return { ...state, links: new Map(state.links).set(event.linkSha256, { ...link, spentAt: at }) };
    }
    case 'personEnrolled': {
      const person = activePerson(state, event.personId);
      if (person.enrolledAt !== null) throw new Error('it enrols a person again');
      return addCredential(state, { ...person, enrolledAt: at }, event.credential, at);
    }
    case 'credentialAdded': {
      const person = activePerson(state, event.personId);
      if (person.enrolledAt === null) throw new Error('it adds a passkey to somebody who has none');
      return addCredential(state, person, event.credential, at);
    }
    case 'credentialRemoved': {
      const person = activePerson(state, event.personId);
      const credentials = person.credentials.filter(
        ({ credentialId }) => credentialId !== event.credentialId,
      );
      if (credentials.length === person.credentials.length) throw new Error('it removes no passkey');
      if (credentials.length === 0) throw new Error('it removes the last passkey');
      const known = new Map(state.credentials);
      known.delete(event.credentialId);
      return withPerson({ ...state, credentials: known }, { ...person, credentials });
    }
    case 'personRevoked':
      return revoke(state, activePerson(state, event.personId), at);
    case 'tokenIssued': {
      const { type: _, by: __, ...token } = event;
      const { tokenId, tokenSha256, personId } = token;
      activePerson(state, personId);
      if (state.tokens.has(tokenId) || state.tokensByHash.has(tokenSha256))
        throw new Error('it issues a token again');
      return {
        ...state,
        tokens: new Map(state.tokens).set(tokenId, { ...token, issuedAt: at, revokedAt: null }),
        tokensByHash: new Map(state.tokensByHash).set(tokenSha256, tokenId),
      };
    }
    case 'tokenRevoked': {
      const token = state.tokens.get(event.tokenId);
      if (!token) throw new Error('it names no token');
      if (token.revokedAt !== null) throw new Error('it revokes a token again');
      return { ...state, tokens: new Map(state.tokens).set(token.tokenId, { ...token, revokedAt: at }) };
    }
    default:
      event satisfies never;
      throw new Error('unreachable');
  }
}

function isOpenFor(link: KnownLink, personId: PersonId): boolean {
  return link.personId === personId && link.spentAt === null;
}

function addCredential(
  state: PeopleState,
  person: KnownPerson,
  credential: PasskeyCredential,
  at: string,
): PeopleState {
  const { credentialId } = credential;
  if (state.credentials.has(credentialId)) throw new Error('it adds a passkey again');
  const credentials = [...person.credentials, { ...credential, addedAt: at }];
  const known = new Map(state.credentials).set(credentialId, person.personId);
  return withPerson({ ...state, credentials: known }, { ...person, credentials });
}

/** Passkeys, links and tokens of whoever is revoked go with them. */
function revoke(state: PeopleState, person: KnownPerson, at: string): PeopleState {
  const { personId, handle } = person;
  const handles = new Map(state.handles);
  handles.delete(handle);
  const credentials = new Map([...state.credentials].filter(([, owner]) => owner !== personId));
  const links = new Map([...state.links].filter(([, link]) => !isOpenFor(link, personId)));
  const tokens = new Map(
    [...state.tokens].map(([tokenId, token]) => {
      const isEnded = token.personId === personId && token.revokedAt === null;
      return [tokenId, isEnded ? { ...token, revokedAt: at } : token] as const;
    }),
  );
  const revoked = { ...person, revokedAt: at, credentials: [] };
  return withPerson({ ...state, handles, credentials, links, tokens }, revoked);
}

function withPerson(state: PeopleState, person: KnownPerson): PeopleState {
  return { ...state, people: new Map(state.people).set(person.personId, person) };
}

function activePerson({ people }: PeopleState, personId: PersonId): KnownPerson {
  const person = people.get(personId);
  if (!person) throw new Error('it names no person');
  if (person.revokedAt !== null) throw new Error('it names a person who is revoked');
  return person;
}
