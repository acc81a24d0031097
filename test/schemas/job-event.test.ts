// covers: schemas/job-event.ts, schemas/task.ts, schemas/problem.ts
import { expect, test } from 'vitest';
import { EVENT_VERSION, JobEvent } from '../../schemas/job-event.ts';
import { ProblemDetails } from '../../schemas/problem.ts';
import { Decline, Receipt, Tasks } from '../../schemas/task.ts';
import { manifestOf } from '../fixtures/manifest.ts';
import { describeForm } from './form-of.ts';

const NODE = 'a'.repeat(32);
const HASH = '0'.repeat(64);
const AT = '2026-01-01T00:00:00.000Z';
const context = { round: 1, attempt: 2 };
const SIGNATURE = '1'.repeat(128);
const ADVERTISEMENT = {
  nodeId: NODE,
  publicKey: HASH,
  channelKey: HASH,
  maskKey: HASH,
  nonce: HASH,
  signature: SIGNATURE,
};

/** One event of each type. */
const EVENTS = {
  jobCreated: {
    jobId: 'job-0123456789abcdef',
    manifest: manifestOf('fed-0123456789abcdef'),
    manifestSha256: HASH,
    createdBy: NODE,
  },
  cohortSelected: { ...context, cohort: [NODE], deadline: AT },
  keysAdvertised: { ...context, node: NODE, advertisement: ADVERTISEMENT },
  sharesAccepted: { ...context, node: NODE, sha256: HASH, bytes: 100 },
  updateAccepted: { ...context, node: NODE, sha256: HASH, bytes: 100 },
  consentGiven: { ...context, node: NODE, signature: SIGNATURE },
  answerAccepted: { ...context, node: NODE, sha256: HASH, bytes: 64 },
  secretsOpened: { ...context, answers: [NODE], faulty: [] },
  taskDeclined: { ...context, node: NODE, code: 'dataEmpty' },
  deadlinePassed: { ...context, phase: 'evaluating' },
  aggregated: {
    ...context,
    model: HASH,
    strategyState: null,
    updates: 2,
    weight: 100,
    updateNorm: 0,
    evaluateBy: AT,
  },
  aggregationFailed: { ...context, code: 'ringOverflow' },
  evaluated: { ...context, node: NODE, metrics: { loss: 1, accuracy: null, examples: 5 } },
  evaluationDeclined: { ...context, node: NODE, code: 'dataShapeMismatch' },
  evaluationGivenUp: context,
  released: { ...context, model: HASH },
  nodeReported: { node: NODE },
  jobCancelled: { by: NODE },
} satisfies Record<JobEvent['type'], object>;

for (const [type, data] of Object.entries(EVENTS))
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
  sound: { type: 'aggregated', ...EVENTS.aggregated },
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
  sound: { type: 'updateAccepted', ...EVENTS.updateAccepted, signature: SIGNATURE },
  optional: ['signature'],
  refuses: [['signature', 'x']],
});

describeForm('aggregated from masked updates', JobEvent, {
  sound: { type: 'aggregated', ...EVENTS.aggregated, record: HASH, sum: HASH },
  optional: ['record', 'sum'],
  refuses: [
    ['record', null],
    ['sum', 'x'],
  ],
});

describeForm('aggregated with noise of a tree', JobEvent, {
  sound: { type: 'aggregated', ...EVENTS.aggregated, treeNonce: '0f'.repeat(16) },
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
