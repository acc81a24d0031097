/**
 * How long the log can say whom its salted members are about: SPEC.md 13.16. Salts and values older than the operator wants go,
 * once a day, and those about one member when the operator says so; each time the log tells that it was done. Hashes, leaves
 * and proofs stay as they are (`protocol/audit/salted-field.ts`).
 */
import { setImmediate } from 'node:timers/promises';
import { canonicalJson } from '../protocol/canonical.ts';
import type { Clock } from '../protocol/clock.ts';
import type { SaltedPlace } from './audit-log.ts';
import type { AuditNotes } from './audit-notes.ts';

const DAY_MS = 86_400_000;
/** Pause after a failure of the storage. */
const RETRY_MS = 60_000;

/** Of the log. Each throws storageFailed. */
export interface ErasableSalts {
  /** A page of them, from this one on, in their order. */
  saltedPlaces(from: number): SaltedPlace[];
  /** Those of all places before this one. Returns how many there were. */
  eraseBefore(place: number): number;
  /** Places and pointers of those whose value holds one of these texts. */
  holding(texts: readonly string[]): { readonly place: number; readonly pointer: string }[];
  eraseField(place: number, pointer: string): boolean;
}

export interface SaltRetentionSurroundings {
  readonly salts: ErasableSalts;
  readonly notes: AuditNotes;
  readonly clock: Clock;
  readonly report: (error: unknown, doing: string) => void;
  /**
   * Right before values are erased, in the same turn of the event loop: whoever has copies of them lets them go, and makes none until
   * they are erased.
   */
  readonly erasing?: () => void;
}

export class SaltRetention {
  readonly #around: SaltRetentionSurroundings;
  readonly #keepMs: number;
  #cancel: (() => void) | undefined;
  #work: Promise<unknown> = Promise.resolve();
  #isClosed = false;

  /** @param keepMs how long they are kept after the time of their entry; infinite: for good */
  constructor(around: SaltRetentionSurroundings, keepMs: number) {
    this.#around = around;
    this.#keepMs = keepMs;
  }

  /** Erases what is due, and does so each day from now on. A failure is reported, and tried again. */
  async open(): Promise<void> {
    if (this.#keepMs === Number.POSITIVE_INFINITY) return;
    await this.#inTurn(() => this.#today());
  }

  /** Lets what is under way end. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#cancel?.();
    await this.#work;
  }

  /** Resolves when nothing is under way. */
  async settled(): Promise<void> {
    await this.#work;
  }

  /**
   * Erases what tells of a member: each value that holds one of its ids, a list with others in it too, and its name.
   * @returns how many members of entries there were; the log tells the number
   * @throws storageFull, storageFailed
   */
  forget(ids: readonly string[], names: readonly string[]): Promise<number> {
    const { salts, notes, clock } = this.#around;
    return this.#inTurn(async () => {
      const found = [
        ...salts.holding(ids),
        ...salts
          .holding(names.map((name) => canonicalJson(name)))
          .filter(({ pointer }) => pointer === '/data/name'),
      ];
      if (found.length === 0) return 0;
      const until = new Date(clock.now()).toISOString();
      // First: a kill in between leaves an entry too many, and none too few.
      await notes.record({
        type: 'retention.enforced',
        data: { what: 'member', count: found.length, until },
      });
      this.#around.erasing?.();
      for (const { place, pointer } of found) salts.eraseField(place, pointer);
      return found.length;
    });
  }

  async #today(): Promise<void> {
    const { clock, report } = this.#around;
    let next = clock.now() + DAY_MS;
    try {
      await this.#erase(clock.now() - this.#keepMs);
    } catch (error) {
      report(error, 'erasing what the log keeps no longer');
      next = clock.now() + RETRY_MS;
    }
    if (!this.#isClosed) this.#cancel = clock.schedule(next, () => void this.#inTurn(() => this.#today()));
  }

  /** Entries have the order of their places: what comes behind one that stays, stays. */
  async #erase(before: number): Promise<void> {
    const { salts, notes } = this.#around;
    let end = 0;
    let count = 0;
    for (let from = 0, isOver = false; !isOver; ) {
      const page = salts.saltedPlaces(from);
      for (const { place, time } of page) {
        isOver = Date.parse(time) >= before;
        if (isOver) break;
        end = place + 1;
        count += 1;
      }
      from = (page.at(-1)?.place ?? 0) + 1;
      isOver ||= page.length === 0 || this.#isClosed;
      if (!isOver) await setImmediate(); // requests go on
    }
    if (count === 0) return;
    const until = new Date(before).toISOString();
    await notes.record({ type: 'retention.enforced', data: { what: 'salts', count, until } });
    this.#around.erasing?.();
    salts.eraseBefore(end);
  }

  #inTurn<Result>(work: () => Promise<Result>): Promise<Result> {
    const turn = this.#work.then(work);
    this.#work = turn.catch(() => {});
    return turn;
  }
}
