/**
 * Brings the events of a store into an audit log, in the order of their positions, each once. The log keeps with its entries how
 * far it has come, so that a start goes on where the last process was killed: what was stored and not logged is logged then, and
 * nothing is logged twice.
 */
import type { AuditLog, LogEntry } from './audit-log.ts';
import type { Store, StoredEvent } from './store/store.ts';

/** The name of the cursor. */
export const STORE_SOURCE = 'store';
/** Events of one append to the log, at most. */
const PAGE = 1000;

export interface SequencerOptions {
  readonly store: Pick<Store, 'readAll'>;
  readonly log: Pick<AuditLog, 'append' | 'cursor'>;
  /** What an event is in the log: entries of at most 65,535 bytes, none for what does not belong there; eight at most. */
  readonly entriesOf: (event: StoredEvent) => Promise<readonly LogEntry[]>;
}

export class AuditSequencer {
  readonly #options: SequencerOptions;
  #at: number;
  /** An append has failed, of which it is not known whether its entries are in the log. */
  #isUnsure = false;
  #working: Promise<void> | undefined;

  constructor(options: SequencerOptions) {
    this.#options = options;
    this.#at = options.log.cursor(STORE_SOURCE);
  }

  /** The position up to which all events are in the log. */
  get position(): number {
    return this.#at;
  }

  /**
   * Resolves once all events up to this position are in the log, durably. Calls that wait together share its appends.
   * @param position of an event that is in the store
   * @throws what the store and the log throw; another call tries again
   */
  async reach(position: number): Promise<void> {
    while (this.#at < position) {
      const before = this.#at;
      if (!(await this.#joined()) && this.#at === before)
        throw new Error(`unreachable: the store has no event at position ${position}`);
    }
  }

  /** Everything that is in the store now. */
  async catchUp(): Promise<void> {
    for (;;) {
      const before = this.#at;
      if (!(await this.#joined()) && this.#at === before) return;
    }
  }

  /** One append to the log. True if it was one that others had begun, which may have read the store earlier, or have failed. */
  async #joined(): Promise<boolean> {
    if (this.#working) {
      await this.#working.catch(() => {});
      return true;
    }
    this.#working = this.#advance();
    try {
      await this.#working;
    } finally {
      this.#working = undefined;
    }
    return false;
  }

  async #advance(): Promise<void> {
    const { store, log, entriesOf } = this.#options;
    if (this.#isUnsure) this.#at = log.cursor(STORE_SOURCE);
    this.#isUnsure = false;
    const events = await store.readAll(this.#at, PAGE);
    const last = events.at(-1);
    if (!last) return;
    const entries: LogEntry[] = [];
    for (const event of events) entries.push(...(await entriesOf(event)));
    this.#isUnsure = true;
    if (entries.length > 0) await log.append(entries, { source: STORE_SOURCE, position: last.position });
    this.#isUnsure = false;
    this.#at = last.position;
  }
}
