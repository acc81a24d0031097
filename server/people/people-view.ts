/**
 * People and tokens as they are told. SPEC.md section 4.11.
 */
import { shownNames } from '../../protocol/confusable-name.ts';
import type { Person, Token } from '../../schemas/person.ts';
import type { KnownToken, PeopleState } from './people-state.ts';
import type { Sessions } from './sessions.ts';

/** All that ever were, in the order in which they came; a name that could be taken for another is told as the id. */
export function toldPeople({ people }: PeopleState): Person[] {
  const all = [...people.values()];
  const shown = shownNames(all, ({ personId }) => personId);
  return all.map(({ personId, organisationId, role, handle, invitedAt, enrolledAt, revokedAt }, at) => ({
    ...{ personId, organisationId, role, handle, shownAs: shown[at] ?? personId },
    ...{ invitedAt, enrolledAt, revokedAt },
  }));
}

/** What it is for, and never the token. */
export function tokenLine(token: KnownToken, sessions: Pick<Sessions, 'tokenDay'>): Token {
  const { tokenId, personId, name, scopes, issuedAt, expiresAt, revokedAt } = token;
  const lastUsed = sessions.tokenDay(tokenId) ?? null;
  return { tokenId, personId, name, scopes: [...scopes], issuedAt, expiresAt, revokedAt, lastUsed };
}
