/**
 * Who sent a request: a node by its signature and nonce, a person by the cookie of a session, or a script by a token. SPEC.md
 * sections 4.4 and 4.11.
 */
import { hexBytes } from '../../protocol/bytes.ts';
import type { Clock } from '../../protocol/clock.ts';
import { type ReceivedSignature, readSignature } from '../../protocol/http-signature.ts';
import { nodeIdOf } from '../../protocol/identity.ts';
import { HanseError } from '../../protocol/problem.ts';
import type { Route } from '../../protocol/routes.ts';
import type { NodeId } from '../../schemas/ids.ts';
import type { EnrolmentRequest } from '../../schemas/member.ts';
import type { SessionId } from '../../schemas/person.ts';
import { type Principal, personPrincipal, principalOf, tokenPrincipal } from '../access/principal.ts';
import type { Coordinator } from '../coordinator.ts';
import type { Federation } from '../federation.ts';
import type { KnownMember } from '../federation-state.ts';
import type { People } from '../people/people.ts';
import { CookieJar } from '../people/session-cookie.ts';
import { requireSameOrigin } from '../people/web-origin.ts';
import type { Store } from '../store/store.ts';

/** A request as far as it can be judged before its body has been read. All of it is attacker-controlled. */
export interface RequestHead {
  readonly method: string;
  /** Path and query. */
  readonly target: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly hasBody: boolean;
}

export interface Authenticated {
  /** Absent of a person or a token. */
  readonly signature?: ReceivedSignature;
  /** Absent while enrolling: the key is in the body, see `checkEnrolling`. */
  readonly caller?: Principal;
  /** Of a node. */
  readonly member?: KnownMember;
  readonly sessionId?: SessionId;
  /** Whose limits count for the caller: keys of a node, one after the other, have them together, and so have a person's tokens. */
  readonly owner: string;
  /** Asked again before anything is accepted. Throws what `check` throws for somebody who is none any more. */
  readonly requireValid: () => void;
}

/** What a request may be known by. */
interface Presented {
  readonly isSigned: boolean;
  readonly session: string | undefined;
  readonly bearer: string | undefined;
}

const BEARER = /^Bearer ([A-Za-z0-9_-]{1,128})$/i;

export class Authenticator {
  readonly #federation: Federation;
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #people: People;

  constructor(
    { federation, people }: Pick<Coordinator, 'federation' | 'people'>,
    store: Store,
    clock: Clock,
  ) {
    this.#federation = federation;
    this.#people = people;
    this.#store = store;
    this.#clock = clock;
  }

  /**
   * Throws a problem of `SIGNED` in `protocol/routes.ts`.
   * @param cookies that it has come with
   * @param verified told who has sent it, once that is certain, also where the request is refused then
   */
  async check(
    head: RequestHead,
    access: Route['access'],
    cookies: CookieJar,
    verified: (id: NodeId) => void = () => {},
  ): Promise<Authenticated> {
    const { isSigned, session, bearer } = presentedBy(head, cookies);
    if ([isSigned, session !== undefined, bearer !== undefined].filter(Boolean).length > 1)
      throw new HanseError('credentialsAmbiguous');
    if (access === 'caller' && session !== undefined) return this.#ofSession(session, head, verified);
    if (access === 'caller' && bearer !== undefined) return this.#ofToken(bearer, verified);
    return this.#ofNode(head, access, verified);
  }

  cookiesOf({ cookie }: RequestHead['headers']): CookieJar {
    return new CookieJar(cookie, this.#people.isSecure);
  }

  /** A page of this origin makes it. Throws `originRefused`. */
  requireSameOrigin({ method, headers }: Pick<RequestHead, 'method' | 'headers'>): void {
    requireSameOrigin(headers, this.#people.origin, method === 'GET');
  }

  async #ofSession(
    secret: string,
    head: RequestHead,
    verified: (id: NodeId) => void,
  ): Promise<Authenticated> {
    this.requireSameOrigin(head);
    const { person, session } = await this.#people.ofSession(secret);
    const { sessionId } = session;
    verified(person.personId);
    const requireValid = () => {
      this.#people.sessions.requireOpen(sessionId);
      this.#people.require(person.personId);
    };
    return { caller: personPrincipal(person), sessionId, owner: person.personId, requireValid };
  }

  async #ofToken(secret: string, verified: (id: NodeId) => void): Promise<Authenticated> {
    const use = await this.#people.ofToken(secret);
    const { personId } = use.person;
    verified(personId);
    const requireValid = () => this.#people.requireToken(use.token);
    return { caller: tokenPrincipal(use), owner: personId, requireValid };
  }

  async #ofNode(
    head: RequestHead,
    access: Route['access'],
    verified: (id: NodeId) => void,
  ): Promise<Authenticated> {
    const now = Math.floor(this.#clock.now() / 1000);
    const signature = readSignature(head.method, head.target, head.headers, head.hasBody, now);
    if (access === 'enrolling') return { signature, owner: signature.nodeId, requireValid: () => {} };
    const member = this.#federation.member(signature.nodeId);
    if (!member) throw new HanseError('memberUnknown');
    await signature.verify(member.publicKey);
    verified(member.nodeId);
    this.#federation.requireValid(member.nodeId); // after the signature: nobody else needs to know
    await this.#claimNonce(signature);
    const owner = this.#federation.firstKeyOf(member.nodeId);
    const requireValid = () => {
      this.#federation.requireValid(member.nodeId);
    };
    return { signature, member, caller: principalOf(member), owner, requireValid };
  }

  /**
   * The key that is to be enrolled must have signed the request, under the id that follows from it. Of whoever has no
   * invite nothing is written down.
   */
  async checkEnrolling(
    signature: ReceivedSignature,
    request: Pick<EnrolmentRequest, 'publicKey' | 'token'>,
  ): Promise<void> {
    const publicKey = hexBytes(request.publicKey);
    if ((await nodeIdOf(publicKey)) !== signature.nodeId)
      throw new HanseError('signatureInvalid', { reason: 'keyid is not that of the key in the body' });
    await signature.verify(publicKey);
    await this.#federation.requireInvite(request.token);
    await this.#claimNonce(signature);
  }

  /** After the signature, so that nobody can use up the nonces of somebody else. */
  async #claimNonce({ nodeId, nonce, expires }: ReceivedSignature): Promise<void> {
    const now = this.#clock.now();
    const until = Math.max(expires * 1000, now) + 1000;
    const isFirst = await this.#store.claimOnce(`nonce/${nodeId}`, nonce, new Date(until), new Date(now));
    if (!isFirst) throw new HanseError('requestReplayed');
  }
}

function presentedBy({ headers }: RequestHead, cookies: CookieJar): Presented {
  // A proxy may ask for credentials of its own, of another scheme.
  const authorization = /^Bearer\b/i.test(String(headers.authorization)) ? headers.authorization : undefined;
  const [, bearer] = BEARER.exec(String(authorization)) ?? [];
  if (authorization !== undefined && bearer === undefined) throw new HanseError('tokenRefused');
  const isSigned = headers.signature !== undefined || headers['signature-input'] !== undefined;
  return { isSigned, session: cookies.get('session'), bearer };
}
