/**
 * A store that forgets when the process ends: the contract of `store.ts` without durability, for simulations and
 * tests. Data are kept as JSON text like everywhere else, so code that works here does not depend on shared objects.
 */
import { HanseError } from '../../protocol/problem.ts';
import { checkClaim, checkInteger, checkName, checkPrefix, encodeEvents, encodeTime } from './record-form.ts';
import type { NewEvent, Store, StoredEvent, StreamLength } from './store.ts';

interface Row extends Omit<StoredEvent, 'data'> {
  readonly data: string;
}

/** How many of the oldest claims one claim looks at, to remove those that have expired. */
const SWEEP_LIMIT = 2;

export function memoryStore(): Store {
  return new MemoryStore();
}

class MemoryStore implements Store {
  readonly #streams = new Map<string, Row[]>();
  /** Expiry in milliseconds by scope and key, which hold no space; in the order in which the claims were made. */
  readonly #claims = new Map<string, number>();
  #position = 0;
  #isClosed = false;

  async append(
    stream: string,
    expectedVersion: number,
    events: readonly NewEvent[],
    at: Date,
  ): Promise<StoredEvent[]> {
    this.#refuseIfClosed();
    checkName('stream', stream);
    checkInteger('expectedVersion', expectedVersion, 0);
    const encoded = encodeEvents(events);
    const time = encodeTime('at', at);
    const rows = this.#streams.get(stream) ?? [];
    if (rows.length !== expectedVersion)
      throw new HanseError('storageConflict', { stream, expected: expectedVersion, got: rows.length });
    const added = encoded.map((event, i): Row => {
      this.#position += 1;
      return { stream, sequence: expectedVersion + i + 1, position: this.#position, ...event, at: time };
    });
    if (rows.length === 0 && added.length > 0) this.#streams.set(stream, rows);
    for (const row of added) rows.push(row);
    return added.map(copy);
  }

  async read(stream: string, after = 0, limit = Number.MAX_SAFE_INTEGER): Promise<StoredEvent[]> {
    this.#refuseIfClosed();
    checkName('stream', stream);
    checkInteger('after', after, 0);
    checkInteger('limit', limit, 0);
    const rows = this.#streams.get(stream) ?? [];
    return rows.slice(after, after + limit).map(copy);
  }

  async readAll(after: number, limit: number): Promise<StoredEvent[]> {
    this.#refuseIfClosed();
    checkInteger('after', after, 0);
    checkInteger('limit', limit, 0);
    return [...this.#streams.values()]
      .flatMap((rows) => rows.filter(({ position }) => position > after))
      .sort((a, b) => a.position - b.position)
      .slice(0, limit)
      .map(copy);
  }

  async streams(prefix: string): Promise<StreamLength[]> {
    this.#refuseIfClosed();
    checkPrefix('prefix', prefix);
    return [...this.#streams]
      .filter(([stream]) => stream.startsWith(prefix))
      .map(([stream, rows]) => ({ stream, length: rows.length }))
      .sort((a, b) => (a.stream < b.stream ? -1 : 1));
  }

  async claimOnce(scope: string, key: string, until: Date, now: Date): Promise<boolean> {
    this.#refuseIfClosed();
    const times = checkClaim(scope, key, until, now);
    this.#sweepClaims(times.now);
    const name = `${scope} ${key}`;
    const claimedUntil = this.#claims.get(name);
    if (claimedUntil !== undefined && claimedUntil > times.now) return false;
    this.#claims.delete(name); // so that the new claim is the youngest
    this.#claims.set(name, times.until);
    return true;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
  }

  /** Looks at the oldest claims only; one that has not expired goes to the end, so that it hides nobody behind it. */
  #sweepClaims(now: number): void {
    let looked = 0;
    for (const [name, until] of this.#claims) {
      if (looked === SWEEP_LIMIT) return;
      looked += 1;
      this.#claims.delete(name);
      if (until > now) this.#claims.set(name, until);
    }
  }

  #refuseIfClosed(): void {
    if (this.#isClosed)
      throw new HanseError('storageFailed', { path: 'memory', reason: 'the store is closed' });
  }
}

function copy(row: Row): StoredEvent {
  return { ...row, data: JSON.parse(row.data) };
}
