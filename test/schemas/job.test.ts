// covers: schemas/job.ts, schemas/training.ts, schemas/strategy.ts, schemas/codec.ts
import { JobLine, JobManifest, JobStatus, RoundSummary } from '../../schemas/job.ts';
import { manifestOf } from '../fixtures/manifest.ts';
import { describeForm } from './form-of.ts';

const FEDERATION = 'fed-0123456789abcdef';
const NODE = 'a'.repeat(32);
const HASH = '0'.repeat(64);
const AT = '2026-01-01T00:00:00.000Z';
const manifest = manifestOf(FEDERATION);

describeForm('manifest', JobManifest, {
  sound: { ...manifest, training: { ...manifest.training, maxSteps: 100 } },
  optional: ['seed', 'training.maxSteps'],
  takes: [
    ['name', 'Kopie von C {2}'],
    ['purpose', 'Forschung: Äpfel & 数'],
    ['privacyUnit', 'person'],
    ['training.optimizer', { type: 'momentum', momentum: 0 }],
    ['training.optimizer', { type: 'adam', beta1: 0.9, beta2: 0.999, epsilon: 1e-8 }],
    ['training.learningRateDecay', 1],
    ['strategy', { type: 'fedavgm', serverLearningRate: 1, momentum: 0.9 }],
    ['strategy', { type: 'fedadam', serverLearningRate: 0.01, beta1: 0.9, beta2: 0.99, tau: 0.001 }],
    ['codec.width', 16],
    ['codec.width', 32],
    ['codec.weightMax', 2 ** 32 - 1],
    ['evaluateEvery', 0],
    ['deadlines.collectSeconds', 0.5],
  ],
  refuses: [
    ['manifestVersion', 2],
    ['federationId', 'fed-1'],
    ['name', ''],
    ['name', 'a\nb'],
    ['name', 'a\u200bb'],
    ['name', 'x'.repeat(81)],
    ['purpose', '\u001b[31m'],
    ['privacyUnit', 'household'],
    ['aggregation', 'secure'],
    ['graph.forward', 'model.onnx'],
    ['parameters', 0],
    ['parameters', 1.5],
    ['training.loss', 'hinge'],
    ['training.optimizer', { type: 'momentum', momentum: 1 }],
    ['training.optimizer', { type: 'sgd', momentum: 0.9 }],
    ['training.optimizer', { type: 'adam', beta1: 0.9, beta2: 1, epsilon: 1e-8 }],
    ['training.optimizer', { type: 'adam', beta1: 0.9, beta2: 0.9, epsilon: 0 }],
    ['training.learningRate', 0],
    ['training.learningRate', Number.NaN],
    ['training.learningRate', Number.POSITIVE_INFINITY],
    ['training.learningRateDecay', 1.1],
    ['training.batchSize', 0],
    ['training.epochs', 0],
    ['training.maxSteps', 0],
    ['weighting', 'equal'],
    ['codec.version', 2],
    ['codec.clipNorm', 0],
    ['codec.width', 15],
    ['codec.width', 33],
    ['codec.width', 20.5],
    ['codec.grid', 0],
    ['codec.weightMax', 0],
    ['codec.weightMax', 2 ** 32],
    ['codec.counters', -1],
    ['strategy', { type: 'fedavgm', serverLearningRate: 1 }],
    ['strategy', { type: 'fedavgm', serverLearningRate: 1, momentum: 1 }],
    ['strategy', { type: 'fedavg', serverLearningRate: 0 }],
    ['strategy', { type: 'fedadam', serverLearningRate: 1, beta1: 0.9, beta2: 0.9, tau: 0 }],
    ['strategy', { type: 'fedprox', serverLearningRate: 1 }],
    ['rounds', 0],
    ['cohort.size', 0],
    ['cohort.minimum', 0],
    ['deadlines.collectSeconds', 0],
    ['deadlines.evaluateSeconds', 604_801],
    ['maxAttempts', 0],
    ['evaluateEvery', -1],
    ['seed', ''],
    ['seed', '\ud800'],
  ],
});

const round = {
  round: 1,
  attempt: 1,
  outcome: 'released',
  reason: null,
  cohort: 3,
  updates: 2,
  declined: { dataEmpty: 1 },
  weight: 100,
  updateNorm: 0.5,
  bytesUp: 1000,
  metrics: { loss: 0.25, accuracy: 0.5, examples: 10 },
  model: HASH,
  openedAt: AT,
  endedAt: AT,
};

describeForm('summary of a round', RoundSummary, {
  sound: round,
  optional: ['declined.dataEmpty'],
  open: ['declined'],
  takes: [
    ['reason', 'cohortTooSmall'],
    ['declined', {}],
    ['updateNorm', null],
    ['metrics', null],
    ['metrics.accuracy', null],
    ['model', null],
  ],
  refuses: [
    ['outcome', 'pending'],
    ['declined.dataEmpty', 0],
    ['metrics.accuracy', 1.01],
    ['metrics.loss', Number.NaN],
    ['metrics.examples', 0],
    ['weight', -1],
    ['endedAt', 'later'],
  ],
});

describeForm('status of a job', JobStatus, {
  sound: {
    jobId: 'job-0123456789abcdef',
    manifestSha256: HASH,
    manifest,
    phase: 'collecting',
    round: 1,
    attempt: 1,
    model: HASH,
    reason: null,
    cohort: [NODE],
    received: 1,
    sequence: 3,
    bytesUp: 10,
    bytesDown: 10,
    waitingFor: null,
    createdAt: AT,
    rounds: [round],
  },
  optional: ['manifest.seed'],
  takes: [
    ['phase', 'finished'],
    ['reason', 'attemptsExhausted'],
    ['waitingFor', 'participants'],
    ['rounds', []],
  ],
  refuses: [
    ['phase', 'paused'],
    ['cohort', ['a node']],
    ['received', -1],
    ['rounds', [{ ...round, round: 0 }]],
    ['createdAt', 0],
  ],
});

describeForm('line of the list of jobs', JobLine, {
  sound: {
    jobId: 'job-0123456789abcdef',
    name: 'a job',
    phase: 'finished',
    round: 1,
    rounds: 2,
    aggregation: 'plain',
    privacyUnit: 'none',
    accuracy: 0.9,
    createdAt: AT,
  },
  takes: [['accuracy', null]],
  refuses: [
    ['accuracy', '90 %'],
    ['aggregation', 'secure'],
  ],
});
