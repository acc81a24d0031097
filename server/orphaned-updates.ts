/**
 * Updates that were stored but never accepted: those that came too late, conflicted, or were cut off from their event
 * by a kill. They are removed when the coordinator starts; at no other time could one be told from an update whose
 * event is about to be written.
 *
 * Only what says of itself that it is an update is removed. Graphs and models that no job names yet stay, and so does
 * every update of an event, so that any round can be computed again.
 */
import { parse } from '../protocol/parse.ts';
import { isProblem } from '../protocol/problem.ts';
import { HEADER_BYTES, parseHeader } from '../protocol/vector.ts';
import { UpdateAccepted } from '../schemas/job-event.ts';
import type { BlobStore } from './store/blob-store.ts';
import type { Store } from './store/store.ts';

/**
 * Resolves to the number of updates removed.
 * @throws what the stores throw; `invalidFormat`, before anything is removed, if an event cannot be read
 */
export async function removeOrphanedUpdates(store: Store, blobs: BlobStore): Promise<number> {
  const accepted = await acceptedUpdates(store);
  let removed = 0;
  for await (const sha256 of blobs.list()) {
    if (accepted.has(sha256) || !(await isUpdate(sha256, blobs))) continue;
    await blobs.delete(sha256);
    removed += 1;
  }
  return removed;
}

async function acceptedUpdates(store: Store): Promise<Set<string>> {
  const accepted = new Set<string>();
  for (const { stream } of await store.streams('job/'))
    for (const { type, data } of await store.read(stream))
      if (type === UpdateAccepted.properties.type.const)
        accepted.add(parse(UpdateAccepted, Object.assign({ type }, data), stream).sha256);
  return accepted;
}

/** Whether stored content says of itself that it is an update; false for what is not stored. */
export async function isUpdate(sha256: string, blobs: BlobStore): Promise<boolean> {
  const stored = await blobs.has(sha256);
  if (!stored || stored.size < HEADER_BYTES) return false;
  const parts: Uint8Array[] = [];
  for await (const part of blobs.stream(sha256, { start: 0, end: HEADER_BYTES })) parts.push(part);
  const anyVector = { maxLength: 0xffff_ffff, maxSecondBlock: 0xffff_ffff };
  try {
    return parseHeader(Buffer.concat(parts), anyVector, stored.size).kind === 'update';
  } catch (error) {
    if (isProblem(error, 'updateMalformed') || isProblem(error, 'invalidLength')) return false;
    throw error;
  }
}
