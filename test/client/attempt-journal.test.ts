import { expect, test } from 'vitest';
import { AttemptJournal, memoryAttemptLog } from '../../client/attempt-journal.ts';
import { HanseError } from '../../protocol/problem.ts';
import type { TrainTask } from '../../schemas/task.ts';

const JOB = 'job-0123456789abcdef';
const modelOf = (number: number) => number.toString(16).padStart(64, '0');
/** Each round has a model of its own. */
const task = (round: number, attempt = 1, changes: Partial<TrainTask> = {}): TrainTask => ({
  type: 'train',
  jobId: JOB,
  manifestSha256: '0'.repeat(64),
  round,
  attempt,
  model: modelOf(round),
  deadline: '2026-01-01T12:00:00.000Z',
  ...changes,
});
const CONTEXT = new Uint8Array(32).fill(1);
const ANSWER = Uint8Array.of(1, 2, 3);

/** A node that may be started again: what it wrote down is all that is left. */
function node() {
  const log = memoryAttemptLog();
  return { log, journal: new AttemptJournal(log), again: () => new AttemptJournal(log) };
}

test('attempts go on, and never back: the same is begun once, also over a restart', async () => {
  const { journal, again } = node();
  await journal.begin(task(1));
  await journal.begin(task(1, 2));
  await journal.begin(task(3));
  for (const spent of [task(3), task(1, 2), task(2, 9), task(1)])
    for (const one of [journal, again()])
      await expect(one.begin(spent)).rejects.toMatchObject({
        code: 'attemptSpent',
        detail: { round: spent.round, attempt: spent.attempt, spent: 'round 3, attempt 1' },
      });
  await expect(again().begin(task(3, 2))).resolves.toBeUndefined();
});

test('jobs do not count for each other', async () => {
  const { journal } = node();
  await journal.begin(task(5));
  await expect(journal.begin(task(1, 1, { jobId: 'job-00000000000000aa' }))).resolves.toBeUndefined();
  await expect(journal.begin(task(5))).rejects.toMatchObject({ code: 'attemptSpent' });
});

test('over a model that it has helped to open a sum of, it opens no second one, in whatever attempt', async () => {
  const { journal, again } = node();
  await journal.begin(task(1));
  // Nothing was opened: another attempt over the same model is fine.
  await journal.begin(task(1, 2));
  await journal.answer(task(1, 2), CONTEXT, ANSWER);
  await journal.end(task(1, 2));
  for (const repeated of [task(1, 3), task(2, 1, { model: modelOf(1) })])
    for (const one of [journal, again()])
      await expect(one.begin(repeated)).rejects.toMatchObject({
        code: 'roundAlreadyOpened',
        detail: { model: modelOf(1) },
      });
  await expect(again().begin(task(2))).resolves.toBeUndefined();
  // The one before is remembered with the present one.
  await again().answer(task(2), CONTEXT, ANSWER);
  await expect(again().begin(task(3, 1, { model: modelOf(1) }))).rejects.toMatchObject({
    code: 'roundAlreadyOpened',
  });
});

test('an attempt has one answer: the same may be given again, another one never', async () => {
  const { journal, again } = node();
  await journal.begin(task(1));
  await journal.answer(task(1), CONTEXT, ANSWER);
  for (const one of [journal, again()]) {
    await expect(one.answer(task(1), CONTEXT, ANSWER.slice())).resolves.toBeUndefined();
    await expect(one.answer(task(1), CONTEXT, Uint8Array.of(1, 2, 4))).rejects.toMatchObject({
      code: 'messageConflict',
    });
    await expect(one.answer(task(1), new Uint8Array(32).fill(2), ANSWER)).rejects.toMatchObject({
      code: 'messageConflict',
    });
  }
});

test('it answers in no attempt but the present one', async () => {
  const { journal } = node();
  await expect(journal.answer(task(1), CONTEXT, ANSWER)).rejects.toMatchObject({
    code: 'attemptSpent',
    detail: { spent: 'none' },
  });
  await journal.begin(task(1));
  await journal.begin(task(1, 2));
  await expect(journal.answer(task(1), CONTEXT, ANSWER)).rejects.toMatchObject({ code: 'attemptSpent' });
  await expect(journal.answer(task(1, 2), CONTEXT, ANSWER)).resolves.toBeUndefined();
});

test('what may not have arrived is there after a restart, until it has; that it was answered stays', async () => {
  const { journal, again, log } = node();
  await journal.begin(task(1));
  expect(await again().unsent(task(1))).toBeUndefined();
  await journal.answer(task(1), CONTEXT, ANSWER);
  expect(await again().unsent(task(1))).toEqual(ANSWER);
  expect(await again().unsent(task(1, 2))).toBeUndefined();
  expect(await again().unsent(task(2))).toBeUndefined();
  // The end of another attempt is not that of this one.
  await journal.end(task(1, 2));
  expect(await again().unsent(task(1))).toEqual(ANSWER);
  await journal.end(task(1));
  expect(await again().unsent(task(1))).toBeUndefined();
  expect(await log.read(JOB)).toEqual({ round: 1, attempt: 1, opened: [modelOf(1)], answer: null });
  await expect(again().begin(task(1, 2))).rejects.toMatchObject({ code: 'roundAlreadyOpened' });
});

test('the keys of the next attempt take the place of what was to be sent in the last', async () => {
  const { journal, again } = node();
  await journal.begin(task(1));
  await journal.answer(task(1), CONTEXT, ANSWER);
  await journal.begin(task(2));
  expect(await again().unsent(task(1))).toBeUndefined();
  expect(await again().unsent(task(2))).toBeUndefined();
});

test('so does a further attempt in which the node takes no part, and what was opened stays so', async () => {
  const { log, journal, again } = node();
  await journal.begin(task(1));
  await journal.answer(task(1), CONTEXT, ANSWER);
  expect(await again().unsent(task(1))).toEqual(ANSWER);
  await expect(again().begin(task(1, 2))).rejects.toMatchObject({ code: 'roundAlreadyOpened' });
  expect(await log.read(JOB)).toEqual({ round: 1, attempt: 1, opened: [modelOf(1)], answer: null });
  await expect(again().begin(task(1, 2))).rejects.toMatchObject({ code: 'roundAlreadyOpened' });
});

test('what cannot be written down is not begun, and not answered', async () => {
  const log = memoryAttemptLog();
  let isFull = false;
  const journal = new AttemptJournal({
    read: log.read,
    write: async (jobId, attempts) => {
      if (isFull) throw new HanseError('storageFull', { path: 'attempts' });
      await log.write(jobId, attempts);
    },
  });
  await journal.begin(task(1));
  isFull = true;
  await expect(journal.answer(task(1), CONTEXT, ANSWER)).rejects.toMatchObject({ code: 'storageFull' });
  await expect(journal.begin(task(2))).rejects.toMatchObject({ code: 'storageFull' });
  expect(await journal.unsent(task(1))).toBeUndefined();
  isFull = false;
  await expect(journal.answer(task(1), CONTEXT, ANSWER)).resolves.toBeUndefined();
});
