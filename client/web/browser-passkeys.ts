/** Passkeys of this browser and its authenticators, by @simplewebauthn/browser. Web Authentication Level 3, section 5.1. */
import { startAuthentication, startRegistration } from '@simplewebauthn/browser';
import type {
  AssertionOptions,
  PasskeyAssertion,
  PasskeyRegistration,
  RegistrationOptions,
} from '../../schemas/passkey.ts';

export interface Passkeys {
  /** Rejects where the person gives up, or has none. */
  sign(options: AssertionOptions): Promise<PasskeyAssertion>;
  make(options: RegistrationOptions): Promise<PasskeyRegistration>;
}

/** Extensions are not asked for; whatever some password managers answer of their own stays here. */
export const browserPasskeys: Passkeys = {
  async sign(options) {
    const answer = await startAuthentication({ optionsJSON: options });
    return { ...answer, clientExtensionResults: {} } as PasskeyAssertion;
  },
  async make(options) {
    const answer = await startRegistration({ optionsJSON: options as never });
    const { clientDataJSON, attestationObject } = answer.response;
    return {
      ...answer,
      clientExtensionResults: {},
      response: { clientDataJSON, attestationObject },
    } as PasskeyRegistration;
  },
};
