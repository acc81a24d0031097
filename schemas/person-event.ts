/**
 * Events of a federation that are about people: who was invited, signs in by what, and may send requests by which token.
 * SPEC.md section 4.11. Of links and tokens the hash alone is kept.
 */
import { type Static, Type } from 'typebox';
import { OrganisationId, Sha256, Timestamp } from './ids.ts';
import { DisplayName, Revocation } from './member.ts';
import { Actor, CredentialId, Handle, PersonId, PersonRole, Scopes, TokenId } from './person.ts';

const closed = { additionalProperties: false } as const;

/** A passkey as its authenticator has made it. */
export const PasskeyCredential = Type.Object(
  {
    credentialId: CredentialId,
    /** COSE_Key (RFC 9052, 7), base64url. */
    publicKey: Type.String({ pattern: '^[A-Za-z0-9_-]{1,2048}$' }),
    /** How often it had been used. */
    counter: Type.Integer({ minimum: 0, maximum: 0xffff_ffff }),
    isBackedUp: Type.Boolean(),
  },
  closed,
);
export type PasskeyCredential = Static<typeof PasskeyCredential>;

const PersonInvited = Type.Object(
  {
    type: Type.Literal('personInvited'),
    personId: PersonId,
    organisationId: OrganisationId,
    role: PersonRole,
    handle: Handle,
    name: DisplayName,
    by: Actor,
  },
  closed,
);
const LinkIssued = Type.Object(
  {
    type: Type.Literal('linkIssued'),
    linkSha256: Sha256,
    personId: PersonId,
    expiresAt: Timestamp,
    by: Actor,
  },
  closed,
);
const LinkSpent = Type.Object(
  { type: Type.Literal('linkSpent'), linkSha256: Sha256, personId: PersonId },
  closed,
);
/** With the first passkey. */
const PersonEnrolled = Type.Object(
  { type: Type.Literal('personEnrolled'), personId: PersonId, credential: PasskeyCredential },
  closed,
);
const CredentialAdded = Type.Object(
  { type: Type.Literal('credentialAdded'), personId: PersonId, credential: PasskeyCredential },
  closed,
);
const CredentialRemoved = Type.Object(
  { type: Type.Literal('credentialRemoved'), personId: PersonId, credentialId: CredentialId },
  closed,
);
const PersonRevoked = Type.Object(
  { type: Type.Literal('personRevoked'), personId: PersonId, ...Revocation.properties, by: Actor },
  closed,
);
const TokenIssued = Type.Object(
  {
    type: Type.Literal('tokenIssued'),
    tokenId: TokenId,
    tokenSha256: Sha256,
    personId: PersonId,
    name: DisplayName,
    scopes: Scopes,
    expiresAt: Timestamp,
    by: Actor,
  },
  closed,
);
const TokenRevoked = Type.Object({ type: Type.Literal('tokenRevoked'), tokenId: TokenId, by: Actor }, closed);

export const PersonEvent = Type.Union([
  PersonInvited,
  LinkIssued,
  LinkSpent,
  PersonEnrolled,
  CredentialAdded,
  CredentialRemoved,
  PersonRevoked,
  TokenIssued,
  TokenRevoked,
]);
export type PersonEvent = Static<typeof PersonEvent>;
