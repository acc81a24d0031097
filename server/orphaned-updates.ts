/**
 * Updates that were stored but never accepted: those that came too late, conflicted, or were cut off from their event
 * by a kill. They are looked for when the coordinator starts; at no other time could one be told from an update whose
 * event is about to be written.
 *
 * One that is found stays for a week, and is removed by a later start that still finds it. Why: after a database has
 * been restored from an older copy the updates of all that came after look like this, and whoever puts the right one in
 * its place must find them still there. What was found lies in a stream of its own, whose last event counts.
 *
 * Only what says of itself that it is an update is removed. Graphs and models that no job names yet stay, and so does
 * every update of an event, so that any round can be computed again.
 */
import { Type } from 'typebox';
import { parse } from '../protocol/parse.ts';
import { Sha256, Timestamp } from '../schemas/ids.ts';
import { EVENT_VERSION, UpdateAccepted } from '../schemas/job-event.ts';
import type { BlobStore } from './store/blob-store.ts';
import type { Store } from './store/store.ts';
import { isUpdate } from './stored-vector.ts';

/** How long an update must have been known to belong to no round before it is removed. */
export const ORPHAN_GRACE_MS = 7 * 24 * 3_600_000;

const STREAM = 'orphans';

/** All orphans of a start that stay, each with the time at which it was first found. */
const OrphansKept = Type.Object(
  { orphans: Type.Array(Type.Object({ sha256: Sha256, since: Timestamp }, { additionalProperties: false })) },
  { additionalProperties: false },
);

/**
 * Resolves to the number of updates removed.
 * @throws what the stores throw; `invalidFormat`, before anything is removed, if an event cannot be read
 */
export async function removeOrphanedUpdates(store: Store, blobs: BlobStore, now: Date): Promise<number> {
  const accepted = await acceptedUpdates(store);
  const { length, since } = await orphansKept(store);
  const kept: { sha256: string; since: string }[] = [];
  let removed = 0;
  for await (const sha256 of blobs.list()) {
    if (accepted.has(sha256) || !(await isUpdate(sha256, blobs))) continue;
    const found = since.get(sha256) ?? now.toISOString();
    if (now.getTime() - Date.parse(found) < ORPHAN_GRACE_MS) {
      kept.push({ sha256, since: found });
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

async function orphansKept(store: Store): Promise<{ length: number; since: Map<string, string> }> {
  const length = (await store.streams(STREAM)).find(({ stream }) => stream === STREAM)?.length ?? 0;
  const [last] = length === 0 ? [] : await store.read(STREAM, length - 1);
  const { orphans } = last ? parse(OrphansKept, last.data, STREAM) : { orphans: [] };
  return { length, since: new Map(orphans.map(({ sha256, since }) => [sha256, since])) };
}

async function acceptedUpdates(store: Store): Promise<Set<string>> {
  const accepted = new Set<string>();
  for (const { stream } of await store.streams('job/'))
    for (const { type, data } of await store.read(stream))
      if (type === UpdateAccepted.properties.type.const)
        accepted.add(parse(UpdateAccepted, Object.assign({ type }, data), stream).sha256);
  return accepted;
}
