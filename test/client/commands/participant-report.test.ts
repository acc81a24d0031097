import { describe, expect, test } from 'vitest';
import { describeEvent, eventToJson, stackOf } from '../../../client/commands/participant-report.ts';
import type { ParticipantEvent } from '../../../client/participant-event.ts';
import { HanseError } from '../../../protocol/problem.ts';

type Of<Type extends ParticipantEvent['type']> = Extract<ParticipantEvent, { type: Type }>;

const task = { jobId: 'job-1', round: 2 } as Of<'training'>['task'];
const evaluation = { jobId: 'job-1', round: 2 } as Of<'evaluated'>['task'];
const letter = { from: { organisationId: 'lab' }, type: 'greeting' } as Of<'letterReceived'>['letter'];
const problem = new HanseError('overloaded');
const silent = new HanseError('logSilent', { since: '2026-01-01T20:00:00.000Z' });
const report = {
  steps: 3,
  lossFirst: 2.30049,
  lossLast: 1,
  norm: 0.5,
  isClipped: true,
  receipt: { bytes: 100 },
} as Of<'contributed'>['report'];
const metrics = { accuracy: 0.98765, loss: 0.5, examples: 10 } as Of<'evaluated'>['metrics'];
const named = { version: 3, sha256: 'abc' };
const changed = { type: 'directoryChanged', ...named, organisationId: 'lab' } as const;

describe('an event is one line', () => {
  test.each<[event: ParticipantEvent, line: string]>([
    [
      { type: 'directoryPinned', ...named, organisations: 2, nodes: 5 },
      'directory 3 pinned: 2 organisations, 5 nodes; others should see the same: abc',
    ],
    [{ ...changed, change: 'organisationAdded' }, 'directory 3: organisation lab is new'],
    [{ ...changed, change: 'organisationRevoked' }, 'directory 3: organisation lab was revoked'],
    [{ ...changed, change: 'nodeAdded', nodeId: 'n' }, 'directory 3: node n of lab is new'],
    [
      { ...changed, change: 'nodeReplaced', nodeId: 'n' },
      'directory 3: node n of lab takes the place of one of its nodes',
    ],
    [{ ...changed, change: 'nodeRevoked', nodeId: 'n' }, 'directory 3: node n of lab was revoked'],
    [{ type: 'letterReceived', letter } as Of<'letterReceived'>, 'a letter of lab: greeting'],
    [
      { type: 'letterRefused', letter, problem } as Of<'letterRefused'>,
      `a letter of lab: letterRefused, overloaded: ${problem.message}`,
    ],
    [{ type: 'ready' }, 'ready; waiting for work'],
    [{ type: 'waiting', why: 'paused', until: null }, 'paused: asking for no work until `hanse node resume`'],
    [
      { type: 'waiting', why: 'hours', until: '2026-01-01T20:00:00.000Z' },
      'outside the hours of the policy: asking for no work until 2026-01-01T20:00:00.000Z',
    ],
    [
      { type: 'waiting', why: 'hours', until: null },
      'outside the hours of the policy: asking for no work until further notice',
    ],
    [{ type: 'preparing', task }, 'job-1: checking the job and compiling its train step'],
    [{ type: 'training', task }, 'job-1, round 2: training'],
    [
      { type: 'contributed', task, report },
      'job-1, round 2: 3 steps, loss 2.300 to 1.000, norm 0.500, clipped, 100 bytes sent',
    ],
    [
      { type: 'contributed', task, report: { ...report, isClipped: false } },
      'job-1, round 2: 3 steps, loss 2.300 to 1.000, norm 0.500, 100 bytes sent',
    ],
    [
      { type: 'evaluated', task: evaluation, metrics },
      'job-1, round 2: loss 0.5000, accuracy 98.77 % on 10 examples',
    ],
    [
      { type: 'evaluated', task: evaluation, metrics: { ...metrics, accuracy: null } },
      'job-1, round 2: loss 0.5000 on 10 examples',
    ],
    [{ type: 'declined', task, problem }, `job-1, round 2: declined, overloaded: ${problem.message}`],
    [{ type: 'missed', task, problem }, `job-1, round 2: missed, overloaded: ${problem.message}`],
    [
      { type: 'cosigned', size: 7 },
      'cosigning the log of the coordinator: the first checkpoint is one of 7 entries',
    ],
    [{ type: 'notCosigned', problem }, `log not cosigned: overloaded: ${problem.message}`],
    [{ type: 'logAlarm', problem: silent }, `ALARM: logSilent: ${silent.message} ${silent.remedy}`],
  ])('%#: $type', (event, line) => {
    expect(describeEvent(event)).toBe(line);
  });
});

test('an alarm about a fork is one line, without its checkpoints, and says where they are', () => {
  const evidence = ['log\n7\nold\n', 'log\n5\nnew\n'];
  const forked = new HanseError('logForked', { origin: 'log', oldSize: 7, size: 5, evidence });
  const line = describeEvent({ type: 'logAlarm', problem: forked });
  expect(forked.message).toContain('old'); // which a line would have, if it were the message
  expect(line).toContain(
    'Cosigned were 7 entries, shown are 5; both checkpoints are kept in <identity>.evidence.',
  );
  expect(line).toContain(forked.remedy);
  expect(line).not.toMatch(/old\b|\n/);
});

test('programs have the event as it is, with the code of a problem and what is wrong', () => {
  const training = { type: 'training', task } as const;
  expect(eventToJson(training)).toBe(training);
  expect(eventToJson({ type: 'declined', task, problem })).toEqual({
    type: 'declined',
    task,
    problem: { code: 'overloaded', detail: problem.message },
  });
});

test('where a bug happened is told by its cause', () => {
  const bug = new TypeError('x is not a function');
  expect(stackOf(new HanseError('internalError', { reference: 'r' }, { cause: bug }))).toBe(bug.stack);
  expect(stackOf(new HanseError('internalError', { reference: 'r' }, { cause: 'why' }))).toBe('why');
});
