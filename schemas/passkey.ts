/**
 * What browsers and a coordinator tell each other of passkeys: the JSON forms of Web Authentication Level 3, sections 5.1.8 to
 * 5.1.10, as far as they are used here. SPEC.md section 4.11.
 */
import { type Static, Type } from 'typebox';
import { CredentialId } from './person.ts';

const closed = { additionalProperties: false } as const;

const Base64Url = (maxLength: number) => Type.String({ pattern: `^[A-Za-z0-9_-]{1,${maxLength}}$` });

const Attachment = Type.Optional(Type.Union([Type.Literal('platform'), Type.Literal('cross-platform')]));
const Transports = Type.Optional(Type.Array(Type.String({ pattern: '^[a-z-]{1,20}$' }), { maxItems: 8 }));
const PublicKeyType = Type.Literal('public-key');
const Descriptor = Type.Object({ id: CredentialId, type: PublicKeyType, transports: Transports }, closed);

/** Says nothing that is used; its members are whatever extensions a browser has. */
const Extensions = Type.Object(
  { credProps: Type.Optional(Type.Object({ rk: Type.Optional(Type.Boolean()) }, closed)) },
  closed,
);

/** Of what an authenticator answers, whatever it was asked for. */
const credential = {
  id: CredentialId,
  rawId: CredentialId,
  type: PublicKeyType,
  authenticatorAttachment: Attachment,
  clientExtensionResults: Extensions,
} as const;

export const PasskeyAssertion = Type.Object(
  {
    ...credential,
    response: Type.Object(
      {
        clientDataJSON: Base64Url(2048),
        authenticatorData: Base64Url(4096),
        signature: Base64Url(2048),
        userHandle: Type.Optional(Base64Url(128)),
      },
      closed,
    ),
  },
  closed,
);
export type PasskeyAssertion = Static<typeof PasskeyAssertion>;

export const PasskeyRegistration = Type.Object(
  {
    ...credential,
    response: Type.Object(
      {
        clientDataJSON: Base64Url(2048),
        attestationObject: Base64Url(4096),
        authenticatorData: Type.Optional(Base64Url(4096)),
        transports: Transports,
        publicKeyAlgorithm: Type.Optional(Type.Integer({ minimum: -65_536, maximum: 65_536 })),
        publicKey: Type.Optional(Base64Url(2048)),
      },
      closed,
    ),
  },
  closed,
);
export type PasskeyRegistration = Static<typeof PasskeyRegistration>;

/** For `navigator.credentials.get`. */
export const AssertionOptions = Type.Object(
  {
    challenge: Base64Url(64),
    rpId: Type.String({ maxLength: 253 }),
    /** Milliseconds. */
    timeout: Type.Integer({ minimum: 0 }),
    userVerification: Type.Literal('required'),
  },
  closed,
);
export type AssertionOptions = Static<typeof AssertionOptions>;

/** For `navigator.credentials.create`. */
export const RegistrationOptions = Type.Object(
  {
    challenge: Base64Url(64),
    rp: Type.Object({ id: Type.String({ maxLength: 253 }), name: Type.String() }, closed),
    user: Type.Object({ id: Base64Url(64), name: Type.String(), displayName: Type.String() }, closed),
    pubKeyCredParams: Type.Array(Type.Object({ alg: Type.Integer(), type: PublicKeyType }, closed)),
    timeout: Type.Integer({ minimum: 0 }),
    attestation: Type.Literal('none'),
    excludeCredentials: Type.Array(Descriptor),
    authenticatorSelection: Type.Object(
      {
        residentKey: Type.Literal('required'),
        requireResidentKey: Type.Literal(true),
        userVerification: Type.Literal('required'),
      },
      closed,
    ),
  },
  closed,
);
export type RegistrationOptions = Static<typeof RegistrationOptions>;
