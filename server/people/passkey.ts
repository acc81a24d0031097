/**
 * Passkeys: what an authenticator is asked, and whether its answer holds. Web Authentication Level 3, sections 7.1 and 7.2, by
 * @simplewebauthn/server; SPEC.md section 4.11.
 *
 * Stricter than the library in three ways. A page of another origin may not ask, in a frame neither, which the library permits at a
 * registration. Who has made the authenticator is not asked for, so an attestation that names certificates is refused unread:
 * to check it the library would fetch what those certificates name. And each answer is for the person whose handle it has.
 */
import { fromBase64, hexBytes, toBase64Url } from '../../protocol/bytes.ts';
import { HanseError } from '../../protocol/problem.ts';
import type {
  AssertionOptions,
  PasskeyAssertion,
  PasskeyRegistration,
  RegistrationOptions,
} from '../../schemas/passkey.ts';
import type { PasskeyCredential } from '../../schemas/person-event.ts';
import type { KnownPerson } from './people-state.ts';
import { CHALLENGE_MS } from './sign-in-challenge.ts';
import type { WebOrigin } from './web-origin.ts';

/** EdDSA, ES256 and RS256 (RFC 9053; RFC 8812). */
const ALGORITHMS = [-8, -7, -257];

const RP_NAME = 'Hanse';

/** Loaded when the first one signs in: it takes a tenth of a second, and nodes never need it. */
const library = () => import('@simplewebauthn/server');
const libraryHelpers = () => import('@simplewebauthn/server/helpers');

export function assertionOptions(challenge: string, { rpId }: WebOrigin): AssertionOptions {
  return { challenge, rpId, timeout: CHALLENGE_MS, userVerification: 'required' };
}

export function registrationOptions(
  challenge: string,
  { rpId }: WebOrigin,
  { personId, handle, name, credentials }: KnownPerson,
): RegistrationOptions {
  return {
    challenge,
    rp: { id: rpId, name: RP_NAME },
    user: { id: userHandleOf(personId), name: handle, displayName: name },
    pubKeyCredParams: ALGORITHMS.map((alg) => ({ alg, type: 'public-key' as const })),
    timeout: CHALLENGE_MS,
    attestation: 'none',
    excludeCredentials: credentials.map(({ credentialId }) => ({
      id: credentialId,
      type: 'public-key' as const,
    })),
    authenticatorSelection: {
      residentKey: 'required',
      requireResidentKey: true,
      userVerification: 'required',
    },
  };
}

/**
 * @param response attacker-controlled
 * @param challenge that this browser was given
 * @throws `passkeyRefused`
 */
export async function verifyRegistration(
  response: PasskeyRegistration,
  challenge: string,
  origin: WebOrigin,
): Promise<PasskeyCredential> {
  requireClientData(response.response.clientDataJSON, 'webauthn.create', challenge, origin);
  const verified = await holding(async () => {
    await requireNoCertificates(response.response.attestationObject);
    const { verifyRegistrationResponse } = await library();
    return verifyRegistrationResponse({
      response: forLibrary(response),
      expectedChallenge: challenge,
      expectedOrigin: [...origin.origins],
      expectedRPID: origin.rpId,
      requireUserVerification: true,
      supportedAlgorithmIDs: ALGORITHMS,
    });
  });
  if (!verified.verified) throw refused('its attestation does not hold');
  const { credential, credentialBackedUp } = verified.registrationInfo;
  if (credential.id !== response.id) throw refused('it names another passkey than it makes');
  return {
    credentialId: credential.id,
    publicKey: toBase64Url(credential.publicKey),
    counter: credential.counter,
    isBackedUp: credentialBackedUp,
  };
}

/**
 * @param response attacker-controlled
 * @param known the passkey that it names, with the counter that it had last
 * @returns the counter that it has now
 * @throws `passkeyRefused`
 */
export async function verifyAssertion(
  response: PasskeyAssertion,
  challenge: string,
  origin: WebOrigin,
  known: PasskeyCredential & { readonly personId: string },
): Promise<number> {
  requireClientData(response.response.clientDataJSON, 'webauthn.get', challenge, origin);
  const { userHandle } = response.response;
  if (userHandle !== undefined && userHandle !== userHandleOf(known.personId))
    throw refused('it is for another person');
  const { verified, authenticationInfo } = await holding(async () => {
    const { verifyAuthenticationResponse } = await library();
    return verifyAuthenticationResponse({
      response: forLibrary(response),
      expectedChallenge: challenge,
      expectedOrigin: [...origin.origins],
      expectedRPID: origin.rpId,
      requireUserVerification: true,
      credential: {
        id: known.credentialId,
        publicKey: new Uint8Array(bytesOf(known.publicKey)),
        counter: known.counter,
      },
    });
  });
  if (!verified) throw refused('its signature does not verify');
  return authenticationInfo.newCounter;
}

/** Of a person, as passkeys have it: the id itself, which says nothing. */
export function userHandleOf(personId: string): string {
  return toBase64Url(hexBytes(personId));
}

/** Attacker-controlled. */
interface ClientData {
  readonly type?: unknown;
  readonly challenge?: unknown;
  readonly origin?: unknown;
  readonly crossOrigin?: unknown;
  readonly topOrigin?: unknown;
}

/** What the browser says of the page that has asked (section 5.8.1). */
function requireClientData(encoded: string, type: string, challenge: string, { origins }: WebOrigin): void {
  let said: ClientData = {};
  try {
    said = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytesOf(encoded))) ?? {};
  } catch (cause) {
    throw refused('its client data cannot be read', cause);
  }
  if (said.type !== type) throw refused('it is an answer to another question');
  if (said.challenge !== challenge) throw refused('it answers another challenge');
  if (!origins.includes(String(said.origin))) throw refused('it was asked for at another origin');
  if ((said.crossOrigin ?? false) !== false || said.topOrigin !== undefined)
    throw refused('it was asked for in a page of another origin');
}

async function requireNoCertificates(attestationObject: string): Promise<void> {
  const { decodeAttestationObject } = await libraryHelpers();
  const decoded = decodeAttestationObject(new Uint8Array(bytesOf(attestationObject)));
  const [format, statement] = [decoded.get('fmt'), decoded.get('attStmt')];
  const isBare =
    format === 'none' || (format === 'packed' && !(statement as Map<string, unknown>).has('x5c'));
  if (!isBare) throw refused('it brings an attestation, which nobody has asked for');
}

/** The library throws for whatever does not hold, in words that the answer may have chosen. */
async function holding<Result>(check: () => Promise<Result>): Promise<Result> {
  try {
    return await check();
  } catch (cause) {
    if (cause instanceof HanseError) throw cause;
    throw refused(reasonOf(cause), cause);
  }
}

function reasonOf(cause: unknown): string {
  const text = cause instanceof Error ? cause.message : '';
  if (/counter value/.test(text)) return 'its counter went back';
  if (/RP ID/.test(text)) return 'it is for another coordinator';
  if (/verif|present/i.test(text)) return 'its owner was not verified';
  return 'it does not verify';
}

/** The library's types have no members that may be undefined. */
function forLibrary<Response>(response: Response): never {
  return response as never;
}

function bytesOf(base64Url: string): Uint8Array {
  const padded = base64Url
    .replaceAll('-', '+')
    .replaceAll('_', '/')
    .padEnd(Math.ceil(base64Url.length / 4) * 4, '=');
  const bytes = fromBase64(padded);
  if (!bytes) throw refused('it holds text that is not base64url');
  return bytes;
}

function refused(reason: string, cause?: unknown): HanseError {
  return new HanseError('passkeyRefused', { reason }, cause === undefined ? undefined : { cause });
}
