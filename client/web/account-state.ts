/** What the page of an account knows, and what it does when somebody asks for it. SPEC.md section 4.11. */
import { signal } from '@preact/signals';
import { HanseError, isProblem } from '../../protocol/problem.ts';
import { linkTokenIn } from '../../protocol/sign-in-link.ts';
import type { Self, Session } from '../../schemas/person.ts';
import type { Ask } from './account-api.ts';
import type { Passkeys } from './browser-passkeys.ts';

export class AccountState {
  /** Undefined while nobody is signed in. */
  readonly self = signal<Self | undefined>(undefined);
  readonly sessions = signal<readonly Session[]>([]);
  /** Of the link that has led here, until it is used. */
  readonly token = signal<string | undefined>(undefined);
  readonly problem = signal<unknown>(undefined);
  readonly isBusy = signal(true);
  readonly #ask: Ask;
  readonly #passkeys: Passkeys;

  constructor(ask: Ask, passkeys: Passkeys) {
    this.#ask = ask;
    this.#passkeys = passkeys;
  }

  /** @param fragment of the address, attacker-controlled */
  start(fragment: string): Promise<void> {
    return this.#do(async () => {
      this.token.value = linkTokenIn(fragment);
      try {
        await this.#show(await this.#ask('getSelf', {}));
      } catch (error) {
        if (!isProblem(error, 'signatureMissing') && !isProblem(error, 'sessionEnded')) throw error;
      }
    });
  }

  /** Not by itself when the page opens: whatever looks at links beforehand would use it up. */
  signInByLink(): Promise<void> {
    return this.#do(async () => {
      const { value: token } = this.token;
      if (token === undefined) return;
      this.token.value = undefined;
      await this.#show(await this.#ask('signInByLink', { body: { token } }));
    });
  }

  signInByPasskey(): Promise<void> {
    return this.#do(async () => {
      const options = await this.#ask('startSignIn', {});
      const body = await this.#byPerson(this.#passkeys.sign(options));
      await this.#show(await this.#ask('signInByPasskey', { body }));
    });
  }

  addPasskey(): Promise<void> {
    return this.#do(async () => {
      const options = await this.#ask('startPasskey', {});
      const body = await this.#byPerson(this.#passkeys.make(options));
      await this.#show(await this.#ask('addPasskey', { body }));
    });
  }

  endSession(sessionId: string): Promise<void> {
    return this.#do(async () => {
      await this.#ask('endOwnSession', { params: { sessionId } });
      this.sessions.value = (await this.#ask('listOwnSessions', {})).sessions;
    });
  }

  signOut(): Promise<void> {
    return this.#do(async () => {
      await this.#ask('signOut', {});
      this.self.value = undefined;
      this.sessions.value = [];
    });
  }

  async #show(self: Self): Promise<void> {
    this.self.value = self;
    this.sessions.value = (await this.#ask('listOwnSessions', {})).sessions;
  }

  /** A browser does not tell why nothing came of it, so that no page learns which passkeys there are. */
  async #byPerson<Answer>(answer: Promise<Answer>): Promise<Answer> {
    try {
      return await answer;
    } catch (cause) {
      throw new HanseError('passkeyRefused', { reason: 'the browser gave none' }, { cause });
    }
  }

  async #do(action: () => Promise<void>): Promise<void> {
    this.isBusy.value = true;
    this.problem.value = undefined;
    try {
      await action();
    } catch (error) {
      if (isProblem(error, 'sessionEnded')) this.self.value = undefined;
      this.problem.value = error;
    } finally {
      this.isBusy.value = false;
    }
  }
}
