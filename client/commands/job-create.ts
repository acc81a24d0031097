/**
 * `hanse job create`: start a federated training.
 */
import { describeSpan } from '../../protocol/cohort.ts';
import { asUsage, parse } from '../../protocol/parse.ts';
import { HanseError } from '../../protocol/problem.ts';
import { SECURE_LEAST, survivorsMinimum, thresholdOf } from '../../protocol/secagg/descriptor.ts';
import { Codec } from '../../schemas/codec.ts';
import { type CommandOption, defineCommand } from '../../schemas/command.ts';
import { Attempt, Round } from '../../schemas/ids.ts';
import { type JobManifest, TrainingManifest } from '../../schemas/job.ts';
import { SecureAggregation, SuiteId } from '../../schemas/secagg.ts';
import { FedAvgM, type Strategy } from '../../schemas/strategy.ts';
import { LearningRateSchedule, LocalTraining } from '../../schemas/training.ts';
import { authorJob, type JobPlan, secureAggregationFor, submitJob } from '../author-job.ts';
import { CHOICE_OPTIONS, type ChoiceOptions, choicesOf } from './choice-option.ts';
import { connectAs, IDENTITY_OPTIONS, type IdentityOptions } from './identity-options.ts';
import { LOSS_OPTIONS, type LossOptions, lossOf } from './loss-option.ts';
import { loadModel, MODEL_OPTION } from './model-source.ts';
import {
  GRADIENT_CLIP_OPTION,
  type GradientClipOptions,
  gradientClipOf,
  OPTIMIZER_OPTIONS,
  type OptimizerOptions,
  optimizerOf,
} from './optimizer-option.ts';
import { PRIVACY_OPTIONS, type PrivacyOptions, promisedBy } from './privacy-option.ts';

export interface TrainingOptions
  extends LossOptions,
    OptimizerOptions,
    GradientClipOptions,
    ChoiceOptions,
    PrivacyOptions {
  readonly model: string;
  readonly lr: number;
  readonly lrDecay: number;
  readonly schedule: 'constant' | LearningRateSchedule['type'];
  readonly warmup: number;
  readonly lrFloor: number;
  readonly batch: number;
  readonly epochs: number;
  readonly maxSteps?: number;
  readonly strategy: Strategy['type'];
  readonly serverLr: number;
  readonly serverMomentum: number;
  readonly rounds: number;
  readonly clipNorm: number;
  readonly rotate?: boolean;
  readonly weighting: JobManifest['weighting'];
  readonly evaluateEvery: number;
}

interface JobCreateOptions extends TrainingOptions, IdentityOptions {
  readonly name: string;
  readonly purpose: string;
  readonly cohort: number;
  readonly extra?: number;
  readonly minimum?: number;
  readonly deadline: number;
  readonly plain?: boolean;
  readonly suite: SuiteId;
  readonly colluders?: number;
  readonly attempts: number;
  readonly seed?: string;
}

const { properties: manifest } = TrainingManifest;
const { properties: training } = LocalTraining;
const [cosine] = LearningRateSchedule.anyOf;

/** Shared with the simulator. */
export const TRAINING_OPTIONS: readonly CommandOption[] = [
  MODEL_OPTION,
  ...CHOICE_OPTIONS,
  ...LOSS_OPTIONS,
  ...OPTIMIZER_OPTIONS,
  {
    flags: '--lr <rate>',
    description: 'local learning rate; with --lot-rate, that of the one step of a round',
    kind: 'number',
    default: 0.1,
    schema: training.learningRate,
  },
  {
    flags: '--lr-decay <factor>',
    description: 'factor on the rate after each round',
    kind: 'number',
    default: 1,
    schema: training.learningRateDecay,
  },
  {
    flags: '--schedule <name>',
    description: 'how the rate changes over the whole job',
    choices: ['constant', 'cosine', 'linear'],
    default: 'constant',
  },
  {
    flags: '--warmup <share>',
    description: 'share of the job in which the rate rises',
    kind: 'number',
    default: 0,
    schema: cosine.properties.warmup,
  },
  {
    flags: '--lr-floor <share>',
    description: 'what a schedule leaves of the rate',
    kind: 'number',
    default: 0,
    schema: cosine.properties.floor,
  },
  GRADIENT_CLIP_OPTION,
  {
    flags: '--batch <n>',
    description: 'examples in a local batch',
    kind: 'integer',
    default: 10,
    schema: training.batchSize,
  },
  {
    flags: '--epochs <n>',
    description: 'local passes over the data in a round',
    kind: 'integer',
    default: 1,
    schema: training.epochs,
  },
  {
    flags: '--max-steps <n>',
    description: 'at most so many local steps in a round',
    kind: 'integer',
    schema: training.maxSteps,
  },
  {
    flags: '--strategy <name>',
    description: 'how the coordinator applies the mean update',
    choices: ['fedavg', 'fedavgm', 'fedadam'],
    default: 'fedavg',
  },
  {
    flags: '--server-lr <rate>',
    description: 'learning rate of the strategy',
    kind: 'number',
    default: 1,
    schema: FedAvgM.properties.serverLearningRate,
  },
  {
    flags: '--server-momentum <m>',
    description: 'momentum of fedavgm',
    kind: 'number',
    default: 0.9,
    schema: FedAvgM.properties.momentum,
  },
  { flags: '--rounds <n>', description: 'rounds of training', kind: 'integer', default: 20, schema: Round },
  {
    flags: '--clip-norm <c>',
    description:
      'longest update, or with --lot-rate longest gradient of a unit; longer ones are scaled down to it',
    kind: 'number',
    default: 10,
    schema: Codec.properties.clipNorm,
  },
  {
    flags: '--rotate',
    description:
      'turn updates before rounding: fewer bytes in small cohorts, less rounding error in large ones',
  },
  {
    flags: '--weighting <rule>',
    description: 'what an update counts',
    choices: ['uniform', 'examples'],
    default: 'uniform',
  },
  {
    flags: '--evaluate-every <n>',
    description: 'rounds from one evaluation to the next; 0: never',
    kind: 'integer',
    default: 1,
    schema: manifest.evaluateEvery,
  },
  ...PRIVACY_OPTIONS,
];

/** The smallest cohort whose sum is not the update of one participant. */
const MINIMUM = 2;

/** Of a secure round, for each of its small messages. */
const ANSWER_SECONDS = 120;

/** The most examples of one participant that count, where weights are by examples. */
export const WEIGHT_MAX = 65_536;

export const jobCreateCommand = defineCommand<JobCreateOptions>({
  summary: 'start a federated training',
  options: [
    {
      flags: '--name <name>',
      description: 'what the job is called',
      required: true,
      schema: manifest.name,
    },
    {
      flags: '--purpose <text>',
      description: 'what the model is for, as data owners will read it',
      required: true,
      schema: manifest.purpose,
    },
    ...TRAINING_OPTIONS,
    {
      flags: '--cohort <n>',
      description: 'participants in a round',
      kind: 'integer',
      default: 10,
      schema: manifest.cohort.properties.size,
    },
    {
      flags: '--extra <n>',
      description: 'participants chosen beyond the cohort, so that a round need not wait for the slowest',
      kind: 'integer',
      schema: manifest.cohort.properties.extra,
    },
    {
      flags: '--minimum <n>',
      description:
        'updates without which a round is void; unless said, two thirds of the cohort, or 2 with --plain',
      kind: 'integer',
      schema: manifest.cohort.properties.minimum,
    },
    {
      flags: '--deadline <seconds>',
      description: 'time for the updates of a round, and for its evaluation',
      kind: 'number',
      default: 600,
      schema: manifest.deadlines.properties.collectSeconds,
    },
    {
      flags: '--plain',
      description:
        'without secure aggregation: the coordinator sees each update; nodes refuse it unless told otherwise',
    },
    {
      flags: '--suite <n>',
      description: 'masks by AES-256-CTR (1) or ChaCha20 (2)',
      kind: 'integer',
      default: 1,
      schema: SuiteId,
    },
    {
      flags: '--colluders <n>',
      description:
        'participants that may work with the coordinator without harm to others; unless said, as many as the cohort stands',
      kind: 'integer',
      schema: SecureAggregation.properties.colluders,
    },
    {
      flags: '--attempts <n>',
      description: 'attempts at one round before the job fails',
      kind: 'integer',
      default: 5,
      schema: Attempt,
    },
    {
      flags: '--seed <text>',
      description: 'for experiments: makes initial weights and cohorts repeatable',
      schema: manifest.seed,
    },
    ...IDENTITY_OPTIONS,
  ],
  examples: [
    ['hanse job create --name digits --purpose "read digits" --rounds 20', '2NN on MNIST by FedAvg'],
    [
      'hanse job create --name digits --purpose "read digits" --model cnn',
      'images; nodes join with --data mnist:train',
    ],
    [
      'hanse job create --name spam --purpose "sort letters" --model transformer --optimizer adam --lr 0.003',
      'texts; nodes join with --data spam:train',
    ],
    [
      'hanse job create --name pair --purpose "try it" --cohort 2 --plain',
      'two nodes, each with --allow-plain: the coordinator sees both updates',
    ],
    [
      'hanse job create --name risk --purpose "triage" --model risk.onnx --loss bce_logits',
      'a model of your own',
    ],
    [
      'hanse job create --name digits --purpose "read digits" --strategy fedavgm --rounds 60 --unit example --epsilon 1 --delta 1e-5 --lot-rate 0.05 --clip-norm 0.5 --lr 1.5',
      'differential privacy for each example; nodes join with --privacy-budget',
    ],
  ],
  async run({ options }, io) {
    const { cohort: size, extra, plain: isPlain = false } = options;
    const span = { size, ...(extra !== undefined && { extra }) };
    if (!isPlain && size < SECURE_LEAST)
      throw new HanseError('usage', {
        reason: `--cohort ${size}: a sum of fewer than ${SECURE_LEAST} tells each the update of the other; with --plain the coordinator sees each`,
      });
    if (isPlain && options.colluders !== undefined)
      throw new HanseError('usage', { reason: '--colluders is about secure rounds: without --plain' });
    const { minimum = isPlain ? Math.min(size, MINIMUM) : Math.min(size, thresholdOf(span)) } = options;
    if (minimum > size)
      throw new HanseError('usage', { reason: `--minimum ${minimum} is more than --cohort ${size}` });
    const { identity, api } = await connectAs(options, io.signal);
    const plan: JobPlan = {
      ...(await trainingPlan(options, options.seed ?? 'hanse')),
      name: options.name,
      purpose: options.purpose,
      cohort: { ...span, minimum },
      aggregation: isPlain ? 'plain' : secureOf(options, { ...span, minimum }),
      deadlines: { collectSeconds: options.deadline, evaluateSeconds: options.deadline },
      maxAttempts: options.attempts,
      ...(options.seed !== undefined && { seed: options.seed }),
    };
    const job = await submitJob(await authorJob(plan, identity.federationId), api);
    io.print(
      `${job.jobId}  ${plan.name}: ${plan.rounds} ${plan.rounds === 1 ? 'round' : 'rounds'} of ${describeSpan(leastOf(job.manifest), size)} participants`,
    );
    io.note(`follow it with: hanse job watch ${job.jobId}`);
    return job;
  },
});

/** Updates without which a round of the job is void. */
function leastOf(manifest: JobManifest): number {
  return manifest.aggregation === 'secure' ? survivorsMinimum(manifest) : manifest.cohort.minimum;
}

function secureOf(
  { suite, colluders, deadline }: JobCreateOptions,
  cohort: JobManifest['cohort'],
): SecureAggregation {
  const usual = secureAggregationFor(cohort, Math.min(ANSWER_SECONDS, deadline));
  return { ...usual, suite, ...(colluders !== undefined && { colluders }) };
}

/** The part of a plan that a simulation shares with a real job. Throws `usage` for values out of range. */
export async function trainingPlan(options: TrainingOptions, seed: string) {
  const privacy = promisedBy(options);
  const hasLots = privacy?.rate !== undefined;
  const training = {
    loss: lossOf(options),
    optimizer: optimizerOf(options),
    // A round over lots is one step, which the coordinator makes.
    learningRate: hasLots ? 1 : options.lr,
    learningRateDecay: options.lrDecay,
    ...scheduleOf(options),
    ...gradientClipOf(options),
    batchSize: options.batch,
    epochs: options.epochs,
    ...(options.maxSteps !== undefined && { maxSteps: options.maxSteps }),
  };
  return {
    forward: await loadModel(options.model, seed, choicesOf(options)),
    training: asUsage(() => parse(LocalTraining, training, 'training')),
    strategy: strategyOf(hasLots ? { ...options, serverLr: options.serverLr * options.lr } : options),
    rounds: options.rounds,
    clipNorm: options.clipNorm,
    ...(options.rotate && { rotate: true }),
    weighting: hasLots ? ('examples' as const) : options.weighting,
    weightMax: WEIGHT_MAX,
    ...(privacy && { privacy }),
    evaluateEvery: options.evaluateEvery,
  };
}

function scheduleOf({ schedule: type, warmup, lrFloor: floor }: TrainingOptions) {
  if (type !== 'constant') return { schedule: { type, warmup, floor } };
  if (warmup !== 0 || floor !== 0)
    throw new HanseError('usage', { reason: '--warmup and --lr-floor need --schedule cosine or linear' });
  return {};
}

function strategyOf({ strategy, serverLr, serverMomentum }: TrainingOptions): Strategy {
  switch (strategy) {
    case 'fedavg':
      return { type: strategy, serverLearningRate: serverLr };
    case 'fedavgm':
      return { type: strategy, serverLearningRate: serverLr, momentum: serverMomentum };
    case 'fedadam':
      return { type: strategy, serverLearningRate: serverLr, beta1: 0.9, beta2: 0.99, tau: 1e-3 };
    default:
      strategy satisfies never;
      throw new Error('unreachable');
  }
}
