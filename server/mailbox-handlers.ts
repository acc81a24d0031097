/**
 * What the coordinator does for the routes of letters. As all of `handlers.ts`, free of any transport; role and form
 * have been checked.
 */
import { invalid, type LetterSender } from '../protocol/letter.ts';
import { HanseError } from '../protocol/problem.ts';
import type { RouteName } from '../protocol/routes.ts';
import type { LetterStatement } from '../schemas/letter.ts';
import type { Coordinator } from './coordinator.ts';
import type { Handlers } from './handler-types.ts';

/** Letters in one answer. */
const AT_ONCE = 16;

type LetterRoute = Extract<RouteName, 'postLetter' | 'listLetters' | 'ackLetters'>;

export function mailboxHandlers(coordinator: Coordinator): Pick<Handlers, LetterRoute> {
  const { federation, mailboxes, presence } = coordinator;

  const senderOf = ({ organisationId, nodeId }: LetterStatement['from']): LetterSender | undefined => {
    const organisation = federation.organisation(organisationId);
    if (!organisation) return undefined;
    const { publicKey, revokedAt } = organisation;
    if (nodeId === null) return { publicKey, revokedAt, validUntil: null };
    const member = federation.member(nodeId);
    return member?.organisationId === organisationId ? member.entry : undefined;
  };

  return {
    postLetter: async ({ body: letter, member }) => {
      const { federationId, from, to } = letter.statement;
      federation.requireValid(member.nodeId);
      if (federationId !== federation.id) throw invalid(letter, 'it is of another federation');
      const isOwn = from.nodeId === null || from.nodeId === member.nodeId;
      if (from.organisationId !== member.organisationId || !isOwn)
        throw invalid(letter, 'it is not of the node that sends it');
      const recipient = federation.organisation(to);
      // Not `memberRevoked`: a sender takes that for its own end.
      if (!recipient || recipient.revokedAt !== null) throw new HanseError('nodeUnknown', { id: to });
      const receipt = await mailboxes.post(letter, senderOf(from));
      for (const nodeId of recipient.nodes) presence.wake(nodeId);
      return receipt;
    },

    listLetters: async ({ query, member }) => ({
      letters: mailboxes.list(member.organisationId, Number(query.after ?? 0), AT_ONCE),
    }),

    ackLetters: async ({ body, member }) => {
      federation.requireValid(member.nodeId);
      await mailboxes.read(member.organisationId, body.upTo, member.nodeId);
      return {};
    },
  };
}
