/**
 * The people of a federation: what they and its operators ask for, put together of decisions, passkeys and sessions. SPEC.md
 * section 4.11.
 */
import { primitives } from '#primitives';
import { toBase64Url, toHex, utf8 } from '../../protocol/bytes.ts';
import type { Clock } from '../../protocol/clock.ts';
import { HanseError, isProblem } from '../../protocol/problem.ts';
import { type RandomSource, randomBytes } from '../../protocol/random.ts';
import type {
  AssertionOptions,
  PasskeyAssertion,
  PasskeyRegistration,
  RegistrationOptions,
} from '../../schemas/passkey.ts';
import type {
  Actor,
  CredentialId,
  IssuedToken,
  PersonId,
  PersonInvite,
  PersonLink,
  SignInMethod,
  TokenId,
  TokenRequest,
} from '../../schemas/person.ts';
import { Allowance } from '../allowance.ts';
import type { Federation } from '../federation.ts';
import type { Store } from '../store/store.ts';
import { assertionOptions, registrationOptions, verifyAssertion, verifyRegistration } from './passkey.ts';
import type { KnownPerson, KnownToken, PeopleState } from './people-state.ts';
import {
  decideInvitation,
  decideLink,
  decideLinkUse,
  decidePasskey,
  decidePasskeyRemoval,
  decidePersonRevocation,
} from './person-decisions.ts';
import type { CookieJar } from './session-cookie.ts';
import type { KnownSession } from './session-state.ts';
import { LONGEST_MS, Sessions, type SignIn } from './sessions.ts';
import { CHALLENGE_MS, SignInChallenges } from './sign-in-challenge.ts';
import { decideToken, decideTokenRevocation, type KnownUse } from './token-decisions.ts';
import type { WebOrigin } from './web-origin.ts';

export const TOKEN_PREFIX = 'hanse_';

/** Passkeys and tokens that come to be for one person: a hundred at once, then one in ten minutes. Records keep each for good. */
const NEW_CREDENTIALS = { most: 100, everyMs: 600_000 };

interface Platform {
  readonly clock: Clock;
  readonly random: RandomSource;
}

export class People {
  readonly sessions: Sessions;
  readonly #federation: Federation;
  readonly #challenges: SignInChallenges;
  readonly #clock: Clock;
  readonly #random: RandomSource;
  readonly #newCredentials: Allowance;
  #origin: WebOrigin | undefined;

  private constructor(federation: Federation, sessions: Sessions, store: Store, platform: Platform) {
    this.#federation = federation;
    this.sessions = sessions;
    this.#clock = platform.clock;
    this.#random = platform.random;
    this.#newCredentials = new Allowance(platform.clock, NEW_CREDENTIALS);
    this.#challenges = new SignInChallenges({ ...platform, store });
  }

  static async open(federation: Federation, store: Store, platform: Platform): Promise<People> {
    const sessions = await Sessions.open(store, platform);
    const people = new People(federation, sessions, store, platform);
    await people.dismissRevoked(); // a kill may have come between
    return people;
  }

  /** Once it is known where browsers find the coordinator: nobody signs in before. */
  servedAt(origin: WebOrigin): void {
    this.#origin = origin;
  }

  /** Whether browsers have TLS as far as here; they have while nobody has said otherwise. */
  get isSecure(): boolean {
    return this.#origin?.isSecure ?? true;
  }

  /** Throws `overloaded` until it is known. */
  get origin(): WebOrigin {
    if (!this.#origin) throw new HanseError('overloaded');
    return this.#origin;
  }

  get state(): PeopleState {
    return this.#federation.people;
  }

  /** Throws `personUnknown`, `memberRevoked`. */
  require(personId: PersonId): KnownPerson {
    return this.#federation.requirePerson(personId);
  }

  /** Throws a problem of `decideInvitation`. The token is in the answer and nowhere else. */
  async invite(invite: PersonInvite, by: Actor): Promise<PersonLink> {
    const personId = toHex(randomBytes(this.#random, 16));
    const { token, ...link } = await this.#newLink(invite.lifetimeSeconds);
    await this.#federation.changePeople((state) => [
      ...decideInvitation(state, personId, invite, by),
      { type: 'linkIssued', ...link, personId, by },
    ]);
    return { personId, token, expiresAt: link.expiresAt };
  }

  /** Another link for somebody who has been invited. Throws a problem of `decideLink`. */
  async link(personId: PersonId, lifetimeSeconds: number, by: Actor): Promise<PersonLink> {
    const { token, ...link } = await this.#newLink(lifetimeSeconds);
    await this.#federation.changePeople((state) => decideLink(state, personId, link, by));
    return { personId, token, expiresAt: link.expiresAt };
  }

  /** Sessions and tokens end with it. Throws a problem of `decidePersonRevocation`. */
  async revoke(personId: PersonId, reason: string, by: Actor): Promise<void> {
    await this.#federation.changePeople((state) => decidePersonRevocation(state, personId, reason, by));
    await this.sessions.endWhere((session) => session.personId === personId, by);
  }

  /** Ends the sessions of whoever is revoked, also with an organisation. Idempotent. */
  async dismissRevoked(): Promise<void> {
    await this.sessions.endWhere(({ personId }) => !this.#isThere(personId), null);
  }

  /** @param token attacker-controlled @throws a problem of `decideLinkUse` */
  async signInByLink(token: string, cookies: CookieJar): Promise<KnownSession> {
    const linkSha256 = await hashText(token);
    const { links } = await this.#federation.changePeople((state, at) =>
      decideLinkUse(state, linkSha256, at),
    );
    const personId = links.get(linkSha256)?.personId;
    if (personId === undefined) throw new Error('unreachable: it was just spent');
    return this.#start(personId, 'link', cookies);
  }

  startSignIn(cookies: CookieJar): AssertionOptions {
    const { challenge, pending } = this.#challenges.issue({ type: 'signIn' });
    const options = assertionOptions(challenge, this.origin);
    cookies.put('pending', pending, CHALLENGE_MS / 1000);
    return options;
  }

  /** @param assertion attacker-controlled @throws `passkeyUnknown`, `passkeyRefused`, `memberRevoked` */
  async signInByPasskey(assertion: PasskeyAssertion, cookies: CookieJar): Promise<KnownSession> {
    const challenge = this.#challenges.expected(cookies.get('pending'), { type: 'signIn' });
    const personId = this.state.credentials.get(assertion.id);
    if (personId === undefined) throw new HanseError('passkeyUnknown');
    const known = this.require(personId).credentials.find(
      ({ credentialId }) => credentialId === assertion.id,
    );
    if (!known) throw new HanseError('passkeyUnknown');
    const last = Math.max(known.counter, this.sessions.counterOf(known.credentialId));
    const counter = await verifyAssertion(assertion, challenge, this.origin, {
      ...known,
      personId,
      counter: last,
    });
    await this.#challenges.spend(challenge);
    return this.#start(personId, 'passkey', cookies, { credentialId: known.credentialId, counter });
  }

  /** Throws `personUnknown`, `memberRevoked`. */
  startPasskey(personId: PersonId, cookies: CookieJar): RegistrationOptions {
    const { challenge, pending } = this.#challenges.issue({ type: 'register', personId });
    const options = registrationOptions(challenge, this.origin, this.require(personId));
    cookies.put('pending', pending, CHALLENGE_MS / 1000);
    return options;
  }

  /** @param registration attacker-controlled @throws `passkeyRefused`, `personUnknown`, `memberRevoked`, `overloaded` */
  async addPasskey(
    personId: PersonId,
    registration: PasskeyRegistration,
    cookies: CookieJar,
  ): Promise<KnownPerson> {
    const challenge = this.#challenges.expected(cookies.get('pending'), { type: 'register', personId });
    const credential = await verifyRegistration(registration, challenge, this.origin);
    await this.#challenges.spend(challenge);
    await this.#federation.changePeople((state) =>
      this.#allowed(personId, decidePasskey(state, personId, credential)),
    );
    cookies.clear('pending');
    return this.require(personId);
  }

  /** Throws a problem of `decidePasskeyRemoval`. */
  async removePasskey(personId: PersonId, credentialId: CredentialId): Promise<void> {
    await this.#federation.changePeople((state) => decidePasskeyRemoval(state, personId, credentialId));
  }

  /** The person of a session. @param secret attacker-controlled @throws `sessionEnded`, `memberRevoked` */
  async ofSession(secret: string): Promise<{ readonly person: KnownPerson; readonly session: KnownSession }> {
    const session = await this.sessions.use(secret);
    return { session, person: this.require(session.personId) };
  }

  /**
   * @param actions all that there are: scopes name them
   * @throws a problem of `decideToken`. The token is in the answer and nowhere else
   */
  async issueToken(request: TokenRequest, actions: ReadonlySet<string>, by: Actor): Promise<IssuedToken> {
    const secret = `${TOKEN_PREFIX}${toBase64Url(randomBytes(this.#random, 32))}`;
    const { personId, name, scopes, lifetimeSeconds } = request;
    const told = {
      tokenId: toHex(randomBytes(this.#random, 16)),
      ...{ personId, name, scopes },
      expiresAt: new Date(this.#clock.now() + lifetimeSeconds * 1000).toISOString(),
    };
    const tokenSha256 = await hashText(secret);
    await this.#federation.changePeople((state, at) =>
      this.#allowed(personId, decideToken(state, { ...told, tokenSha256 }, actions, by, at)),
    );
    return { ...told, token: secret };
  }

  /** @param of whose it has to be; absent: anybody's @throws `tokenUnknown` */
  async revokeToken(tokenId: TokenId, by: Actor, of?: PersonId): Promise<void> {
    await this.#federation.changePeople((state) => decideTokenRevocation(state, tokenId, by, of));
  }

  /** Asked again of one that was good. Throws `tokenRefused`, `memberRevoked`. */
  requireToken({ tokenSha256 }: KnownToken): void {
    this.#federation.requireToken(tokenSha256);
  }

  /** @param secret attacker-controlled @throws `tokenRefused`, `memberRevoked` */
  async ofToken(secret: string): Promise<KnownUse> {
    const tokenSha256 = await hashText(secret);
    const found = this.#federation.requireToken(tokenSha256);
    await this.sessions.tokenUsed(found.token.tokenId);
    return found;
  }

  /** Throws `overloaded` for whoever makes credentials again and again. */
  #allowed<Event>(personId: PersonId, events: Event[]): Event[] {
    if (!this.#newCredentials.take(personId)) throw new HanseError('overloaded');
    return events;
  }

  #isThere(personId: PersonId): boolean {
    try {
      this.require(personId);
      return true;
    } catch (error) {
      if (isProblem(error, 'memberRevoked') || isProblem(error, 'personUnknown')) return false;
      throw error;
    }
  }

  async #start(
    personId: PersonId,
    method: SignInMethod,
    cookies: CookieJar,
    credential?: SignIn['credential'],
  ): Promise<KnownSession> {
    const { secret, session } = await this.sessions.start({
      personId,
      method,
      replaces: cookies.get('session'),
      ...(credential && { credential }),
    });
    cookies.put('session', secret, LONGEST_MS / 1000);
    cookies.clear('pending');
    return session;
  }

  async #newLink(lifetimeSeconds: number) {
    const token = toBase64Url(randomBytes(this.#random, 32));
    const expiresAt = new Date(this.#clock.now() + lifetimeSeconds * 1000).toISOString();
    return { token, linkSha256: await hashText(token), expiresAt };
  }
}

async function hashText(text: string): Promise<string> {
  return toHex(await primitives.sha256(utf8(text)));
}
