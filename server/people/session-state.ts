/**
 * Sessions that are open as the fold of their events, with how often each passkey has been used and when each token was last.
 * SPEC.md section 4.11. Synchronous and pure. What has ended is not part of it.
 */
import type { Sha256 } from '../../schemas/ids.ts';
import type { CredentialId, PersonId, SessionId, SignInMethod, TokenId } from '../../schemas/person.ts';
import type { SessionEvent } from '../../schemas/session-event.ts';

export const SESSION_STREAM = 'sessions';

export interface KnownSession {
  readonly sessionId: SessionId;
  readonly secretSha256: Sha256;
  readonly personId: PersonId;
  readonly method: SignInMethod;
  readonly openedAt: string;
  /** As far as an event tells. */
  readonly usedAt: string;
}

export interface SessionState {
  /** In the order in which they were opened. */
  readonly open: ReadonlyMap<SessionId, KnownSession>;
  readonly bySecret: ReadonlyMap<Sha256, SessionId>;
  readonly counters: ReadonlyMap<CredentialId, number>;
  readonly tokenDays: ReadonlyMap<TokenId, string>;
}

export const NO_SESSIONS: SessionState = {
  open: new Map(),
  bySecret: new Map(),
  counters: new Map(),
  tokenDays: new Map(),
};

/**
 * Whether a counter may follow upon another: it grows, unless the authenticator has none and says 0 each time (Web
 * Authentication Level 3, section 6.1.1).
 */
export function mayFollow(counter: number, known: number): boolean {
  return counter > known || (counter === 0 && known === 0);
}

/** Throws for an event that cannot follow upon this state. @param at RFC 3339 */
export function foldSessions(state: SessionState, event: SessionEvent, at: string): SessionState {
  switch (event.type) {
    case 'sessionOpened': {
      const { sessionId, secretSha256, personId, method, credential } = event;
      if (state.open.has(sessionId) || state.bySecret.has(secretSha256))
        throw new Error('it opens a session again');
      const counters = new Map(state.counters);
      if (credential) {
        if (!mayFollow(credential.counter, state.counters.get(credential.credentialId) ?? 0))
          throw new Error('the counter of the passkey went back');
        counters.set(credential.credentialId, credential.counter);
      }
      const session = { sessionId, secretSha256, personId, method, openedAt: at, usedAt: at };
      return {
        ...state,
        counters,
        open: new Map(state.open).set(sessionId, session),
        bySecret: new Map(state.bySecret).set(secretSha256, sessionId),
      };
    }
    case 'sessionUsed': {
      const session = openSession(state, event.sessionId);
      return { ...state, open: new Map(state.open).set(session.sessionId, { ...session, usedAt: at }) };
    }
    case 'sessionClosed': {
      const { sessionId, secretSha256, personId } = openSession(state, event.sessionId);
      if (personId !== event.personId) throw new Error('it closes the session of another');
      const [open, bySecret] = [new Map(state.open), new Map(state.bySecret)];
      open.delete(sessionId);
      bySecret.delete(secretSha256);
      return { ...state, open, bySecret };
    }
    case 'tokenUsed':
      return { ...state, tokenDays: new Map(state.tokenDays).set(event.tokenId, event.day) };
    default:
      event satisfies never;
      throw new Error('unreachable');
  }
}

function openSession({ open }: SessionState, sessionId: SessionId): KnownSession {
  const session = open.get(sessionId);
  if (!session) throw new Error('it names no session that is open');
  return session;
}
