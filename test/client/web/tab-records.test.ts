// covers: client/web/versioned-record.ts
import { expect, test } from 'vitest';
import { AnswerJournal } from '../../../client/answer-journal.ts';
import {
  forgetOldAnswers,
  tabAnswerLog,
  tabAttemptLog,
  tabDirectoryPin,
  tabLetterLog,
  tabSpending,
} from '../../../client/web/tab-records.ts';
import { VirtualClock } from '../../../sim/virtual-clock.ts';
import { memoryTabStore } from '../../fixtures/memory-tab-store.ts';

const member = {
  server: 'https://coordinator.example',
  federationId: 'fed-0123456789abcdef',
  coordinatorKey: 'ab'.repeat(32),
  nodeId: 'node-0123456789abcdef',
  organisationId: 'clinic.example',
  role: 'participant',
  name: 'a tab',
} as const;

test('what was written is there after a reload', async () => {
  const store = memoryTabStore();
  const again = () => memoryTabStore(store.records);
  const letters = [{ letterId: '0'.repeat(32), expiresAt: '2026-01-01T00:00:00.000Z' }];
  await tabLetterLog(store).write(letters);
  expect(await tabLetterLog(again()).read()).toEqual(letters);
  const spent = { 'job-0': { name: 'n', milliseconds: 1, steps: 2, rounds: 3, bytesUp: 4, bytesDown: 5 } };
  await tabSpending(store).write(spent);
  expect(await tabSpending(again()).read()).toEqual(spent);
});

test('a new tab remembers nothing', async () => {
  const store = memoryTabStore();
  expect(await tabDirectoryPin(store, member).read()).toBeUndefined();
  expect(await tabLetterLog(store).read()).toEqual([]);
  expect(await tabSpending(store).read()).toEqual({});
});

test('what was not written like this is refused, not guessed', async () => {
  const store = memoryTabStore();
  for (const name of ['directory', 'letters', 'spending']) store.records.set(name, { version: 1, value: 5 });
  await expect(tabDirectoryPin(store, member).read()).rejects.toMatchObject({ code: 'directoryUnreadable' });
  await expect(tabLetterLog(store).read()).rejects.toMatchObject({ code: 'storageCorrupt' });
  await expect(tabSpending(store).read()).rejects.toMatchObject({ code: 'storageCorrupt' });
  store.records.set('letters', { version: 2, value: [] });
  await expect(tabLetterLog(store).read()).rejects.toMatchObject({ code: 'browserStorageNewer' });
});

test('a spent attempt is remembered over a reload, by its job; one that was not written like this is not guessed', async () => {
  const store = memoryTabStore();
  const again = () => tabAttemptLog(memoryTabStore(store.records));
  const [job, other] = ['job-0123456789abcdef', 'job-00000000000000aa'];
  const spent = (round: number) => ({ round, attempt: 2, opened: ['ab'.repeat(32)], answer: null });
  await tabAttemptLog(store).write(job, spent(3));
  await tabAttemptLog(store).write(other, spent(5));
  await tabAttemptLog(store).write(job, spent(4));
  expect(await again().read(job)).toEqual(spent(4));
  expect(await again().read(other)).toEqual(spent(5));
  expect(await again().read('job-00000000000000bb')).toBeUndefined();
  store.records.set(`attempted/${job}`, { version: 1, value: { ...spent(4), round: 0 } });
  await expect(again().read(job)).rejects.toMatchObject({ code: 'storageCorrupt' });
  expect(await again().read(other)).toEqual(spent(5));
});

test('answers are remembered over a reload, and the oldest are forgotten', async () => {
  const store = memoryTabStore();
  const clock = new VirtualClock(1000);
  const task = (round: number) =>
    ({ type: 'train', jobId: 'job-0123456789abcdef', round, attempt: 1 }) as never;
  const journal = () => new AnswerJournal(tabAnswerLog(memoryTabStore(store.records), clock));
  for (let round = 1; round <= 5; round += 1) {
    await journal().begin(task(round));
    await clock.advance(1000);
  }
  await expect(journal().check(task(1))).rejects.toMatchObject({ code: 'taskAnswered' });
  await forgetOldAnswers(store, 2);
  await expect(journal().check(task(3))).resolves.toBeUndefined();
  for (const round of [4, 5])
    await expect(journal().check(task(round))).rejects.toMatchObject({ code: 'taskAnswered' });
  await journal().delivered(task(5));
  await expect(journal().check(task(5))).rejects.toMatchObject({ code: 'messageOutOfOrder' });
});
