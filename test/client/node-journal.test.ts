import { Value } from 'typebox/value';
import { expect, test } from 'vitest';
import { NodeJournal } from '../../client/node-journal.ts';
import type { ParticipantEvent } from '../../client/participant-event.ts';
import { HanseError } from '../../protocol/problem.ts';
import { JobOfNode } from '../../schemas/node-status.ts';
import type { TrainTask } from '../../schemas/task.ts';

const AT = Date.parse('2026-01-01T12:00:00.000Z');
const task = (job: string, round = 1): TrainTask => ({
  type: 'train',
  jobId: `job-${job}`,
  manifestSha256: '0'.repeat(64),
  round,
  attempt: 1,
  model: '0'.repeat(64),
  deadline: '2026-01-01T13:00:00.000Z',
});
const SPENT = { name: 'a', milliseconds: 5, steps: 2, rounds: 1, bytesUp: 3, bytesDown: 4 };

test('says what the node does, and what it waits for', () => {
  const journal = new NodeJournal(AT);
  const after = (event: ParticipantEvent, at = AT + 1000) => {
    journal.observe(event, at);
    const { state, why, until, since } = journal.situation({}, at);
    return [state, why, until, since];
  };
  expect(journal.situation({}, AT)).toMatchObject({ state: 'starting', since: '2026-01-01T12:00:00.000Z' });
  expect(after({ type: 'ready' })).toEqual([
    'ready',
    'being chosen for a round',
    null,
    '2026-01-01T12:00:01.000Z',
  ]);
  expect(after({ type: 'preparing', task: task('a') })[0]).toBe('working');
  expect(
    after({ type: 'missed', task: task('a'), problem: new HanseError('messageLate', { phase: 'x' }) })[0],
  ).toBe('ready');
  const until = '2026-01-01T20:00:00.000Z';
  expect(after({ type: 'waiting', why: 'hours', until })).toEqual([
    'waiting',
    expect.stringMatching(/hours/),
    until,
    expect.any(String),
  ]);
  expect(after({ type: 'waiting', why: 'paused', until: null })).toEqual([
    'waiting',
    expect.stringMatching(/resume/),
    null,
    expect.any(String),
  ]);
  journal.leaving(AT);
  expect(after({ type: 'ready' })[0]).toBe('leaving');
});

test('of each job what it has taken, what is under way, and what went wrong last until something goes well', () => {
  const journal = new NodeJournal(AT);
  journal.observe({ type: 'ready' }, AT);
  journal.observe({ type: 'training', task: task('a', 3) }, AT);
  journal.observe({ type: 'preparing', task: task('b') }, AT);
  const problem = new HanseError('policyRefused', { rule: 'purposes', permitted: 'x', got: 'y' });
  journal.observe({ type: 'declined', task: task('b'), problem }, AT);
  const { jobs } = journal.situation({ 'job-a': SPENT }, AT);
  for (const job of jobs) expect(Value.Check(JobOfNode, job)).toBe(true);
  expect(jobs).toMatchObject([
    {
      jobId: 'job-b',
      doing: null,
      problem: expect.stringMatching(/policyRefused.*purposes/),
      milliseconds: 0,
    },
    { jobId: 'job-a', doing: 'training', round: 3, problem: null, milliseconds: 5 },
  ]);
  const metrics = { loss: 1, accuracy: null, examples: 1 };
  journal.observe({ type: 'evaluated', task: { ...task('b'), type: 'evaluate' }, metrics }, AT);
  expect(journal.situation({}, AT).jobs.find(({ jobId }) => jobId === 'job-b')?.problem).toBeNull();
});

test('trouble is told for a minute; jobs of long ago are forgotten', () => {
  const journal = new NodeJournal(AT);
  journal.troubled('coordinatorUnreachable', AT);
  expect(journal.situation({}, AT + 59_999).trouble).toBe('coordinatorUnreachable');
  expect(journal.situation({}, AT + 60_000).trouble).toBeNull();
  for (let i = 0; i < 150; i += 1)
    journal.observe(
      { type: 'missed', task: task(`${i}`), problem: new HanseError('jobUnknown', { jobId: 'x' }) },
      AT,
    );
  expect(journal.situation({}, AT).jobs.length).toBeLessThanOrEqual(100);
});

test('what is wrong with the log is told, and no checkpoint with it', () => {
  const journal = new NodeJournal(AT);
  const problem = new HanseError('noteUnsigned', { keys: 'log' });
  journal.observe({ type: 'notCosigned', problem }, AT);
  expect(journal.situation({}, AT).trouble).toBe(`noteUnsigned: ${problem.message}`);
  const evidence = ['a checkpoint', 'another'];
  const forked = new HanseError('logForked', { origin: 'log', oldSize: 7, size: 5, evidence });
  expect(forked.message).toContain('a checkpoint'); // or there would be nothing to be left out
  journal.observe({ type: 'logAlarm', problem: forked }, AT);
  expect(journal.situation({}, AT).trouble).toMatch(/^logForked: A log has signed .*cut\.$/);
});
