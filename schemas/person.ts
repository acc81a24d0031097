/**
 * People who use a coordinator themselves: what is said of them, and what they and operators send. SPEC.md section 4.11.
 *
 * A person is a random id. What somebody is called is beside it and can go; the log names ids alone.
 */
import { type Static, Type } from 'typebox';
import { OrganisationId, PRINTABLE, Timestamp } from './ids.ts';
import { DisplayName } from './member.ts';

const closed = { additionalProperties: false } as const;

/** In the form of a node's, so that either can be who has brought something about. */
export const PersonId = Type.String({
  pattern: '^[0-9a-f]{32}$',
  description: '16 random bytes, in lower-case hex',
});
export type PersonId = Static<typeof PersonId>;

/** Whoever has brought something about: the id of a node or of a person. */
export const Actor = Type.String({ pattern: '^[0-9a-f]{32}$' });
export type Actor = Static<typeof Actor>;

/**
 * operator: administers the coordinator; partner: acts for an organisation that takes part; researcher: proposes jobs;
 * auditor: reads what is on record, and changes nothing.
 */
export const PersonRole = Type.Union([
  Type.Literal('operator'),
  Type.Literal('partner'),
  Type.Literal('researcher'),
  Type.Literal('auditor'),
]);
export type PersonRole = Static<typeof PersonRole>;

/** By which a person is told from all others: letters that no other letter looks like. */
export const Handle = Type.String({ pattern: '^[a-z0-9](?:[a-z0-9._-]{0,38}[a-z0-9])?$' });
export type Handle = Static<typeof Handle>;

/** base64url of 32 random bytes: a single-use link carries it, and nobody keeps it. */
export const LinkToken = Type.String({ pattern: '^[A-Za-z0-9_-]{43}$' });
export type LinkToken = Static<typeof LinkToken>;

export const CredentialId = Type.String({ pattern: '^[A-Za-z0-9_-]{16,512}$' });
export type CredentialId = Static<typeof CredentialId>;

/** Of a session or a token, for those who list and end them; it opens nothing. */
export const SessionId = Type.String({ pattern: '^[0-9a-f]{32}$' });
export type SessionId = Static<typeof SessionId>;
export const TokenId = Type.String({ pattern: '^[0-9a-f]{32}$' });
export type TokenId = Static<typeof TokenId>;

/** What a request does, as `protocol/routes.ts` names it. */
export const Scope = Type.String({ pattern: '^[a-zA-Z][a-zA-Z.:]{0,63}$' });
export const Scopes = Type.Array(Scope, { minItems: 1, maxItems: 100, uniqueItems: true });

const Lifetime = Type.Integer({ minimum: 60, maximum: 604_800 });

export const PersonInvite = Type.Object(
  {
    organisationId: OrganisationId,
    role: PersonRole,
    handle: Handle,
    name: DisplayName,
    /** Of the link: from a minute to a week. */
    lifetimeSeconds: Lifetime,
  },
  closed,
);
export type PersonInvite = Static<typeof PersonInvite>;

export const LinkRequest = Type.Object({ lifetimeSeconds: Lifetime }, closed);
export type LinkRequest = Static<typeof LinkRequest>;

/** The only message that holds the token of a link; the coordinator keeps its hash alone. */
export const PersonLink = Type.Object({ personId: PersonId, token: LinkToken, expiresAt: Timestamp }, closed);
export type PersonLink = Static<typeof PersonLink>;

export const Passkey = Type.Object(
  {
    credentialId: CredentialId,
    addedAt: Timestamp,
    /** It is on several devices of its owner. */
    isBackedUp: Type.Boolean(),
  },
  closed,
);
export type Passkey = Static<typeof Passkey>;

export const Person = Type.Object(
  {
    personId: PersonId,
    organisationId: OrganisationId,
    role: PersonRole,
    handle: Handle,
    /** The name, or the id of somebody whose name could be taken for another: SPEC.md section 4.11. */
    shownAs: Type.String({ minLength: 1, maxLength: 80, pattern: PRINTABLE }),
    invitedAt: Timestamp,
    /** Since when there is a passkey. */
    enrolledAt: Type.Union([Timestamp, Type.Null()]),
    revokedAt: Type.Union([Timestamp, Type.Null()]),
  },
  closed,
);
export type Person = Static<typeof Person>;

export const People = Type.Object({ people: Type.Array(Person) }, closed);
export type People = Static<typeof People>;

export const SignInMethod = Type.Union([Type.Literal('passkey'), Type.Literal('link')]);
export type SignInMethod = Static<typeof SignInMethod>;

export const Session = Type.Object(
  {
    sessionId: SessionId,
    method: SignInMethod,
    openedAt: Timestamp,
    usedAt: Timestamp,
    /** However it is used. */
    endsAt: Timestamp,
    /** Of the request that asks. */
    isThis: Type.Boolean(),
  },
  closed,
);
export type Session = Static<typeof Session>;

export const Sessions = Type.Object({ sessions: Type.Array(Session) }, closed);
export type Sessions = Static<typeof Sessions>;

/** The person whom a request is of. */
export const Self = Type.Object(
  { person: Person, passkeys: Type.Array(Passkey), endsAt: Type.Union([Timestamp, Type.Null()]) },
  closed,
);
export type Self = Static<typeof Self>;

export const LinkSignIn = Type.Object({ token: LinkToken }, closed);
export type LinkSignIn = Static<typeof LinkSignIn>;

const requested = {
  name: DisplayName,
  scopes: Scopes,
  /** Up to ninety days. */
  lifetimeSeconds: Type.Integer({ minimum: 60, maximum: 7_776_000 }),
} as const;

export const OwnTokenRequest = Type.Object(requested, closed);
export type OwnTokenRequest = Static<typeof OwnTokenRequest>;

export const TokenRequest = Type.Object({ personId: PersonId, ...requested }, closed);
export type TokenRequest = Static<typeof TokenRequest>;

const token = {
  tokenId: TokenId,
  personId: PersonId,
  name: DisplayName,
  scopes: Scopes,
  expiresAt: Timestamp,
} as const;

/** The only message that holds the token itself. */
export const IssuedToken = Type.Object(
  { ...token, token: Type.String({ pattern: '^hanse_[A-Za-z0-9_-]{43}$' }) },
  closed,
);
export type IssuedToken = Static<typeof IssuedToken>;

/** As `2026-11-28`, in UTC. */
export const Day = Type.String({ pattern: '^[0-9]{4}-[0-9]{2}-[0-9]{2}$' });

export const Token = Type.Object(
  {
    ...token,
    issuedAt: Timestamp,
    revokedAt: Type.Union([Timestamp, Type.Null()]),
    lastUsed: Type.Union([Day, Type.Null()]),
  },
  closed,
);
export type Token = Static<typeof Token>;

export const Tokens = Type.Object({ tokens: Type.Array(Token) }, closed);
export type Tokens = Static<typeof Tokens>;
