// covers: schemas/passkey.ts
import { beforeAll, describe, expect, test } from 'vitest';
import { parse } from '../../../protocol/parse.ts';
import { PasskeyAssertion, PasskeyRegistration } from '../../../schemas/passkey.ts';
import type { PasskeyCredential } from '../../../schemas/person-event.ts';
import {
  assertionOptions,
  registrationOptions,
  userHandleOf,
  verifyAssertion,
  verifyRegistration,
} from '../../../server/people/passkey.ts';
import type { KnownPerson } from '../../../server/people/people-state.ts';
import { PERSON } from '../../fixtures/sample-events.ts';
import { cbor, type Deviations, SoftwareAuthenticator } from '../../fixtures/software-authenticator.ts';

const ORIGIN = { origins: ['https://hanse.example'], rpId: 'hanse.example', isSecure: true };
const ELSEWHERE = 'https://hanse.example.evil.example';
const CHALLENGE = 'A'.repeat(43);
const person: KnownPerson = {
  ...{ personId: PERSON, organisationId: 'clinic-a.example', handle: 'ada', name: 'Ada' },
  ...{ role: 'researcher', invitedAt: '', enrolledAt: null, revokedAt: null, credentials: [] },
};
const creating = registrationOptions(CHALLENGE, ORIGIN, person);
const signing = assertionOptions(CHALLENGE, ORIGIN);

let authenticator: SoftwareAuthenticator;
let credential: PasskeyCredential;
beforeAll(async () => {
  authenticator = await SoftwareAuthenticator.make('https://hanse.example');
  credential = await verifyRegistration(await authenticator.register(creating), CHALLENGE, ORIGIN);
});

const refused = (reason: string) => expect.objectContaining({ code: 'passkeyRefused', detail: { reason } });
const check = (response: PasskeyAssertion, counter = credential.counter) =>
  verifyAssertion(response, CHALLENGE, ORIGIN, { ...credential, personId: PERSON, counter });

describe('what an authenticator is asked', () => {
  test('is to know its owner, to be found without a name, and nothing of who has made it', () => {
    expect(creating).toMatchObject({
      attestation: 'none',
      authenticatorSelection: { residentKey: 'required', userVerification: 'required' },
      rp: { id: 'hanse.example' },
      user: { id: userHandleOf(PERSON), name: 'ada', displayName: 'Ada' },
    });
    expect(creating.pubKeyCredParams.map(({ alg }) => alg)).toEqual([-8, -7, -257]);
    expect(signing).toMatchObject({ userVerification: 'required', rpId: 'hanse.example' });
  });
});

describe('a registration', () => {
  const attempt = async (odd: Deviations = {}) =>
    verifyRegistration(await authenticator.register(creating, odd), CHALLENGE, ORIGIN);

  test('has the form of the schema, and gives the passkey', async () => {
    expect(() => parse(PasskeyRegistration, {}, 'it')).toThrow();
    parse(PasskeyRegistration, await authenticator.register(creating), 'it');
    expect(await attempt()).toEqual(credential);
    expect(credential).toMatchObject({ credentialId: authenticator.credentialId, counter: 0 });
  });

  test.each<[string, Deviations, string]>([
    ['of another origin', { origin: ELSEWHERE }, 'it was asked for at another origin'],
    ['in a frame of another', { crossOrigin: true }, 'it was asked for in a page of another origin'],
    ['under the page of another', { topOrigin: ELSEWHERE }, 'it was asked for in a page of another origin'],
    ['for another host', { rpId: 'evil.example' }, 'it is for another coordinator'],
    ['with another challenge', { challenge: 'B'.repeat(43) }, 'it answers another challenge'],
    ['that is an assertion', { type: 'webauthn.get' }, 'it is an answer to another question'],
    ['without its owner', { isUnverified: true }, 'its owner was not verified'],
    ['without anybody', { isAbsent: true }, 'its owner was not verified'],
    ['of a weak algorithm', { algorithm: -65_535 }, 'it does not verify'],
    [
      'with certificates',
      { format: 'packed', statement: new Map([['x5c', [new Uint8Array(3)]]]) },
      'it brings an attestation, which nobody has asked for',
    ],
    [
      'of a format that names certificates',
      { format: 'fido-u2f' },
      'it brings an attestation, which nobody has asked for',
    ],
    ['with a signature that is none', { format: 'packed', statement: new Map() }, 'it does not verify'],
  ])('%s is refused', async (_, odd, reason) => {
    await expect(attempt(odd)).rejects.toEqual(refused(reason));
    await expect(attempt()).resolves.toBeDefined();
  });

  test('under another id than it makes is refused', async () => {
    const response = await authenticator.register(creating);
    const id = 'x'.repeat(22);
    await expect(verifyRegistration({ ...response, id, rawId: id }, CHALLENGE, ORIGIN)).rejects.toEqual(
      refused('it names another passkey than it makes'),
    );
  });

  test('that is no CBOR, or no base64url, is refused', async () => {
    const sound = await authenticator.register(creating);
    for (const attestationObject of ['AAAA', 'A', Buffer.from(cbor(new Map())).toString('base64url')]) {
      const response = { ...sound.response, attestationObject };
      await expect(verifyRegistration({ ...sound, response }, CHALLENGE, ORIGIN)).rejects.toMatchObject({
        code: 'passkeyRefused',
      });
    }
  });
});

describe('an assertion', () => {
  test('has the form of the schema, and tells the counter', async () => {
    const response = await authenticator.sign(signing);
    parse(PasskeyAssertion, response, 'it');
    expect(await check(response)).toBe(authenticator.counter);
  });

  test.each<[string, Deviations, string]>([
    ['of another origin', { origin: ELSEWHERE }, 'it was asked for at another origin'],
    ['without TLS', { origin: 'http://hanse.example' }, 'it was asked for at another origin'],
    ['in a frame of another', { crossOrigin: true }, 'it was asked for in a page of another origin'],
    ['for another host', { rpId: 'example' }, 'it is for another coordinator'],
    ['with another challenge', { challenge: 'B'.repeat(43) }, 'it answers another challenge'],
    ['that is a registration', { type: 'webauthn.create' }, 'it is an answer to another question'],
    ['without its owner', { isUnverified: true }, 'its owner was not verified'],
    ['without anybody', { isAbsent: true }, 'its owner was not verified'],
    ['of another person', { userHandle: userHandleOf('3'.repeat(32)) }, 'it is for another person'],
  ])('%s is refused', async (_, odd, reason) => {
    await expect(check(await authenticator.sign(signing, odd))).rejects.toEqual(refused(reason));
    await expect(check(await authenticator.sign(signing))).resolves.toBeGreaterThan(0);
  });

  test('whose counter does not grow is refused', async () => {
    const response = await authenticator.sign(signing, { counter: 5 });
    await expect(check(response, 4)).resolves.toBe(5);
    for (const known of [5, 6])
      await expect(check(response, known)).rejects.toEqual(refused('its counter went back'));
  });

  test('whose signature is of another key, or of other data, is refused', async () => {
    const other = await SoftwareAuthenticator.make('https://hanse.example');
    const [mine, theirs] = [await authenticator.sign(signing), await other.sign(signing)];
    const { signature } = theirs.response;
    await expect(check({ ...mine, response: { ...mine.response, signature } })).rejects.toEqual(
      refused('its signature does not verify'),
    );
    await expect(check(mine)).resolves.toBeGreaterThan(0);
  });

  test('whose client data are no JSON is refused', async () => {
    const sound = await authenticator.sign(signing);
    for (const text of ['{', 'null', '"x"']) {
      const clientDataJSON = Buffer.from(text).toString('base64url');
      await expect(
        check({ ...sound, response: { ...sound.response, clientDataJSON } }),
      ).rejects.toMatchObject({ code: 'passkeyRefused' });
    }
  });
});
