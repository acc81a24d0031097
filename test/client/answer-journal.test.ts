import { expect, test } from 'vitest';
import { AnswerJournal, type AnswerLog, type AnswerState } from '../../client/answer-journal.ts';
import type { TrainTask } from '../../schemas/task.ts';

const task: TrainTask = {
  type: 'train',
  jobId: 'job-0123456789abcdef',
  manifestSha256: 'ab'.repeat(32),
  round: 3,
  attempt: 1,
  model: 'cd'.repeat(32),
  deadline: '2026-01-01T12:01:00.000Z',
};

function logIn(answers: Map<string, AnswerState>): AnswerLog {
  return {
    read: async (key) => answers.get(key),
    begin: async (key) => !answers.has(key) && answers.set(key, 'begun') !== undefined,
    deliver: async (key) => void answers.set(key, 'delivered'),
  };
}

test('a task is begun once, also by two that begin at the same moment', async () => {
  const answers = new Map<string, AnswerState>();
  const [one, other] = [new AnswerJournal(logIn(answers)), new AnswerJournal(logIn(answers))];
  await one.check(task);
  const both = await Promise.allSettled([one.begin(task), other.begin(task)]);
  expect(both.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
});

test('after a reload a begun task is declined, a delivered one is over, and every other is open', async () => {
  const answers = new Map<string, AnswerState>();
  await new AnswerJournal(logIn(answers)).begin(task);
  const reloaded = new AnswerJournal(logIn(answers));
  await expect(reloaded.check(task)).rejects.toMatchObject({
    code: 'taskAnswered',
    detail: { jobId: task.jobId, round: 3, attempt: 1 },
  });
  for (const other of [{ round: 4 }, { attempt: 2 }, { jobId: 'job-fedcba9876543210' }])
    await expect(reloaded.check({ ...task, ...other })).resolves.toBeUndefined();
  await reloaded.delivered(task);
  await expect(reloaded.check(task)).rejects.toMatchObject({ code: 'messageOutOfOrder' });
  await expect(reloaded.begin(task)).rejects.toMatchObject({ code: 'messageOutOfOrder' });
});

test('what cannot be written down is not sent; a receipt that cannot be noted is no failure', async () => {
  const full = new Error('full');
  const journal = new AnswerJournal({
    read: async () => undefined,
    begin: async () => Promise.reject(full),
    deliver: async () => Promise.reject(full),
  });
  await expect(journal.begin(task)).rejects.toBe(full);
  await expect(journal.delivered(task)).resolves.toBeUndefined();
});
