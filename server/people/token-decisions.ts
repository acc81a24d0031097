/**
 * API tokens: which may be issued, and what they are good for. SPEC.md section 4.11. Decisions only, as `person-decisions.ts`.
 */
import { HanseError } from '../../protocol/problem.ts';
import type { Sha256 } from '../../schemas/ids.ts';
import type { Actor, PersonId, TokenId } from '../../schemas/person.ts';
import type { PersonEvent } from '../../schemas/person-event.ts';
import type { FederationState } from '../federation-state.ts';
import type { KnownPerson, KnownToken } from './people-state.ts';
import { requirePerson } from './person-decisions.ts';

/** Of one person, that have neither expired nor been revoked. */
const MOST_TOKENS = 50;

export interface NewToken {
  readonly tokenId: TokenId;
  readonly tokenSha256: Sha256;
  readonly personId: PersonId;
  readonly name: string;
  readonly scopes: readonly string[];
  readonly expiresAt: string;
}

/** Of a token, by the person for whom it is. */
export interface KnownUse {
  readonly token: KnownToken;
  readonly person: KnownPerson;
}

/**
 * @param actions all that there are
 * @param at RFC 3339
 * @throws `invalidFormat` for a scope that is no action; `overloaded`; a problem of `requirePerson`
 */
export function decideToken(
  state: FederationState,
  token: NewToken,
  actions: ReadonlySet<string>,
  by: Actor,
  at: string,
): PersonEvent[] {
  requirePerson(state, token.personId);
  const unknown = token.scopes.find((scope) => !actions.has(scope));
  if (unknown !== undefined)
    throw new HanseError('invalidFormat', { where: 'body/scopes', expected: 'names of actions' });
  const mine = [...state.people.tokens.values()].filter((known) => known.personId === token.personId);
  if (mine.filter((known) => isGood(known, at)).length >= MOST_TOKENS) throw new HanseError('overloaded');
  return [{ type: 'tokenIssued', ...token, scopes: [...token.scopes], by }];
}

/** @param of whose tokens the caller may end; absent: everybody's @throws `tokenUnknown` */
export function decideTokenRevocation(
  { people }: FederationState,
  tokenId: TokenId,
  by: Actor,
  of?: PersonId,
): PersonEvent[] {
  const token = people.tokens.get(tokenId);
  if (!token || (of !== undefined && token.personId !== of)) throw new HanseError('tokenUnknown');
  return token.revokedAt === null ? [{ type: 'tokenRevoked', tokenId, by }] : [];
}

/** Throws `tokenRefused` for one that is not known, has expired or was revoked; a problem of `requirePerson`. */
export function requireToken(state: FederationState, tokenSha256: Sha256, at: string): KnownUse {
  const { tokens, tokensByHash } = state.people;
  const token = tokens.get(tokensByHash.get(tokenSha256) ?? '');
  if (!token || !isGood(token, at)) throw new HanseError('tokenRefused');
  return { token, person: requirePerson(state, token.personId) };
}

function isGood({ revokedAt, expiresAt }: KnownToken, at: string): boolean {
  return revokedAt === null && expiresAt > at;
}
