/**
 * Letters from one organisation to another, which wait on the coordinator until they are fetched. SPEC.md section 4.9.
 */
import { type Static, Type } from 'typebox';
import { FederationId, NodeId, OrganisationId, Sha256, Signature, Timestamp } from './ids.ts';

const closed = { additionalProperties: false } as const;

/** Of the body, in UTF-8. */
export const LETTER_BYTES_MAX = 16_384;

/** Chosen by the sender at random: a letter that is sent again is the same letter. */
export const LetterId = Type.String({ pattern: '^[0-9a-f]{32}$', description: '16 random bytes in hex' });
export type LetterId = Static<typeof LetterId>;

/** What the sender signs. */
export const LetterStatement = Type.Object(
  {
    federationId: FederationId,
    letterId: LetterId,
    from: Type.Object(
      {
        organisationId: OrganisationId,
        /** Null: signed with the key of the organisation itself. */
        nodeId: Type.Union([NodeId, Type.Null()]),
      },
      closed,
    ),
    to: OrganisationId,
    /** What the body is, and who reads it. */
    type: Type.String({ pattern: '^[a-z][A-Za-z0-9.]{0,63}$' }),
    createdAt: Timestamp,
    /** Whoever reads it from then on does not act on it. */
    expiresAt: Timestamp,
    bodySha256: Sha256,
  },
  closed,
);
export type LetterStatement = Static<typeof LetterStatement>;

export const Letter = Type.Object(
  {
    statement: LetterStatement,
    /** Text, whose form its type gives; commonly JSON. */
    body: Type.String({ maxLength: LETTER_BYTES_MAX }),
    signature: Signature,
  },
  closed,
);
export type Letter = Static<typeof Letter>;

/** Counts the letters to one organisation from 1, in the order in which the coordinator took them. */
export const LetterNumber = Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER });

export const WaitingLetter = Type.Object({ number: LetterNumber, letter: Letter }, closed);
export type WaitingLetter = Static<typeof WaitingLetter>;

/** In ascending order; those behind them are asked for next. */
export const Letters = Type.Object({ letters: Type.Array(WaitingLetter, { maxItems: 16 }) }, closed);
export type Letters = Static<typeof Letters>;

/** The letter is on disk. */
export const LetterReceipt = Type.Object({ letterId: LetterId, number: LetterNumber }, closed);
export type LetterReceipt = Static<typeof LetterReceipt>;

/** All letters up to this one have been dealt with. */
export const LettersRead = Type.Object({ upTo: LetterNumber }, closed);
export type LettersRead = Static<typeof LettersRead>;
