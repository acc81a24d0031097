/**
 * What the events of the mailboxes come to: for every organisation the letters that wait for it, in order. SPEC.md
 * section 4.9. Pure.
 *
 * Letters that have expired are forgotten at the next event. Ids of letters that were read are known until these
 * expire, so that a sender who repeats one does not send it twice.
 */
import { HanseError } from '../protocol/problem.ts';
import type { NodeId, OrganisationId } from '../schemas/ids.ts';
import type { Letter, LetterId, WaitingLetter } from '../schemas/letter.ts';
import type { MailboxEvent } from '../schemas/mailbox-event.ts';

/** How many letters may wait. With the most that a body may have, an organisation can cost 8 MiB of memory. */
export const MAILBOX_LIMITS = {
  /** For one organisation. */
  recipient: 1024,
  /** Of one organisation, for all others. */
  sender: 256,
  /** Of one organisation for one other: no sender fills the mailbox of another alone. */
  pair: 64,
} as const;

interface KnownLetter {
  readonly number: number;
  readonly signature: string;
  readonly expiresAt: string;
}

export interface Mailbox {
  /** Number of the last letter that was taken, and of the last that was read. */
  readonly last: number;
  readonly read: number;
  readonly waiting: readonly WaitingLetter[];
  readonly known: ReadonlyMap<LetterId, KnownLetter>;
}

export type MailboxState = ReadonlyMap<OrganisationId, Mailbox>;

const EMPTY: Mailbox = { last: 0, read: 0, waiting: [], known: new Map() };

export function mailboxOf(state: MailboxState, organisationId: OrganisationId): Mailbox {
  return state.get(organisationId) ?? EMPTY;
}

/** Throws for an event that cannot follow. */
export function foldMailbox(state: MailboxState, event: MailboxEvent, at: string): MailboxState {
  switch (event.type) {
    case 'letterPosted': {
      const { to } = event.letter.statement;
      return new Map(state).set(to, withLetter(withoutExpired(mailboxOf(state, to), at), event.letter));
    }
    case 'lettersRead': {
      const { organisationId, upTo } = event;
      const box = mailboxOf(state, organisationId);
      if (upTo <= box.read || upTo > box.last) throw new Error('it reads a letter that does not wait');
      const left = withoutExpired(box, at);
      const waiting = left.waiting.filter(({ number }) => number > upTo);
      return new Map(state).set(organisationId, { ...left, read: upTo, waiting });
    }
    default:
      event satisfies never;
      throw new Error('unreachable');
  }
}

function withLetter(box: Mailbox, letter: Letter): Mailbox {
  const { statement, signature } = letter;
  const { letterId, expiresAt } = statement;
  if (box.known.has(letterId)) throw new Error('it posts a letter again');
  const number = box.last + 1;
  return {
    ...box,
    last: number,
    waiting: [...box.waiting, { number, letter }],
    known: new Map(box.known).set(letterId, { number, signature, expiresAt }),
  };
}

function withoutExpired(box: Mailbox, at: string): Mailbox {
  const known = [...box.known].filter(([, { expiresAt }]) => isAfter(expiresAt, at));
  return {
    ...box,
    waiting: box.waiting.filter((waiting) => isWaiting(waiting, at)),
    known: known.length === box.known.size ? box.known : new Map(known),
  };
}

/** Not expired yet. @param at RFC 3339 */
export function isWaiting({ letter }: WaitingLetter, at: string): boolean {
  return isAfter(letter.statement.expiresAt, at);
}

function isAfter(moment: string, at: string): boolean {
  return Date.parse(moment) > Date.parse(at);
}

/**
 * @param letter checked: its sender has written it
 * @throws `mailboxFull`; `messageConflict` where another letter has this id
 */
export function decidePost(state: MailboxState, letter: Letter, at: string): MailboxEvent[] {
  const { letterId, from, to } = letter.statement;
  const box = mailboxOf(state, to);
  const known = box.known.get(letterId);
  if (known && isAfter(known.expiresAt, at)) {
    if (known.signature === letter.signature) return [];
    throw new HanseError('messageConflict', { what: 'a letter' });
  }
  const count = (waiting: readonly WaitingLetter[], sender?: OrganisationId) =>
    waiting.filter(
      (one) =>
        isWaiting(one, at) && (sender === undefined || one.letter.statement.from.organisationId === sender),
    ).length;
  const { organisationId: sender } = from;
  const full = (whose: string, letters: number) => new HanseError('mailboxFull', { whose, letters });
  if (count(box.waiting) >= MAILBOX_LIMITS.recipient) throw full(to, MAILBOX_LIMITS.recipient);
  if (count(box.waiting, sender) >= MAILBOX_LIMITS.pair)
    throw full(`${sender} at ${to}`, MAILBOX_LIMITS.pair);
  let sent = 0;
  for (const { waiting } of state.values()) sent += count(waiting, sender);
  if (sent >= MAILBOX_LIMITS.sender) throw full(sender, MAILBOX_LIMITS.sender);
  return [{ type: 'letterPosted', letter }];
}

/** Throws `invalidFormat` for the number of no letter. */
export function decideRead(
  state: MailboxState,
  organisationId: OrganisationId,
  upTo: number,
  by: NodeId,
): MailboxEvent[] {
  const { last, read } = mailboxOf(state, organisationId);
  if (upTo > last)
    throw new HanseError('invalidFormat', { where: 'upTo', expected: 'the number of a letter' });
  return upTo <= read ? [] : [{ type: 'lettersRead', organisationId, upTo, by }];
}
