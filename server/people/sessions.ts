/**
 * Sessions of people: opened by a sign-in, used by whoever has the secret, ended by time, by their person or by an operator.
 * SPEC.md section 4.11.
 *
 * The secret is in the cookie of one browser and nowhere else; its hash alone is stored. When a session was used last is written at
 * most once in five minutes: after a start of the coordinator one may end that much too early, and none too late.
 */
import { primitives } from '#primitives';
import { toBase64Url, toHex, utf8 } from '../../protocol/bytes.ts';
import type { Clock } from '../../protocol/clock.ts';
import { HanseError } from '../../protocol/problem.ts';
import { type RandomSource, randomBytes } from '../../protocol/random.ts';
import type {
  Actor,
  CredentialId,
  PersonId,
  SessionId,
  SignInMethod,
  TokenId,
} from '../../schemas/person.ts';
import { type SessionEnd, SessionEvent } from '../../schemas/session-event.ts';
import { EventStream } from '../event-stream.ts';
import type { Store } from '../store/store.ts';
import {
  foldSessions,
  type KnownSession,
  mayFollow,
  NO_SESSIONS,
  SESSION_STREAM,
  type SessionState,
} from './session-state.ts';

/** A session ends that long after it was used last, and that long after it was opened. */
export const IDLE_MS = 900_000;
export const LONGEST_MS = 28_800_000;

/** What would outlast a session is done within that long of the sign-in. */
export const FRESH_MS = 900_000;

const WRITTEN_EACH_MS = 300_000;

/** Of one person, open at once. */
const MOST_SESSIONS = 10;

export interface OpenedSession {
  /** For the cookie alone. */
  readonly secret: string;
  readonly session: KnownSession;
}

export interface SignIn {
  readonly personId: PersonId;
  readonly method: SignInMethod;
  /** Of the passkey, as the authenticator has just said it. */
  readonly credential?: { readonly credentialId: CredentialId; readonly counter: number };
  /** What the browser had as its session before: it ends. Attacker-controlled. */
  readonly replaces?: string | undefined;
}

export class Sessions {
  readonly #stream: EventStream<SessionState, SessionEvent>;
  readonly #clock: Clock;
  readonly #random: RandomSource;
  /** When each was used last, in milliseconds, where that is later than an event tells. */
  readonly #used = new Map<SessionId, number>();

  private constructor(
    stream: EventStream<SessionState, SessionEvent>,
    platform: { readonly clock: Clock; readonly random: RandomSource },
  ) {
    this.#stream = stream;
    this.#clock = platform.clock;
    this.#random = platform.random;
  }

  static async open(
    store: Store,
    platform: { readonly clock: Clock; readonly random: RandomSource },
  ): Promise<Sessions> {
    const stream = await EventStream.open<SessionState, SessionEvent>(store, platform.clock, {
      name: SESSION_STREAM,
      schema: SessionEvent,
      initial: NO_SESSIONS,
      fold: foldSessions,
    });
    return new Sessions(stream, platform);
  }

  /**
   * Opens one under a fresh secret, whatever the browser had before. Sessions whose time is over are closed on the way.
   * @throws `passkeyRefused` where the counter of the passkey went back: it was copied, or the assertion is an old one
   */
  async start({ personId, method, credential, replaces }: SignIn): Promise<OpenedSession> {
    const secret = toBase64Url(randomBytes(this.#random, 32));
    const secretSha256 = await hashSecret(secret);
    const sessionId = toHex(randomBytes(this.#random, 16));
    const old = replaces === undefined ? undefined : await hashSecret(replaces);
    const { open } = await this.#stream.command((state, at) => {
      if (credential && !mayFollow(credential.counter, state.counters.get(credential.credentialId) ?? 0))
        throw new HanseError('passkeyRefused', { reason: 'its counter went back' });
      const ended = this.#expired(state, Date.parse(at)).map((session) => closing(session, 'expired', null));
      const left = [...state.open.values()].filter(
        (session) => !ended.some((event) => event.sessionId === session.sessionId),
      );
      const replaced = left.filter((session) => session.secretSha256 === old);
      const mine = left.filter((session) => session.personId === personId && !replaced.includes(session));
      const crowded = mine.slice(0, Math.max(0, mine.length - MOST_SESSIONS + 1));
      return [
        ...ended,
        ...replaced.map((session) => closing(session, 'replaced', session.personId)),
        ...crowded.map((session) => closing(session, 'crowdedOut', null)),
        {
          type: 'sessionOpened',
          sessionId,
          secretSha256,
          personId,
          method,
          ...(credential && { credential }),
        },
      ];
    });
    const session = open.get(sessionId);
    if (!session) throw new Error('unreachable: it was just opened');
    this.#forgetEnded();
    return { secret, session };
  }

  /**
   * The session that a request is of; from now on it was used now.
   * @param secret attacker-controlled
   * @throws `sessionEnded` for one that is not known, has ended or was idle for too long
   */
  async use(secret: string): Promise<KnownSession> {
    const { open, bySecret } = this.#stream.state;
    const session = open.get(bySecret.get(await hashSecret(secret)) ?? '');
    const now = this.#clock.now();
    if (!session || this.#isOver(session, now)) throw new HanseError('sessionEnded');
    const { sessionId } = session;
    this.#used.set(sessionId, now);
    if (now - Date.parse(session.usedAt) >= WRITTEN_EACH_MS)
      await this.#stream.command((state) =>
        state.open.has(sessionId) ? [{ type: 'sessionUsed', sessionId }] : [],
      );
    this.requireOpen(sessionId);
    return session;
  }

  /** Asked again before anything is accepted: it may have ended meanwhile. Throws `sessionEnded`. */
  requireOpen(sessionId: SessionId): void {
    const session = this.#stream.state.open.get(sessionId);
    if (!session || this.#isOver(session, this.#clock.now())) throw new HanseError('sessionEnded');
  }

  /** Whoever has stolen an older one gets no credentials by it. Throws `sessionStale`, `sessionEnded`. */
  requireFresh(sessionId: SessionId): void {
    this.requireOpen(sessionId);
    const { openedAt = '' } = this.#stream.state.open.get(sessionId) ?? {};
    if (!(this.#clock.now() - Date.parse(openedAt) < FRESH_MS)) throw new HanseError('sessionStale');
  }

  /** Of a person, those that are open, the oldest first, with when each was used last (milliseconds). */
  of(personId: PersonId): { readonly session: KnownSession; readonly usedAt: number }[] {
    const now = this.#clock.now();
    return [...this.#stream.state.open.values()]
      .filter((session) => session.personId === personId && !this.#isOver(session, now))
      .map((session) => ({ session, usedAt: this.#usedAt(session) }));
  }

  /** @param personId whose it has to be @throws `sessionUnknown` */
  async end(sessionId: SessionId, personId: PersonId, reason: SessionEnd, by: Actor): Promise<void> {
    await this.#stream.command(({ open }) => {
      const session = open.get(sessionId);
      if (session?.personId !== personId) throw new HanseError('sessionUnknown');
      return [closing(session, reason, by)];
    });
    this.#forgetEnded();
  }

  /** All that are open, of those people of whom `isOver` says so. */
  async endWhere(isOver: (session: KnownSession) => boolean, by: Actor | null): Promise<void> {
    if (![...this.#stream.state.open.values()].some(isOver)) return;
    await this.#stream.command(({ open }) =>
      [...open.values()].filter(isOver).map((session) => closing(session, 'revoked', by)),
    );
    this.#forgetEnded();
  }

  /** How often the passkey had been used when it opened a session last; 0 where it has not. */
  counterOf(credentialId: CredentialId): number {
    return this.#stream.state.counters.get(credentialId) ?? 0;
  }

  /** Undefined for a token that was never used. */
  tokenDay(tokenId: TokenId): string | undefined {
    return this.#stream.state.tokenDays.get(tokenId);
  }

  /** Written once a day. */
  async tokenUsed(tokenId: TokenId): Promise<void> {
    const day = new Date(this.#clock.now()).toISOString().slice(0, 10);
    if ((this.tokenDay(tokenId) ?? '') >= day) return;
    await this.#stream.command(({ tokenDays }) =>
      (tokenDays.get(tokenId) ?? '') < day ? [{ type: 'tokenUsed', tokenId, day }] : [],
    );
  }

  #expired({ open }: SessionState, now: number): KnownSession[] {
    return [...open.values()].filter((session) => this.#isOver(session, now));
  }

  #isOver(session: KnownSession, now: number): boolean {
    return now - this.#usedAt(session) >= IDLE_MS || now - Date.parse(session.openedAt) >= LONGEST_MS;
  }

  #usedAt({ sessionId, usedAt }: KnownSession): number {
    return Math.max(this.#used.get(sessionId) ?? 0, Date.parse(usedAt));
  }

  #forgetEnded(): void {
    const { open } = this.#stream.state;
    for (const sessionId of this.#used.keys()) if (!open.has(sessionId)) this.#used.delete(sessionId);
  }
}

function closing({ sessionId, personId }: KnownSession, reason: SessionEnd, by: Actor | null) {
  return { type: 'sessionClosed', sessionId, personId, reason, by } as const;
}

async function hashSecret(secret: string): Promise<string> {
  return toHex(await primitives.sha256(utf8(secret)));
}
