/**
 * One stream of the store with the state folded from it: the only way in which server code writes events.
 *
 * Commands decide one after another: each upon the state that the one before has left, and returns the events that
 * make it true. Commands that came while others were written are written together, in one append: it costs about as
 * much for ten as for one. Events are durable before any caller hears of them or sees the new state. A failed append
 * leaves the stream in doubt, so it is read again before the next command: its events may be there all the same.
 *
 * Nothing is guessed: a stream with a gap, with events in another order than they were written in, or with one that
 * cannot follow upon those before it is `storageCorrupt`. Why: each of them was checked when it was written, so a
 * record that does not fit has been lost or changed since, and so may others have been.
 */
import type { TSchema } from 'typebox';
import type { Clock } from '../protocol/clock.ts';
import { parse } from '../protocol/parse.ts';
import { HanseError, isProblem } from '../protocol/problem.ts';
import { EVENT_VERSION } from '../schemas/job-event.ts';
import type { Store, StoredEvent } from './store/store.ts';

export interface StreamDefinition<State, Event extends { readonly type: string }> {
  readonly name: string;
  readonly schema: TSchema;
  readonly initial: State;
  /** Pure. Throws for an event that cannot follow upon this state: such a one is never written. */
  fold(state: State, event: Event, at: string): State;
}

/** A command that waits for its turn. */
interface Command<State, Event> {
  readonly decide: (state: State, at: string) => readonly Event[] | Promise<readonly Event[]>;
  readonly resolve: (state: State) => void;
  readonly reject: (error: unknown) => void;
}

/** What a command has come to, provided that the append succeeds. */
interface Decided<State, Event> {
  readonly command: Command<State, Event>;
  readonly state: State;
}

export class EventStream<State, Event extends { readonly type: string }> {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #definition: StreamDefinition<State, Event>;
  #state: State;
  #sequence = 0;
  #position = 0;
  #inDoubt = false;
  #waiting: Command<State, Event>[] = [];
  #work: Promise<void> | undefined;
  readonly #watchers = new Set<() => void>();
  #recovered: () => void = () => {};

  private constructor(store: Store, clock: Clock, definition: StreamDefinition<State, Event>) {
    this.#store = store;
    this.#clock = clock;
    this.#definition = definition;
    this.#state = definition.initial;
  }

  /** Reads the stream and folds it. */
  static async open<State, Event extends { readonly type: string }>(
    store: Store,
    clock: Clock,
    definition: StreamDefinition<State, Event>,
  ): Promise<EventStream<State, Event>> {
    const stream = new EventStream(store, clock, definition);
    await stream.#catchUp();
    return stream;
  }

  get state(): State {
    return this.#state;
  }

  /** Number of events behind the state. */
  get sequence(): number {
    return this.#sequence;
  }

  /**
   * Runs `decide` when all earlier commands have decided. Resolves once what it returned is durable and folded.
   * Whatever `decide` throws is passed on, and nothing was written.
   * @param decide is given the state and the time; it must not look at the state of the stream, which may be older
   */
  command(decide: Command<State, Event>['decide']): Promise<State> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ decide, resolve, reject });
      this.#work ??= this.#workOff();
    });
  }

  async #workOff(): Promise<void> {
    await undefined; // commands of the same moment belong together
    while (this.#waiting.length > 0) await this.#perform(this.#waiting.splice(0));
    this.#work = undefined;
  }

  /** Never rejects: each command gets its own answer. */
  async #perform(commands: readonly Command<State, Event>[]): Promise<void> {
    const decided: Decided<State, Event>[] = [];
    try {
      if (this.#inDoubt) await this.#resolveDoubt();
      const now = new Date(this.#clock.now());
      const events = await this.#decide(commands, now.toISOString(), decided);
      if (events.length > 0) await this.#append(events, decided.at(-1)?.state ?? this.#state, now);
      for (const { command, state } of decided) command.resolve(state);
    } catch (error) {
      for (const { reject } of commands) reject(error); // those with an answer keep it
    }
  }

  /** Asks one command after the other; those that throw are answered, the others are added to `decided`. */
  async #decide(
    commands: readonly Command<State, Event>[],
    at: string,
    decided: Decided<State, Event>[],
  ): Promise<Event[]> {
    const all: Event[] = [];
    let state = this.#state;
    for (const command of commands) {
      try {
        const events = await command.decide(state, at);
        // What could not be read back must not be written: it would make the stream unreadable for ever.
        for (const event of events) parse(this.#definition.schema, event, `event ${event.type}`);
        state = events.reduce((before, event) => this.#definition.fold(before, event, at), state);
        all.push(...events);
        decided.push({ command, state });
      } catch (error) {
        command.reject(error);
      }
    }
    return all;
  }

  /** @param after the state that these events lead to: each of them has been checked and folded */
  async #append(events: readonly Event[], after: State, now: Date): Promise<void> {
    const records = events.map(({ type, ...data }) => ({ type, version: EVENT_VERSION, data }));
    let stored: readonly StoredEvent[];
    try {
      stored = await this.#store.append(this.#definition.name, this.#sequence, records, now);
    } catch (error) {
      this.#inDoubt = true;
      throw error;
    }
    const last = stored.at(-1);
    if (!last) throw new Error('unreachable: an append stores what it is given');
    this.#state = after;
    this.#sequence = last.sequence;
    this.#position = last.position;
    this.#tellWatchers();
  }

  /** Calls `changed` after every change until the function returned is called. */
  watch(changed: () => void): () => void {
    this.#watchers.add(changed);
    return () => this.#watchers.delete(changed);
  }

  /**
   * Calls `recovered` when events turn up whose command was told that they failed. Nobody has acted upon them, so
   * whoever carries out what follows from the state must do so now.
   */
  onRecovery(recovered: () => void): void {
    this.#recovered = recovered;
  }

  /** Resolves when every command issued so far has ended. */
  async settled(): Promise<void> {
    await this.#work;
  }

  async #resolveDoubt(): Promise<void> {
    const known = this.#sequence;
    await this.#catchUp();
    if (this.#sequence > known) this.#recovered();
  }

  async #catchUp(): Promise<void> {
    this.#accept(await this.#store.read(this.#definition.name, this.#sequence));
    this.#inDoubt = false;
  }

  #accept(records: readonly StoredEvent[]): void {
    for (const record of records) {
      this.#state = this.#follow(record);
      this.#sequence = record.sequence;
      this.#position = record.position;
    }
    if (records.length > 0) this.#tellWatchers();
  }

  #tellWatchers(): void {
    for (const changed of this.#watchers) changed();
  }

  /** The state after a stored event. Throws `storageCorrupt`. */
  #follow({ type, version, data, at, sequence, position, stream }: StoredEvent): State {
    const path = `${stream}, event ${sequence}`;
    if (version !== EVENT_VERSION)
      throw corrupt(path, `written in format ${version}, which a newer version of Hanse reads`);
    if (sequence !== this.#sequence + 1) throw corrupt(path, `event ${this.#sequence + 1} is missing`);
    if (position <= this.#position) throw corrupt(path, 'it was written before the event that it follows');
    try {
      const event = parse(this.#definition.schema, { type, ...(data as object) }, 'event') as Event;
      return this.#definition.fold(this.#state, event, at);
    } catch (error) {
      if (isProblem(error, 'storageCorrupt')) throw error;
      throw corrupt(path, error instanceof Error ? error.message : String(error), error);
    }
  }
}

function corrupt(path: string, reason: string, cause?: unknown): HanseError<'storageCorrupt'> {
  return new HanseError('storageCorrupt', { path, reason }, { cause });
}
