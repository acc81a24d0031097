import { expect, test } from 'vitest';
import { AttemptJournal, memoryAttemptLog } from '../../client/attempt-journal.ts';
import type { CoordinatorApi } from '../../client/coordinator-api.ts';
import { answerAgain } from '../../client/secure-attempt.ts';
import { HanseError } from '../../protocol/problem.ts';
import type { TrainTask } from '../../schemas/task.ts';

// An attempt from beginning to end, and what a participant refuses: test/e2e/secure-refusals.test.ts.

const ANSWER = Uint8Array.of(1, 2, 3);
const TASK: TrainTask = {
  type: 'train',
  jobId: 'job-0123456789abcdef',
  manifestSha256: '0'.repeat(64),
  round: 1,
  attempt: 1,
  model: '1'.repeat(64),
  deadline: '2026-01-01T12:00:00.000Z',
};

/** A node that was killed after its answer was written down; what it sends meets this problem, if any. */
async function restarted(problem?: () => Error) {
  const journal = new AttemptJournal(memoryAttemptLog());
  await journal.begin(TASK);
  await journal.answer(TASK, new Uint8Array(32), ANSWER);
  const sent: unknown[] = [];
  const api: CoordinatorApi = {
    async call(name, request) {
      sent.push([name, 'body' in request && request.body]);
      if (problem) throw problem();
      return {} as never;
    },
  };
  const again = () => answerAgain(TASK, { journal }, api, new AbortController().signal);
  return { journal, sent, again };
}

test('an answer that was written down is sent again, and then forgotten', async () => {
  const { journal, sent, again } = await restarted();
  expect(await again()).toBe(true);
  expect(sent).toEqual([['putAnswer', ANSWER]]);
  expect(await journal.unsent(TASK)).toBeUndefined();
  expect(await again()).toBe(false);
  expect(sent).toHaveLength(1);
});

test('it is kept while somebody may wait for it, and no longer', async () => {
  const failing = await restarted(() => new HanseError('storageFull', { path: 'answers' }));
  await expect(failing.again()).rejects.toMatchObject({ code: 'storageFull' });
  expect(await failing.journal.unsent(TASK)).toEqual(ANSWER);
  for (const problem of [
    () => new HanseError('messageLate', { phase: 'unmasking' }),
    () => new HanseError('jobEnded', { jobId: TASK.jobId, phase: 'failed' }),
  ]) {
    const late = await restarted(problem);
    await expect(late.again()).rejects.toMatchObject({ code: problem().code });
    expect(await late.journal.unsent(TASK)).toBeUndefined();
    await expect(late.journal.begin({ ...TASK, attempt: 2 })).rejects.toMatchObject({
      code: 'roundAlreadyOpened',
    });
  }
});
