/**
 * Content that no job names: updates that were stored but never accepted - those that came too late, conflicted, or were
 * cut off from their event by a kill -, and graphs and models for which nobody has created a job. It is looked for when
 * the coordinator starts; at no other time could an update be told from one whose event is about to be written.
 *
 * What is found stays for a week, and is removed by a later start that still finds it. Why: after a database has
 * been restored from an older copy all that came after looks like this, and whoever puts the right one in its place must
 * find it still there. What was found lies in a stream of its own, whose last event counts; in another one what a member
 * has stored again since, from which its week begins anew: the job that names it may be about to come.
 *
 * Named is whatever an event of a job holds that has the form of a hash: graphs, models, states of strategies, updates of
 * every attempt, whose end is for `retention.ts` to say, and what later versions may add. Not so the shares and answers
 * of a secure attempt that is over: what they were for has been done, and what followed is in the record of the round.
 */
import { Type } from 'typebox';
import { parse } from '../protocol/parse.ts';
import { Attempt, Round, Sha256, Timestamp } from '../schemas/ids.ts';
import { EVENT_VERSION } from '../schemas/job-event.ts';
import type { BlobStore } from './store/blob-store.ts';
import type { Store } from './store/store.ts';

/** How long content must have been known to belong to no job before it is removed. */
export const ORPHAN_GRACE_MS = 7 * 24 * 3_600_000;

const STREAM = 'orphans';
const STORED_AGAIN = 'orphans-stored-again';

/** All orphans of a start that stay, each with the time at which it was first found. */
const OrphansKept = Type.Object(
  { orphans: Type.Array(Type.Object({ sha256: Sha256, since: Timestamp }, { additionalProperties: false })) },
  { additionalProperties: false },
);

/** An orphan of this start that a member has stored again. */
const OrphanStored = Type.Object({ sha256: Sha256 }, { additionalProperties: false });

/** Whether this attempt of a job has ended. */
export type IsOver = (
  jobId: string,
  attempt: { readonly round: number; readonly attempt: number },
) => boolean;

/** What is of no use once its attempt has ended. */
const TRANSIENT: ReadonlySet<string> = new Set(['sharesAccepted', 'answerAccepted']);

/** As far as is looked at. */
const OfAttempt = Type.Object({ round: Round, attempt: Attempt });

export class OrphanedContent {
  readonly #store: Store;
  /** Those of this start that nobody has stored again. */
  readonly #kept = new Set<string>();
  /** One event after the other. */
  #writing: Promise<unknown> = Promise.resolve();

  constructor(store: Store) {
    this.#store = store;
  }

  /**
   * At a start. Resolves to the number of contents removed.
   * @param isOver of attempts; absent: none is
   * @throws what the stores throw; `invalidFormat`, before anything is removed, if what was kept cannot be read
   */
  async remove(blobs: BlobStore, now: Date, isOver: IsOver = () => false): Promise<number> {
    const store = this.#store;
    const named = await namedContent(store, isOver);
    const { length, since } = await orphansKept(store);
    const again = await store.read(STORED_AGAIN);
    const storedAt = new Map(
      again.map(({ data, at }) => [parse(OrphanStored, data, STORED_AGAIN).sha256, at]),
    );
    const kept: { sha256: string; since: string }[] = [];
    let removed = 0;
    for await (const sha256 of blobs.list()) {
      if (named.has(sha256)) continue;
      const found = later(since.get(sha256) ?? now.toISOString(), storedAt.get(sha256));
      if (now.getTime() - Date.parse(found) < ORPHAN_GRACE_MS) {
        kept.push({ sha256, since: found });
        this.#kept.add(sha256);
        continue;
      }
      await blobs.delete(sha256);
      removed += 1;
    }
    if (kept.length !== since.size || kept.some(({ sha256 }) => !since.has(sha256))) {
      const event = { type: 'orphansKept', version: EVENT_VERSION, data: { orphans: kept } };
      await store.append(STREAM, length, [event], now);
    }
    return removed;
  }

  /**
   * Content that a member has stored is there for a week, also if it had been an orphan for long. Resolves when that is
   * durable.
   * @throws what the store throws
   */
  async stored(sha256: string, now: Date): Promise<void> {
    if (!this.#kept.has(sha256)) return;
    const write = this.#writing.then(async () => {
      if (!this.#kept.has(sha256)) return;
      const event = { type: 'orphanStored', version: EVENT_VERSION, data: { sha256 } };
      const length = (await this.#store.streams(STORED_AGAIN))[0]?.length ?? 0;
      await this.#store.append(STORED_AGAIN, length, [event], now);
      this.#kept.delete(sha256);
    });
    this.#writing = write.catch(() => {});
    await write;
  }
}

function later(one: string, other: string | undefined): string {
  return other !== undefined && Date.parse(other) > Date.parse(one) ? other : one;
}

async function orphansKept(store: Store): Promise<{ length: number; since: Map<string, string> }> {
  const length = (await store.streams(STREAM)).find(({ stream }) => stream === STREAM)?.length ?? 0;
  const [last] = length === 0 ? [] : await store.read(STREAM, length - 1);
  const { orphans } = last ? parse(OrphansKept, last.data, STREAM) : { orphans: [] };
  return { length, since: new Map(orphans.map(({ sha256, since }) => [sha256, since])) };
}

async function namedContent(store: Store, isOver: IsOver): Promise<Set<string>> {
  const named = new Set<string>();
  for (const { stream } of await store.streams('job/'))
    for (const { type, data } of await store.read(stream)) {
      if (TRANSIENT.has(type) && isOver(stream.slice('job/'.length), parse(OfAttempt, data, stream)))
        continue;
      for (const sha256 of hashesIn(data)) named.add(sha256);
    }
  return named;
}

/** Whatever an event holds that has the form of a hash. */
export function* hashesIn(data: unknown): Iterable<Sha256> {
  for (const [sha256] of JSON.stringify(data).matchAll(/(?<=")[0-9a-f]{64}(?=")/g)) yield sha256;
}
