/**
 * Letters that wait on the coordinator for their organisation: what would otherwise have to call a participant, who is
 * reached by nobody. SPEC.md section 4.9.
 *
 * The coordinator checks letters so that no forged one takes the place of another in a mailbox; their readers check
 * them again, and believe nothing because it was handed to them.
 */
import type { Clock } from '../protocol/clock.ts';
import { checkLetter, invalid, type LetterSender } from '../protocol/letter.ts';
import { HanseError } from '../protocol/problem.ts';
import type { NodeId, OrganisationId } from '../schemas/ids.ts';
import type { Letter, LetterReceipt, WaitingLetter } from '../schemas/letter.ts';
import { MailboxEvent } from '../schemas/mailbox-event.ts';
import { Allowance } from './allowance.ts';
import { EventStream } from './event-stream.ts';
import {
  decidePost,
  decideRead,
  foldMailbox,
  isWaiting,
  type MailboxState,
  mailboxOf,
} from './mailbox-state.ts';
import type { Store } from './store/store.ts';

const STREAM = 'mailbox';

/** Letters of an organisation, each of which leaves an event behind: two hundred at once, then one in half a minute. */
const POSTS = { most: 200, everyMs: 30_000 };

export class Mailboxes {
  readonly #stream: EventStream<MailboxState, MailboxEvent>;
  readonly #clock: Clock;
  readonly #posts: Allowance;

  private constructor(stream: EventStream<MailboxState, MailboxEvent>, clock: Clock) {
    this.#stream = stream;
    this.#clock = clock;
    this.#posts = new Allowance(clock, POSTS);
  }

  static async open(store: Store, clock: Clock): Promise<Mailboxes> {
    const stream = await EventStream.open<MailboxState, MailboxEvent>(store, clock, {
      name: STREAM,
      schema: MailboxEvent,
      initial: new Map(),
      fold: foldMailbox,
    });
    return new Mailboxes(stream, clock);
  }

  /**
   * Resolves once the letter is durable. One that is there already, or was, is as good as new.
   * @param letter attacker-controlled, of its schema
   * @param sender the key that it names; undefined where there is none
   * @throws `letterInvalid`, `letterExpired`, `messageConflict`, `mailboxFull`, `overloaded`
   */
  async post(letter: Letter, sender: LetterSender | undefined): Promise<LetterReceipt> {
    const { letterId, to, from } = letter.statement;
    if (!sender) throw invalid(letter, 'its sender is not in the directory');
    await checkLetter(letter, sender, this.#now());
    const state = await this.#stream.command((before, at) => {
      const events = decidePost(before, letter, at);
      if (events.length > 0 && !this.#posts.take(from.organisationId)) throw new HanseError('overloaded');
      return events;
    });
    const known = mailboxOf(state, to).known.get(letterId);
    if (!known) throw new Error('unreachable: a letter that was posted is known');
    return { letterId, number: known.number };
  }

  /** Letters that wait, in order, at most `most` of those with a number greater than `after`. */
  list(organisationId: OrganisationId, after: number, most: number): WaitingLetter[] {
    return this.#waiting(organisationId)
      .filter(({ number }) => number > after)
      .slice(0, most);
  }

  /** Number of the newest letter that waits; undefined where none does. */
  newest(organisationId: OrganisationId): number | undefined {
    return this.#waiting(organisationId).at(-1)?.number;
  }

  /** All letters up to this one have been dealt with. Throws `invalidFormat`. */
  async read(organisationId: OrganisationId, upTo: number, by: NodeId): Promise<void> {
    await this.#stream.command((state) => decideRead(state, organisationId, upTo, by));
  }

  /** Resolves when every command issued so far has ended. */
  async settled(): Promise<void> {
    await this.#stream.settled();
  }

  #waiting(organisationId: OrganisationId): WaitingLetter[] {
    const at = this.#now();
    return mailboxOf(this.#stream.state, organisationId).waiting.filter((one) => isWaiting(one, at));
  }

  #now(): string {
    return new Date(this.#clock.now()).toISOString();
  }
}
