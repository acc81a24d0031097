/**
 * One stream of the store with the state folded from it: the only way in which server code writes events.
 *
 * Commands run one after another. A command decides upon the state and returns the events that make it true; they are
 * durable before anybody sees the new state. A failed append leaves the stream in doubt, so it is read again before
 * the next command: its events may be there all the same.
 */
import type { TSchema } from 'typebox';
import type { Clock } from '../protocol/clock.ts';
import { parse } from '../protocol/parse.ts';
import { HanseError } from '../protocol/problem.ts';
import { EVENT_VERSION } from '../schemas/job-event.ts';
import type { Store, StoredEvent } from './store/store.ts';

export interface StreamDefinition<State, Event extends { readonly type: string }> {
  readonly name: string;
  readonly schema: TSchema;
  readonly initial: State;
  /** Pure. Events come from the store, hence were accepted once. */
  fold(state: State, event: Event, at: string): State;
}

export class EventStream<State, Event extends { readonly type: string }> {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #definition: StreamDefinition<State, Event>;
  #state: State;
  #sequence = 0;
  #inDoubt = false;
  #last: Promise<unknown> = Promise.resolve();
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
   * Runs `decide` when all earlier commands have finished. Resolves once what it returned is durable and folded.
   * Whatever `decide` throws is passed on, and nothing was written.
   */
  command(
    decide: (state: State, at: string) => readonly Event[] | Promise<readonly Event[]>,
  ): Promise<State> {
    const result = this.#last.then(async () => {
      if (this.#inDoubt) await this.#resolveDoubt();
      const now = new Date(this.#clock.now());
      const events = await decide(this.#state, now.toISOString());
      if (events.length === 0) return this.#state;
      // What could not be read back must not be written: it would make the stream unreadable for ever.
      for (const event of events) parse(this.#definition.schema, event, `event ${event.type}`);
      const records = events.map(({ type, ...data }) => ({ type, version: EVENT_VERSION, data }));
      try {
        this.#accept(await this.#store.append(this.#definition.name, this.#sequence, records, now));
      } catch (error) {
        this.#inDoubt = true;
        throw error;
      }
      return this.#state;
    });
    this.#last = result.catch(() => undefined);
    return result;
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
    await this.#last;
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
    for (const { type, version, data, at, sequence, stream } of records) {
      if (version !== EVENT_VERSION)
        throw new HanseError('storageCorrupt', {
          path: `${stream}, event ${sequence}`,
          reason: `written in format ${version}, which a newer version of Hanse reads`,
        });
      const event = this.#parse({ type, ...(data as object) }, `${stream}, event ${sequence}`);
      this.#state = this.#definition.fold(this.#state, event, at);
      this.#sequence = sequence;
    }
    if (records.length > 0) for (const changed of this.#watchers) changed();
  }

  #parse(record: object, path: string): Event {
    try {
      return parse(this.#definition.schema, record, 'event') as Event;
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new HanseError('storageCorrupt', { path, reason }, { cause: error });
    }
  }
}
