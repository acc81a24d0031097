/**
 * Who sent a request: the signature and the nonce. SPEC.md section 4.4.
 */
import { hexBytes } from '../../protocol/bytes.ts';
import type { Clock } from '../../protocol/clock.ts';
import { type ReceivedSignature, readSignature } from '../../protocol/http-signature.ts';
import { nodeIdOf } from '../../protocol/identity.ts';
import { HanseError } from '../../protocol/problem.ts';
import type { Route } from '../../protocol/routes.ts';
import type { NodeId } from '../../schemas/ids.ts';
import type { EnrolmentRequest } from '../../schemas/member.ts';
import type { Federation } from '../federation.ts';
import type { KnownMember } from '../federation-state.ts';
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
  readonly signature: ReceivedSignature;
  /** Absent while enrolling: the key is in the body, see `checkEnrolling`. */
  readonly member: KnownMember | undefined;
}

export class Authenticator {
  readonly #federation: Federation;
  readonly #store: Store;
  readonly #clock: Clock;

  constructor(federation: Federation, store: Store, clock: Clock) {
    this.#federation = federation;
    this.#store = store;
    this.#clock = clock;
  }

  /**
   * Throws a problem of `SIGNED` in `protocol/routes.ts`.
   * @param verified told whose signature it is, once that is certain, also where the request is refused then
   */
  async check(
    head: RequestHead,
    access: Route['access'],
    verified: (nodeId: NodeId) => void = () => {},
  ): Promise<Authenticated> {
    const now = Math.floor(this.#clock.now() / 1000);
    const signature = readSignature(head.method, head.target, head.headers, head.hasBody, now);
    if (access === 'enrolling') return { signature, member: undefined };
    const member = this.#federation.member(signature.nodeId);
    if (!member) throw new HanseError('memberUnknown');
    await signature.verify(member.publicKey);
    verified(member.nodeId);
    this.#federation.requireValid(member.nodeId); // after the signature: nobody else needs to know
    await this.#claimNonce(signature);
    return { signature, member };
  }

  requireValid({ nodeId }: KnownMember): void {
    this.#federation.requireValid(nodeId);
  }

  /** Whose limits count for the member: its keys, one after the other, have them together. */
  ownerOf({ nodeId }: KnownMember): NodeId {
    return this.#federation.firstKeyOf(nodeId);
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
