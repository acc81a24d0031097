/**
 * The coordinator's memory: streams of events, and claims that can be made only once.
 *
 * Everything the coordinator must not forget is an event in a stream; state is what a reducer makes of the stream.
 * The interface is command-shaped: no transaction is ever left open across an `await`, so the same contract holds for
 * an embedded database, for a database server shared by several coordinators, and in memory.
 *
 * The comments below are the contract. `test/contract/store.ts` runs it on every implementation.
 *
 * Durability: an append that has resolved survives a kill of the process and a loss of power. One that was rejected
 * with `storageConflict` or `invalidFormat` left nothing. After any other rejection (`storageFull`, `storageFailed`),
 * and after a kill before the answer, the events of that append are either all there or none of them: read the stream
 * again before deciding anything. No reader ever sees part of an append.
 */

/** What a caller appends. */
export interface NewEvent {
  /** 1 to 256 characters of printable ASCII without space, for example `round.opened`. */
  readonly type: string;
  /** Version of the format of `data`, an integer >= 1. A reader refuses versions it does not know. */
  readonly version: number;
  /**
   * A JSON value. It is kept as the text `JSON.stringify` makes of it: undefined members are left out, 64-bit integers
   * are the caller's decimal strings, bytes the caller's base64. Payloads belong into the blob store.
   */
  readonly data: unknown;
}

/** An event as it was stored; a fresh copy for each reader, never shared with the store. */
export interface StoredEvent extends NewEvent {
  readonly stream: string;
  /** Place in its stream: 1, 2, 3, ... without gaps. */
  readonly sequence: number;
  /** Place among all events of the store: unique, and increasing within each stream. Gaps are possible. */
  readonly position: number;
  /** The time the caller gave, ISO 8601 in UTC with milliseconds. */
  readonly at: string;
}

export interface StreamLength {
  readonly stream: string;
  /** Number of events, >= 1; also the sequence of the last one, and the `expectedVersion` of the next append. */
  readonly length: number;
}

export interface Store {
  /**
   * Appends all of `events` to the end of `stream`, or nothing. Resolves to the stored events, in order, once they are
   * durable: not before the medium has confirmed them.
   *
   * Of two appends that expect the same version exactly one succeeds. Appends to one stream through one store take
   * effect in the order in which they were issued. Appends issued together may share one flush of the medium, yet
   * each fails or succeeds alone. With no events it only checks the version.
   *
   * @param stream 1 to 256 characters of printable ASCII without space; `job/<id>` by convention
   * @param expectedVersion the length of the stream that the caller decided upon, 0 for a new stream
   * @throws `storageConflict` if the stream has another length, with that length
   * @throws `invalidFormat` if a name, a version or the data are not of the form above
   * @throws `storageFull`, `storageFailed`, `storageCorrupt`
   */
  append(
    stream: string,
    expectedVersion: number,
    events: readonly NewEvent[],
    at: Date,
  ): Promise<StoredEvent[]>;

  /**
   * The events of a stream with a sequence greater than `after` (default 0), in order, at most `limit` (default all).
   * Sees every append that had resolved when it was called; an unknown stream is an empty one.
   *
   * @throws `storageCorrupt` if a record cannot be read back as it was written
   */
  read(stream: string, after?: number, limit?: number): Promise<StoredEvent[]>;

  /**
   * The events of all streams with a position greater than `after`, by position, at most `limit`. No event that is appended
   * later has a position below one that was read: whoever reads on from the last one misses none.
   *
   * @throws `storageCorrupt` if a record cannot be read back as it was written
   */
  readAll(after: number, limit: number): Promise<StoredEvent[]>;

  /** The streams whose name starts with `prefix` ('' for all) and that hold an event, in ASCII order of the names. */
  streams(prefix: string): Promise<StreamLength[]>;

  /**
   * Claims (`scope`, `key`): true for the first claim, false for every further one while `now` is before the `until`
   * of the claim that succeeded. For nonces: a request is answered only by whoever gets true.
   *
   * An answered claim survives a kill of the process. It need not survive a loss of power, so that a claim costs no
   * flush: the age that a signature may have bounds what could be replayed then. Expired claims are removed a bounded
   * number at a time, alongside later claims. `now` may be a little earlier than in the call before.
   *
   * @param scope, key each 1 to 256 characters of printable ASCII without space; `key` may come from an attacker
   * @throws `invalidFormat` if `until` is not after `now`: such a claim would protect nothing
   */
  claimOnce(scope: string, key: string, until: Date, now: Date): Promise<boolean>;

  /** Settles what was issued, then lets go of the medium. Calls after it are rejected with `storageFailed`. */
  close(): Promise<void>;
}
