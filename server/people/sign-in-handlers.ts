/**
 * What the coordinator does for the routes by which people sign in, and look after their own sessions, passkeys and tokens. SPEC.md
 * section 4.11. As all of `server/handlers.ts`, free of any transport; access, origin and form have been checked.
 */
import { ACTIONS } from '../../protocol/actions.ts';
import { HanseError } from '../../protocol/problem.ts';
import type { RouteName } from '../../protocol/routes.ts';
import type { PersonId, Self, SessionId } from '../../schemas/person.ts';
import { NOBODY } from '../access/authorizer.ts';
import type { Principal } from '../access/principal.ts';
import type { Coordinator } from '../coordinator.ts';
import type { Handlers } from '../handler-types.ts';
import { tokenLine, toldPeople } from './people-view.ts';
import { LONGEST_MS } from './sessions.ts';

type SignInRoute = Extract<
  RouteName,
  | 'startSignIn'
  | 'signInByPasskey'
  | 'signInByLink'
  | 'getSelf'
  | 'signOut'
  | 'listOwnSessions'
  | 'endOwnSession'
  | 'startPasskey'
  | 'addPasskey'
  | 'removePasskey'
  | 'createOwnToken'
  | 'listOwnTokens'
  | 'revokeOwnToken'
>;

/** What tokens may be for: whatever policies decide. */
export const TOKEN_SCOPES: ReadonlySet<string> = new Set(Object.keys(ACTIONS));

export function signInHandlers({ people }: Coordinator): Pick<Handlers, SignInRoute> {
  /** Of a session that has just been opened, or that a request has. */
  function self(personId: PersonId, sessionId: string | undefined): Self {
    const known = people.require(personId);
    const [person] = toldPeople(people.state).filter((one) => one.personId === personId);
    if (!person) throw new Error('unreachable: it is known');
    const open = people.sessions.of(personId).find(({ session }) => session.sessionId === sessionId);
    return {
      person,
      passkeys: known.credentials.map(({ credentialId, addedAt, isBackedUp }) => ({
        credentialId,
        addedAt,
        isBackedUp,
      })),
      endsAt: open ? endOf(open.session.openedAt) : null,
    };
  }

  function requireFresh(sessionId: SessionId | undefined): void {
    if (sessionId === undefined) throw new HanseError('sessionStale');
    people.sessions.requireFresh(sessionId);
  }

  return {
    startSignIn: async ({ cookies }) => people.startSignIn(cookies),

    signInByPasskey: async ({ body, cookies }) => {
      const { personId, sessionId } = await people.signInByPasskey(body, cookies);
      return self(personId, sessionId);
    },

    signInByLink: async ({ body, cookies }) => {
      const { personId, sessionId } = await people.signInByLink(body.token, cookies);
      return self(personId, sessionId);
    },

    getSelf: async ({ caller, sessionId }) => self(personOf(caller), sessionId),

    signOut: async ({ caller, sessionId, cookies }) => {
      const personId = personOf(caller);
      if (sessionId === undefined) throw new HanseError('sessionUnknown');
      await people.sessions.end(sessionId, personId, 'signedOut', personId);
      cookies.clear('session');
      return {};
    },

    listOwnSessions: async ({ caller, sessionId }) => ({
      sessions: people.sessions.of(personOf(caller)).map(({ session, usedAt }) => ({
        sessionId: session.sessionId,
        method: session.method,
        openedAt: session.openedAt,
        usedAt: new Date(usedAt).toISOString(),
        endsAt: endOf(session.openedAt),
        isThis: session.sessionId === sessionId,
      })),
    }),

    endOwnSession: async ({ params, caller }) => {
      const personId = personOf(caller);
      await people.sessions.end(params.sessionId, personId, 'revoked', personId);
      return {};
    },

    startPasskey: async ({ caller, sessionId, cookies }) => {
      const personId = personOf(caller);
      requireFresh(sessionId);
      return people.startPasskey(personId, cookies);
    },

    addPasskey: async ({ body, caller, sessionId, cookies }) => {
      const personId = personOf(caller);
      requireFresh(sessionId);
      await people.addPasskey(personId, body, cookies);
      return self(personId, sessionId);
    },

    removePasskey: async ({ params, caller, sessionId }) => {
      const personId = personOf(caller);
      requireFresh(sessionId);
      await people.removePasskey(personId, params.credentialId);
      return self(personId, sessionId);
    },

    createOwnToken: async ({ body, caller, sessionId }) => {
      const personId = personOf(caller);
      requireFresh(sessionId);
      return people.issueToken({ ...body, personId }, TOKEN_SCOPES, personId);
    },

    listOwnTokens: async ({ caller }) => {
      const personId = personOf(caller);
      const mine = [...people.state.tokens.values()].filter((token) => token.personId === personId);
      return { tokens: mine.map((token) => tokenLine(token, people.sessions)) };
    },

    revokeOwnToken: async ({ params, caller }) => {
      const personId = personOf(caller);
      await people.revokeToken(params.tokenId, personId, personId);
      return {};
    },
  };
}

/** Whatever policies permit: a script does not give itself other credentials, and a node has none of these. */
function personOf(caller: Principal): PersonId {
  if (caller.kind !== 'person')
    throw new HanseError('accessRefused', {
      action: 'manageOwnAccount',
      role: caller.role,
      policies: NOBODY,
    });
  return caller.id;
}

function endOf(openedAt: string): string {
  return new Date(Date.parse(openedAt) + LONGEST_MS).toISOString();
}
