// covers: client/commands/job.ts, client/commands/job-create.ts, client/commands/identity-options.ts
import { chmod, copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { describeCodec } from '../../../client/commands/codec-report.ts';
import { describeRound, describeWaiting, followJob, unfinished } from '../../../client/commands/job.ts';
import { explainWidth } from '../../../protocol/ring/explain-width.ts';
import type { JobPhase, JobStatus, RoundSummary, TrainingManifest } from '../../../schemas/job.ts';
import { hanse } from '../../fixtures/command-line.ts';
import { jobShelf, statusOf } from '../../fixtures/job-shelf.ts';
import { type RunningCoordinator, runCoordinator } from '../../fixtures/running-coordinator.ts';
import { held, scriptedCoordinator } from '../../fixtures/scripted-coordinator.ts';

let running: RunningCoordinator;
let as: string[];
const CREATE = ['job', 'create', '--name', 'clouds', '--purpose', 'testing', '--model', 'mlp:4,3,2'];

beforeAll(async () => {
  running = await runCoordinator();
  as = ['--identity', running.operatorFile];
});

afterAll(() => running.close());

test('a job is created, listed, shown and cancelled, in words and in JSON', async () => {
  const created = await hanse([
    ...CREATE,
    ...as,
    '--rounds',
    '7',
    '--cohort',
    '5',
    '--max-steps',
    '9',
    '--seed',
    's',
    '--json',
  ]);
  expect(created.exitCode).toBe(0);
  const { jobId, manifest } = created.json as JobStatus;
  expect(manifest).toMatchObject({
    name: 'clouds',
    rounds: 7,
    cohort: { size: 5, minimum: 4 },
    aggregation: 'secure',
    secureAggregation: { suite: 1, colluders: 2, answerSeconds: 120 },
    parameters: 23,
  });

  const list = await hanse(['job', 'list', ...as]);
  expect(list.out).toContain(`${jobId}  recruiting  round 1 of 7`);
  expect((await hanse(['job', 'list', ...as, '--json'])).json).toMatchObject({ jobs: [{ jobId }] });

  const show = await hanse(['job', 'show', jobId, ...as]);
  expect(show.out).toContain('waiting for  participants: 0 live, 4 to 5 wanted');
  expect(show.out).toContain('batches of 10, 1 epoch a round, at most 9 steps\n');
  expect(show.out).toContain('cohort       4 to 5; ');
  expect(show.out).toContain('secure sums: the coordinator sees no update, only their sum');
  expect(show.out).toContain((manifest as TrainingManifest).graph.trainStep);
  expect(show.out).toContain(`parameters   ${manifest.initialModel}: SHA-256 of the latest 23`);
  const { json } = await hanse(['job', 'show', jobId, ...as, '--json']);
  expect(json).toMatchObject({ model: manifest.initialModel, parametersSha256: manifest.initialModel });
  const width = explainWidth(manifest.codec, 23, 5);
  expect(json).toMatchObject({ width });
  for (const [label, text] of describeCodec(manifest.codec, width))
    expect(show.out).toContain(`\n  ${label.padEnd(11)}  ${text}\n`);

  const cancelled = await hanse(['job', 'cancel', jobId, ...as]);
  expect(cancelled).toMatchObject({ exitCode: 0, out: `${jobId}: cancelled\n` });
  const watched = await hanse(['job', 'watch', jobId, ...as, '--json']);
  expect(watched).toMatchObject({
    exitCode: 1,
    json: { problem: { code: 'jobEnded', particulars: { jobId, phase: 'cancelled' } } },
  });
  expect(JSON.parse(watched.out.split('\n').at(-3) ?? '')).toMatchObject({ jobId, phase: 'cancelled' });
  expect((await hanse(['job', 'watch', jobId, ...as])).out).toBe('cancelled\n');
  const again = await hanse(['job', 'cancel', jobId, ...as, '--json']);
  expect(again).toMatchObject({ exitCode: 1, json: { problem: { code: 'jobEnded' } } });
});

test.each<[what: string, words: string[], exitCode: number, code: string]>([
  ['an id that is none', ['job', 'show', 'digits'], 2, 'usage'],
  ['a job that is not there', ['job', 'show', 'job-0123456789abcdef'], 1, 'jobUnknown'],
  ['a model of no kind', [...CREATE.slice(0, -1), 'cnn:4,2'], 2, 'usage'],
  ['a model that is not there', [...CREATE.slice(0, -1), 'none.onnx'], 1, 'dataFileMissing'],
  ['no rounds', [...CREATE, '--rounds', '0'], 2, 'usage'],
  ['a learning rate of nothing', [...CREATE, '--lr', '0'], 2, 'usage'],
  ['an empty cohort', [...CREATE, '--cohort', '0'], 2, 'usage'],
  ['a secure cohort of two', [...CREATE, '--cohort', '2'], 2, 'usage'],
  ['a suite of no name', [...CREATE, '--suite', '3'], 2, 'usage'],
  ['colluders below none', [...CREATE, '--colluders=-1'], 2, 'usage'],
  ['colluders of plain sums', [...CREATE, '--cohort', '5', '--plain', '--colluders', '1'], 2, 'usage'],
  [
    'more colluders than such a cohort stands',
    [...CREATE, '--cohort', '5', '--colluders', '3'],
    1,
    'manifestInvalid',
  ],
  ['a minimum beyond the cohort', [...CREATE, '--cohort', '3', '--minimum', '4'], 2, 'usage'],
  ['a momentum that never fades', [...CREATE, '--optimizer', 'momentum', '--momentum', '1'], 2, 'usage'],
  ['more smoothing than there is', [...CREATE, '--label-smoothing', '1'], 2, 'usage'],
  ['a model of no width', [...CREATE.slice(0, -1), 'mlp:0,2'], 2, 'usage'],
  ['batches of nothing', [...CREATE, '--batch', '0'], 2, 'usage'],
])('%s is refused by name', async (_what, words, exitCode, code) => {
  await expect(hanse(['job', 'list', ...as, '--json'])).resolves.toMatchObject({ exitCode: 0 });
  await expect(hanse([...words, ...as, '--json'])).resolves.toMatchObject({
    exitCode,
    json: { problem: { code } },
  });
});

test('--rotate makes a job whose updates are turned', async () => {
  const codecOf = async (words: string[]) =>
    ((await hanse([...CREATE, ...as, ...words, '--json'])).json as JobStatus).manifest.codec;
  const plain = await codecOf([]);
  expect(plain).not.toHaveProperty('rotation');
  expect(await codecOf(['--rotate'])).toEqual({ ...plain, rotation: { block: 16, bound: 10 } });
});

test('an identity that cannot be used is refused before anything is asked', async () => {
  const open = join(running.folder, 'open.json');
  await copyFile(running.operatorFile, open);
  await chmod(open, 0o600);
  await expect(hanse(['job', 'list', '--identity', open])).resolves.toMatchObject({ exitCode: 0 });
  await chmod(open, 0o644);
  const refused = await hanse(['job', 'list', '--identity', open, '--json']);
  expect(refused).toMatchObject({ exitCode: 1, json: { problem: { code: 'identityUnreadable' } } });
  const missing = await hanse(['job', 'list', '--identity', join(running.folder, 'none.json'), '--json']);
  expect(missing).toMatchObject({ exitCode: 1, json: { problem: { code: 'identityUnreadable' } } });
});

test('without a coordinator in the folder, the operator is told how to have one', async () => {
  const here = process.cwd();
  process.chdir(running.folder);
  const missing = await hanse(['job', 'list', '--json']);
  process.chdir(here);
  expect(missing).toMatchObject({
    exitCode: 1,
    json: {
      problem: {
        code: 'identityUnreadable',
        particulars: { reason: expect.stringMatching(/`hanse serve` here, or give --identity/) },
      },
    },
  });
});

test.each<[strategy: string, expected: object]>([
  ['fedavg', { type: 'fedavg', serverLearningRate: 0.5 }],
  ['fedavgm', { type: 'fedavgm', serverLearningRate: 0.5, momentum: 0.7 }],
  ['fedadam', { type: 'fedadam', serverLearningRate: 0.5 }],
])('strategy %s', async (strategy, expected) => {
  const words = [
    ...CREATE,
    ...as,
    '--strategy',
    strategy,
    '--server-lr',
    '0.5',
    '--server-momentum',
    '0.7',
    '--json',
  ];
  expect((await hanse(words)).json).toMatchObject({ manifest: { strategy: expected } });
});

test.each<[words: string, terms: object]>([
  // Two thirds and one more: the threshold of the round.
  ['--cohort 3', { aggregation: 'secure', cohort: { size: 3, minimum: 3 } }],
  ['--cohort 10', { cohort: { size: 10, minimum: 7 }, secureAggregation: { colluders: 3 } }],
  ['--cohort 10 --extra 2', { cohort: { size: 10, extra: 2, minimum: 9 } }],
  ['--cohort 10 --minimum 8', { cohort: { size: 10, minimum: 8 } }],
  ['--cohort 5 --suite 2', { secureAggregation: { suite: 2, colluders: 2 } }],
  ['--cohort 5 --colluders 0', { secureAggregation: { suite: 1, colluders: 0 } }],
  ['--cohort 5 --colluders 2', { secureAggregation: { colluders: 2 } }],
  ['--cohort 5 --deadline 30', { secureAggregation: { answerSeconds: 30 } }],
  ['--cohort 5 --plain', { aggregation: 'plain', cohort: { size: 5, minimum: 2 } }],
  ['--cohort 2 --plain', { aggregation: 'plain', cohort: { size: 2, minimum: 2 } }],
  ['--cohort 1 --plain', { aggregation: 'plain', cohort: { size: 1, minimum: 1 } }],
])('aggregation: %s', async (words, terms) => {
  const { exitCode, json } = await hanse([...CREATE, ...as, ...words.split(' '), '--json']);
  expect(exitCode).toBe(0);
  const { jobId, manifest } = json as JobStatus;
  expect(manifest).toMatchObject(terms);
  const seen = manifest.aggregation === 'plain' ? 'each update' : 'no update, only their sum';
  const show = await hanse(['job', 'show', jobId, ...as]);
  expect(show.out).toContain(`privacy      ${manifest.aggregation} sums: the coordinator sees ${seen};`);
  expect(manifest.secureAggregation === undefined).toBe(manifest.aggregation === 'plain');
});

test.each<[words: string, training: object]>([
  ['--optimizer sgd --max-steps 3', { optimizer: { type: 'sgd' }, maxSteps: 3 }],
  ['--optimizer momentum', { optimizer: { type: 'momentum', momentum: 0.9 } }],
  [
    '--optimizer nesterov --momentum 0.5 --weight-decay 0.001',
    { optimizer: { type: 'nesterov', momentum: 0.5, weightDecay: 0.001 } },
  ],
  ['--optimizer adam', { optimizer: { type: 'adam', beta1: 0.9, beta2: 0.999, epsilon: 1e-8 } }],
  ['--optimizer adamw --weight-decay 0.1', { optimizer: { type: 'adamw', weightDecay: 0.1 } }],
  [
    '--class-weights 1,2.5 --label-smoothing 0.1 --ignore-index 1',
    { loss: { type: 'softmax_ce', classWeights: [1, 2.5], labelSmoothing: 0.1, ignoreIndex: 1 } },
  ],
  ['--ignore-index -100', { loss: { type: 'softmax_ce', ignoreIndex: -100 } }],
  ['--loss mae', { loss: { type: 'mae' } }],
  ['--loss huber', { loss: { type: 'huber', delta: 1 } }],
  ['--loss huber --huber-delta 0.5', { loss: { type: 'huber', delta: 0.5 } }],
  ['--gradient-clip 2', { gradientClip: 2 }],
  ['--lr 0.3 --lr-decay 0.9', { learningRate: 0.3, learningRateDecay: 0.9 }],
  ['--schedule cosine', { schedule: { type: 'cosine', warmup: 0, floor: 0 } }],
  [
    '--schedule linear --warmup 0.1 --lr-floor 0.01',
    { schedule: { type: 'linear', warmup: 0.1, floor: 0.01 } },
  ],
])('training: %s', async (words, training) => {
  const { exitCode, json } = await hanse([...CREATE, ...as, ...words.split(' '), '--json']);
  expect(exitCode).toBe(0);
  expect(json).toMatchObject({ manifest: { training } });
});

test('what is not asked for is not in the manifest', async () => {
  const { json } = await hanse([...CREATE, ...as, '--json']);
  expect((json as JobStatus).manifest).toHaveProperty('training', {
    loss: { type: 'softmax_ce' },
    optimizer: { type: 'sgd' },
    learningRate: 0.1,
    learningRateDecay: 1,
    batchSize: 10,
    epochs: 1,
  });
});

test.each<[words: string, exitCode: number, code: string]>([
  ['--loss hinge', 2, 'usage'],
  ['--optimizer lion', 2, 'usage'],
  ['--schedule step', 2, 'usage'],
  ['--loss mse --class-weights 1,2', 2, 'usage'],
  ['--loss mse --label-smoothing 0.1', 2, 'usage'],
  ['--loss bce_logits --ignore-index 1', 2, 'usage'],
  ['--huber-delta 1', 2, 'usage'],
  ['--class-weights 1,two', 2, 'usage'],
  ['--momentum 0.5', 2, 'usage'],
  ['--warmup 0.1', 2, 'usage'],
  ['--lr-floor 0.1', 2, 'usage'],
  ['--ignore-index 0.5', 2, 'usage'],
  ['--gradient-clip long', 2, 'usage'],
  ['--gradient-clip 0', 2, 'usage'],
  ['--weight-decay -1', 2, 'usage'],
  ['--optimizer momentum --momentum 1', 2, 'usage'],
  ['--schedule cosine --warmup 1', 2, 'usage'],
  ['--schedule linear --lr-floor 2', 2, 'usage'],
  ['--label-smoothing 1', 2, 'usage'],
  ['--class-weights 1,2,3', 1, 'manifestInvalid'],
  ['--loss sequence_ce', 1, 'manifestInvalid'],
])('training: %s is refused', async (words, exitCode, code) => {
  await expect(hanse([...CREATE, ...as, ...words.split(' '), '--json'])).resolves.toMatchObject({
    exitCode,
    json: { problem: { code } },
  });
});

test('following a job calls back with every state until the end', async () => {
  const { manifest, manifestSha256 } = await jobShelf();
  const status = (sequence: number, phase: JobPhase) => ({
    ...statusOf(manifest, manifestSha256),
    sequence,
    phase,
  });
  const states = [status(1, 'recruiting'), status(4, 'collecting'), status(9, 'finished')];
  const api = scriptedCoordinator({ getJob: () => states[api.calls.length - 1] as JobStatus });
  const seen: JobPhase[] = [];
  const last = await followJob(api, 'job-0123456789abcdef', new AbortController().signal, ({ phase }) =>
    seen.push(phase),
  );
  expect(seen).toEqual(['recruiting', 'collecting', 'finished']);
  expect(last.phase).toBe('finished');
  expect(api.calls.map(({ request }) => request.query)).toEqual([
    {},
    { after: '1', wait: '20' },
    { after: '4', wait: '20' },
  ]);
});

test('what a job waits for is said, and why its round is not released', async () => {
  const { manifest, manifestSha256 } = await jobShelf();
  const status = statusOf(manifest, manifestSha256);
  expect(describeWaiting({ ...status, waitingFor: null })).toBe('');
  const waiting = { ...status, waitingFor: 'witnesses of the log' };
  expect(describeWaiting(waiting)).toBe('waiting for witnesses of the log');
  expect(describeWaiting({ ...waiting, withheld: 'aggregatedUnreleased' })).toBe(
    'aggregatedUnreleased: waiting for witnesses of the log',
  );
});

test('following a job leaves the coordinator a moment between two states, unless all are wanted', async () => {
  const { manifest, manifestSha256 } = await jobShelf();
  const status = statusOf(manifest, manifestSha256);
  const states = (['recruiting', 'advertising', 'sharing', 'finished'] as const).map(
    (phase, i): JobStatus => ({ ...status, sequence: i + 1, phase }),
  );
  const scripted = () => {
    const api = scriptedCoordinator({ getJob: () => states[api.calls.length - 1] as JobStatus });
    return api;
  };
  const { signal } = new AbortController();
  vi.useFakeTimers();
  try {
    const api = scripted();
    const followed = followJob(api, 'job-0123456789abcdef', signal, () => {}, 100);
    await vi.advanceTimersByTimeAsync(99);
    expect(api.calls).toHaveLength(2);
    await vi.advanceTimersByTimeAsync(1);
    expect(api.calls).toHaveLength(3);
    await vi.advanceTimersByTimeAsync(100);
    expect((await followed).phase).toBe('finished');
    const eager = scripted();
    expect((await followJob(eager, 'job-0123456789abcdef', signal, () => {}, 0)).phase).toBe('finished');
    expect(eager.calls).toHaveLength(4);
  } finally {
    vi.useRealTimers();
  }
});

test('following a job ends with the last state when its signal aborts, even if the request breaks off', async () => {
  const { manifest, manifestSha256 } = await jobShelf();
  const stop = new AbortController();
  const api = scriptedCoordinator({
    getJob: async (_request, { signal }) => {
      if (signal) {
        setImmediate(() => stop.abort());
        await held(undefined, signal);
        throw new Error('broken off');
      }
      return statusOf(manifest, manifestSha256);
    },
  });
  const last = await followJob(api, 'job-0123456789abcdef', stop.signal, () => {});
  expect(last.phase).toBe('collecting');
  expect(api.calls).toHaveLength(2);
});

test('why there is no final model: it failed, was cancelled, or nobody waited for it', async () => {
  const { manifest, manifestSha256 } = await jobShelf();
  const status = statusOf(manifest, manifestSha256);
  const { jobId } = status;
  expect(
    unfinished({ ...status, phase: 'failed', reason: 'attemptsExhausted', round: 3, attempt: 2 }),
  ).toMatchObject({
    code: 'attemptsExhausted',
    detail: { round: 3, attempts: 2 },
  });
  expect(unfinished({ ...status, phase: 'failed', reason: 'storageFull' })).toMatchObject({
    code: 'jobEnded',
    detail: { jobId, phase: 'failed: storageFull' },
  });
  expect(unfinished({ ...status, phase: 'cancelled' })).toMatchObject({
    detail: { jobId, phase: 'cancelled' },
  });
  expect(unfinished({ ...status, phase: 'collecting' })).toMatchObject({ code: 'interrupted' });
});

test('a round in one line', () => {
  const round: RoundSummary = {
    round: 3,
    attempt: 2,
    outcome: 'released',
    reason: null,
    cohort: 5,
    updates: 4,
    declined: { trainingDiverged: 1 },
    weight: 40,
    updateNorm: 1,
    bytesUp: 1000,
    metrics: { loss: 0.25, accuracy: 0.975, examples: 100 },
    model: null,
    openedAt: '2026-01-01T12:00:00.000Z',
    endedAt: '2026-01-01T12:00:01.500Z',
  };
  expect(describeRound(round)).toBe(
    'round 3, attempt 2: released, 4 of 5 updates, 1 declined with trainingDiverged, loss 0.2500, accuracy 97.50 %, 1.50 s',
  );
  expect(describeRound({ ...round, clipping: { clipNorm: 0.123456, fraction: 0.478 } })).toContain(
    ', clip norm 0.1235, about 48 % of updates within it, loss 0.2500',
  );
  expect(describeRound({ ...round, clipping: { clipNorm: 1, fraction: 1.2 } })).toContain('about 100 % of');
  expect(
    describeRound({
      ...round,
      attempt: 1,
      outcome: 'aborted',
      reason: 'cohortTooSmall',
      declined: {},
      metrics: null,
    }),
  ).toBe('round 3: aborted, cohortTooSmall, 4 of 5 updates, 1.50 s');
});
