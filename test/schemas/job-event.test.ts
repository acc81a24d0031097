// covers: schemas/job-event.ts, schemas/task.ts, schemas/problem.ts
import { expect, test } from 'vitest';
import { EVENT_VERSION, JobEvent } from '../../schemas/job-event.ts';
import { ProblemDetails } from '../../schemas/problem.ts';
import { Decline, Receipt, Tasks } from '../../schemas/task.ts';
import { AT, context, HASH, JOB_EVENTS, SIGNATURE } from '../fixtures/sample-events.ts';
import { describeForm } from './form-of.ts';

for (const [type, data] of Object.entries(JOB_EVENTS))
  describeForm(`event ${type}`, JobEvent, {
    sound: { type, ...data },
    optional: type === 'jobCreated' ? ['manifest.seed'] : [],
    refuses: [
      ['type', 'anotherType'],
      ['type', type === 'released' ? 'jobCancelled' : 'released'],
      ...('round' in data
        ? ([
            ['round', 0],
            ['attempt', '1'],
          ] as const)
        : ([] as const)),
    ],
  });

test('events have the version that is stored with them', () => {
  expect(EVENT_VERSION).toBe(1);
});

describeForm('aggregated', JobEvent, {
  sound: { type: 'aggregated', ...JOB_EVENTS.aggregated },
  takes: [
    ['strategyState', HASH],
    ['evaluateBy', null],
  ],
  refuses: [
    ['updates', 0],
    ['weight', 0],
    ['updateNorm', -1],
    ['updateNorm', Number.NaN],
  ],
});

describeForm('an update that is masked', JobEvent, {
  sound: { type: 'updateAccepted', ...JOB_EVENTS.updateAccepted, signature: SIGNATURE },
  optional: ['signature'],
  refuses: [['signature', 'x']],
});

describeForm('aggregated from masked updates', JobEvent, {
  sound: { type: 'aggregated', ...JOB_EVENTS.aggregated, record: HASH, sum: HASH },
  optional: ['record', 'sum'],
  refuses: [
    ['record', null],
    ['sum', 'x'],
  ],
});

describeForm('aggregated with noise of a tree', JobEvent, {
  sound: { type: 'aggregated', ...JOB_EVENTS.aggregated, treeNonce: '0f'.repeat(16) },
  optional: ['treeNonce'],
  refuses: [
    ['treeNonce', HASH],
    ['treeNonce', ''],
  ],
});

describeForm('the deadline of a secure phase', JobEvent, {
  sound: { type: 'deadlinePassed', ...context, phase: 'unmasking' },
  takes: [
    ['phase', 'advertising'],
    ['phase', 'sharing'],
    ['phase', 'collecting'],
    ['phase', 'consenting'],
  ],
  refuses: [['phase', 'recruiting']],
});

const task = {
  type: 'train',
  jobId: 'job-0123456789abcdef',
  manifestSha256: HASH,
  ...context,
  model: HASH,
  deadline: AT,
};

describeForm('tasks', Tasks, {
  sound: { tasks: [task, { ...task, type: 'evaluate' }] },
  takes: [['tasks', []]],
  refuses: [
    ['tasks', [{ ...task, type: 'run' }]],
    ['tasks', [{ ...task, code: 'import os' }]],
    ['tasks', [{ ...task, deadline: 'soon' }]],
    ['tasks', Array(1001).fill(task)],
  ],
});

describeForm('refusal of a task', Decline, {
  sound: { code: 'dataEmpty' },
  refuses: [
    ['code', ''],
    ['code', 'data empty'],
    ['code', 'x'.repeat(41)],
  ],
});

describeForm('receipt', Receipt, {
  sound: { sha256: HASH, bytes: 100 },
  refuses: [
    ['bytes', -1],
    ['sha256', 'x'],
  ],
});

describeForm('problem details', ProblemDetails, {
  sound: {
    type: 'urn:hanse:problem:jobUnknown',
    title: 'There is no such job.',
    status: 404,
    code: 'jobUnknown',
    detail: 'There is no such job. (jobId job-1)',
    remedy: 'List the jobs.',
    particulars: { jobId: 'job-1' },
  },
  optional: ['particulars.jobId'],
  open: ['', 'particulars'], // a newer coordinator may say more
  refuses: [
    ['status', 200],
    ['status', 600],
    ['particulars', null],
    ['code', 404],
  ],
});
