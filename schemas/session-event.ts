/**
 * Events of the stream `sessions`: who has signed in, until when, and what has been used last. SPEC.md section 4.11. What opens
 * a session is in no event, only its hash, which is worth nothing once the session has ended.
 */
import { type Static, Type } from 'typebox';
import { Sha256 } from './ids.ts';
import { Actor, CredentialId, Day, PersonId, SessionId, SignInMethod, TokenId } from './person.ts';

const closed = { additionalProperties: false } as const;

export const SessionEnd = Type.Union([
  Type.Literal('signedOut'),
  Type.Literal('expired'),
  Type.Literal('revoked'),
  /** Another sign-in in the same browser has taken its place. */
  Type.Literal('replaced'),
  /** The person has opened more than may be open at once. */
  Type.Literal('crowdedOut'),
]);
export type SessionEnd = Static<typeof SessionEnd>;

const SessionOpened = Type.Object(
  {
    type: Type.Literal('sessionOpened'),
    sessionId: SessionId,
    secretSha256: Sha256,
    personId: PersonId,
    method: SignInMethod,
    /** By which passkey, and how often that had been used then. */
    credential: Type.Optional(
      Type.Object(
        { credentialId: CredentialId, counter: Type.Integer({ minimum: 0, maximum: 0xffff_ffff }) },
        closed,
      ),
    ),
  },
  closed,
);
/** Now and then, so that a start of the coordinator knows about when it was used last. */
const SessionUsed = Type.Object({ type: Type.Literal('sessionUsed'), sessionId: SessionId }, closed);
const SessionClosed = Type.Object(
  {
    type: Type.Literal('sessionClosed'),
    sessionId: SessionId,
    personId: PersonId,
    reason: SessionEnd,
    /** Null where nobody has. */
    by: Type.Union([Actor, Type.Null()]),
  },
  closed,
);
/** Once a day. */
const TokenUsed = Type.Object({ type: Type.Literal('tokenUsed'), tokenId: TokenId, day: Day }, closed);

export const SessionEvent = Type.Union([SessionOpened, SessionUsed, SessionClosed, TokenUsed]);
export type SessionEvent = Static<typeof SessionEvent>;
