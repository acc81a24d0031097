/**
 * Challenges for authenticators: each for one browser and one purpose, for two minutes, good once. SPEC.md section 4.11.
 *
 * Nothing is kept of a challenge that was asked for: anybody may ask. It is HMAC-SHA-256 (RFC 2104) of a number in a cookie of the
 * browser that has asked, of the end of its time and of what it is for, under a key that lives as long as this process. What was
 * answered is claimed from the store, so that it is answered once, also by two requests at the same moment.
 */
import { createHmac } from 'node:crypto';
import { toBase64Url, utf8 } from '../../protocol/bytes.ts';
import type { Clock } from '../../protocol/clock.ts';
import { HanseError } from '../../protocol/problem.ts';
import { type RandomSource, randomBytes } from '../../protocol/random.ts';
import { Secret } from '../../protocol/secret.ts';
import type { Store } from '../store/store.ts';

export const CHALLENGE_MS = 120_000;

/** `signIn`, or of whom a passkey is to be. */
export type Purpose = { readonly type: 'signIn' } | { readonly type: 'register'; readonly personId: string };

export interface Challenge {
  /** base64url of 32 bytes, for the authenticator. */
  readonly challenge: string;
  /** For the cookie of the browser. */
  readonly pending: string;
}

const PENDING = /^([A-Za-z0-9_-]{43})\.([1-9][0-9]{0,15})$/;

export class SignInChallenges {
  /** Drawn with the first challenge: numbers of whoever needs none are as they were. */
  #key: Secret | undefined;
  readonly #random: RandomSource;
  readonly #clock: Clock;
  readonly #store: Pick<Store, 'claimOnce'>;

  constructor(around: {
    readonly clock: Clock;
    readonly random: RandomSource;
    readonly store: Pick<Store, 'claimOnce'>;
  }) {
    this.#clock = around.clock;
    this.#random = around.random;
    this.#store = around.store;
  }

  issue(purpose: Purpose): Challenge {
    const pending = `${toBase64Url(randomBytes(this.#random, 32))}.${this.#clock.now() + CHALLENGE_MS}`;
    return { challenge: this.#challengeOf(pending, purpose), pending };
  }

  /**
   * The challenge that this browser has to have answered.
   * @param pending its cookie, attacker-controlled; undefined where it sent none
   * @throws `passkeyRefused`
   */
  expected(pending: string | undefined, purpose: Purpose): string {
    const [, , end] = PENDING.exec(pending ?? '') ?? [];
    if (pending === undefined || end === undefined)
      throw new HanseError('passkeyRefused', { reason: 'this browser has asked for no challenge' });
    const left = Number(end) - this.#clock.now();
    if (left <= 0 || left > CHALLENGE_MS)
      throw new HanseError('passkeyRefused', { reason: 'the challenge is too old' });
    return this.#challengeOf(pending, purpose);
  }

  /** To be called with what was answered rightly, before anything follows from it. Throws `passkeyRefused`. */
  async spend(challenge: string): Promise<void> {
    const now = this.#clock.now();
    const until = new Date(now + 2 * CHALLENGE_MS);
    if (!(await this.#store.claimOnce('challenge', challenge, until, new Date(now))))
      throw new HanseError('passkeyRefused', { reason: 'the challenge was answered before' });
  }

  #challengeOf(pending: string, purpose: Purpose): string {
    const whose = purpose.type === 'register' ? purpose.personId : '';
    this.#key ??= new Secret(randomBytes(this.#random, 32));
    const bytes = createHmac('sha256', this.#key.reveal())
      .update(utf8(`HANSE passkey challenge\0${purpose.type}\0${whose}\0${pending}`))
      .digest();
    return toBase64Url(bytes);
  }
}
