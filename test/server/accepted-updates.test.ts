/** Updates of each node, counted from the streams of jobs, and only from what is new of them. */
import { expect, test } from 'vitest';
import { AcceptedUpdates } from '../../server/accepted-updates.ts';
import { memoryStore } from '../../server/store/memory-store.ts';

const NOON = new Date('2026-01-01T12:00:00.000Z');
const [A, B] = ['a'.repeat(32), 'b'.repeat(32)];
const [JOB, OTHER] = ['job-0000000000000001', 'job-0000000000000002'];

test('each accepted update of a node counts once, whoever asks however often', async () => {
  const store = memoryStore();
  const lengths = new Map<string, number>();
  const append = async (jobId: string, ...events: readonly { type: string; node: string }[]) => {
    const length = lengths.get(jobId) ?? 0;
    const stored = events.map((data) => ({ type: data.type, version: 1, data }));
    await store.append(`job/${jobId}`, length, stored, NOON);
    lengths.set(jobId, length + events.length);
  };
  let reads = 0;
  const accepted = new AcceptedUpdates({
    read: async (...words) => {
      const events = await store.read(...words);
      reads += events.length;
      return events;
    },
  });
  const update = (node: string) => ({ type: 'updateAccepted', node });
  await append(JOB, update(A), { type: 'taskDeclined', node: A }, update(B), update(A));
  await append(OTHER, update(B));
  expect(await accepted.of(A, [JOB, OTHER])).toEqual(new Map([[JOB, 2]]));
  expect(await accepted.of(B, [JOB, OTHER])).toEqual(
    new Map([
      [JOB, 1],
      [OTHER, 1],
    ]),
  );
  expect(reads).toBe(5);
  await append(JOB, update(A));
  const both = await Promise.all([accepted.of(A, [JOB]), accepted.of(A, [JOB])]);
  expect(both).toEqual([new Map([[JOB, 3]]), new Map([[JOB, 3]])]);
  expect(await accepted.of(B, [OTHER])).toEqual(new Map([[OTHER, 1]])); // forgotten, and read again
});
