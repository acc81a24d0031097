/**
 * The events of the mailboxes of a federation. SPEC.md section 4.9.
 */
import { type Static, Type } from 'typebox';
import { NodeId, OrganisationId } from './ids.ts';
import { Letter, LettersRead } from './letter.ts';

const closed = { additionalProperties: false } as const;

export const MailboxEvent = Type.Union([
  Type.Object({ type: Type.Literal('letterPosted'), letter: Letter }, closed),
  Type.Object(
    {
      type: Type.Literal('lettersRead'),
      organisationId: OrganisationId,
      ...LettersRead.properties,
      by: NodeId,
    },
    closed,
  ),
]);
export type MailboxEvent = Static<typeof MailboxEvent>;
