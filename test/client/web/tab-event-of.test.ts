import { expect, test } from 'vitest';
import { releasedEvent, tabEventOf } from '../../../client/web/tab-event-of.ts';
import { HanseError } from '../../../protocol/problem.ts';

const task = { jobId: 'job-0', round: 2 } as never;
const of = (event: object, egress?: object) =>
  tabEventOf(event as never, egress as never, (jobId) => `<b>${jobId}</b>`);

test('each event as the page is told; names stay plain text', () => {
  const problem = new HanseError('messageLate', { phase: 'collecting' });
  const { code, message, remedy } = problem;
  expect(of({ type: 'ready' })).toEqual({ type: 'waiting', why: 'work' });
  expect(of({ type: 'waiting', why: 'paused', until: null })).toEqual({ type: 'waiting', why: 'paused' });
  expect(of({ type: 'preparing', task })).toEqual({
    type: 'preparing',
    jobId: 'job-0',
    jobName: '<b>job-0</b>',
  });
  expect(of({ type: 'missed', task, problem })).toEqual({
    type: 'missed',
    jobId: 'job-0',
    round: 2,
    code,
    message,
    remedy,
  });
  expect(of({ type: 'directoryChanged', version: 4 })).toEqual({ type: 'directoryChanged', version: 4 });
  expect(of({ type: 'training', task })).toEqual({ type: 'begun', jobId: 'job-0', round: 2 });
  expect(of({ type: 'letterRefused', letter: {}, problem })).toEqual({
    type: 'problem',
    code,
    message,
    remedy,
  });
  const egress = { bytes: 1 };
  const report = { lossFirst: 2, lossLast: 1 };
  expect(of({ type: 'contributed', task, report }, egress)).toEqual({
    ...{ type: 'contributed', jobId: 'job-0', round: 2, lossFirst: 2, lossLast: 1, egress },
  });
  for (const type of ['directoryPinned', 'evaluated', 'letterReceived', 'letterDelayed'])
    expect(of({ type })).toBeUndefined();
});

test('a round is released with its metrics, where there are any', () => {
  const round = (metrics: object | null) => ({ round: 3, metrics }) as never;
  expect(releasedEvent('j', round(null))).toEqual({ type: 'released', jobId: 'j', round: 3 });
  expect(releasedEvent('j', round({ loss: 1, accuracy: 0.5, examples: 2 }))).toMatchObject({
    loss: 1,
    accuracy: 0.5,
  });
  expect(releasedEvent('j', round({ loss: 1, accuracy: null, examples: 2 }))).not.toHaveProperty('accuracy');
});
