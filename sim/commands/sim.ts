/**
 * `hanse sim`: a federation in this process, on a data set that comes with a package, or on the smallest example.
 */
import { Type } from 'typebox';
import { primitives } from '#primitives';
import { secureAggregationFor } from '../../client/author-job.ts';
import { TRAINING_OPTIONS, type TrainingOptions, trainingPlan } from '../../client/commands/job-create.ts';
import { writeOutput } from '../../client/commands/output-file.ts';
import { significant } from '../../client/commands/significant.ts';
import { loadExamples } from '../../client/data/data-source.ts';
import { type Examples, selectExamples } from '../../client/data/examples.ts';
import { chooseProvider } from '../../client/engine/choose-provider.ts';
import { NODE_PROVIDERS } from '../../client/engine/node-providers.ts';
import { Predictor } from '../../client/engine/predictor.ts';
import type { ExecutionProvider } from '../../client/engine/provider.ts';
import { compilePrediction } from '../../client/graph/compile-prediction.ts';
import { importModel } from '../../client/graph/import-model.ts';
import { initialParameters } from '../../client/graph/parameters.ts';
import { utf8 } from '../../protocol/bytes.ts';
import { HanseError } from '../../protocol/problem.ts';
import { RandomNumbers, seededRandom } from '../../protocol/random.ts';
import { SECURE_LEAST } from '../../protocol/secagg/descriptor.ts';
import { defineCommand } from '../../schemas/command.ts';
import { type JobStatus, TrainingManifest } from '../../schemas/job.ts';
import type { ProviderName } from '../../schemas/provider.ts';
import { SuiteId } from '../../schemas/secagg.ts';
import { LINE_QUESTION, lineParticipants, linePlan } from '../examples/line.ts';
import { parsePartition, partitionExamples } from '../partition/partition.ts';
import { progressBar } from '../progress-bar.ts';
import { type SimulationOptions, simulate } from '../simulate.ts';

interface SimOptions extends TrainingOptions {
  readonly example?: 'line';
  readonly data: 'mnist' | 'spam';
  readonly participants: number;
  readonly cohort?: number;
  readonly partition: string;
  readonly seed: string;
  readonly provider: 'auto' | ProviderName;
  readonly target?: number;
  readonly plain?: boolean;
  readonly suite: SuiteId;
  readonly dropout?: number;
  readonly output?: string;
}

/** Participants in a round, as in the literature that the examples follow. */
const COHORT = 10;

type World = Pick<SimulationOptions, 'plan' | 'participants' | 'holdOut'>;

export const simCommand = defineCommand<SimOptions>({
  summary: 'simulate a federation in this process',
  options: [
    {
      flags: '--example <name>',
      description: 'a small example with a plan and data of its own',
      choices: ['line'],
    },
    {
      flags: '--data <name>',
      description: 'what is divided among the participants',
      choices: ['mnist', 'spam'],
      default: 'mnist',
    },
    {
      flags: '--participants <n>',
      description: 'participants, K',
      kind: 'integer',
      default: 100,
      schema: Type.Integer({ minimum: 1 }),
    },
    {
      flags: '--cohort <n>',
      description: `of them train in each round; ${COHORT} unless said, or all if there are fewer`,
      kind: 'integer',
      schema: TrainingManifest.properties.cohort.properties.size,
    },
    { flags: '--partition <rule>', description: 'iid, shards or dirichlet:<alpha>', default: 'iid' },
    { flags: '--seed <text>', description: 'decides everything random', default: 'hanse' },
    {
      flags: '--provider <name>',
      description:
        'where to train; wasm gives the same bits on one version of the runtime and kind of processor',
      choices: ['auto', 'cpu', 'wasm'],
      default: 'auto',
    },
    {
      flags: '--target <share>',
      description: 'stop once this accuracy is reached, e.g. 0.97',
      kind: 'number',
      schema: Type.Number({ exclusiveMinimum: 0, maximum: 1 }),
    },
    {
      flags: '--plain',
      description: `without secure aggregation; so too where fewer than ${SECURE_LEAST} train in a round`,
    },
    {
      flags: '--suite <n>',
      description: 'masks by AES-256-CTR (1) or ChaCha20 (2)',
      kind: 'integer',
      default: 1,
      schema: SuiteId,
    },
    {
      flags: '--dropout <share>',
      description:
        'share of the participants that drop out of each secure round before their update, e.g. 0.05',
      kind: 'number',
      schema: Type.Number({ minimum: 0, maximum: 0.3 }),
    },
    { flags: '-o, --output <file>', description: 'write the released model as an ONNX file' },
    ...TRAINING_OPTIONS,
  ],
  examples: [
    ['hanse sim --example line', 'y = 2x on four points over two participants'],
    ['hanse sim --rounds 60 --target 0.97', 'FedAvg on MNIST, K=100, C=0.1, B=10, E=1'],
    [
      'hanse sim --model cnn --participants 50 --cohort 4 --max-steps 60 --rounds 4',
      'the convolutional network of the same paper',
    ],
    [
      'hanse sim --data spam --model transformer --participants 20 --cohort 5 --optimizer adam --lr 0.003 --rounds 6',
      'letters that are spam or not',
    ],
    [
      'hanse sim --rounds 20 --dropout 0.05',
      'one in twenty is lost before its update; the others are summed',
    ],
    ['hanse sim --partition shards --rounds 400 --json', 'two shards each; one object on the last line'],
    [
      'hanse sim --participants 10 --partition shards --model mlp:784,200,200,10 --unit example --epsilon 2 --delta 1e-5 --lot-rate 0.05 --clip-norm 0.5 --lr 0.6 --strategy fedavgm --rounds 60 --batch 64 --evaluate-every 10',
      'differential privacy for each example, with the noise of the participants',
    ],
  ],
  async run({ options }, io) {
    const { provider } = await chooseProvider(options.provider, { candidates: NODE_PROVIDERS });
    if (options.example !== undefined && options.dropout !== undefined)
      throw new HanseError('usage', {
        reason: `--example ${options.example} has no secure rounds: no --dropout`,
      });
    const world = options.example === 'line' ? lineWorld() : await dataWorld(options);
    const { rounds, aggregation } = world.plan;
    io.note(
      `${world.participants.length} participants, ${rounds} ${rounds === 1 ? 'round' : 'rounds'} of ` +
        `${world.plan.cohort.size}, ${aggregation === 'plain' ? 'plain' : 'secure'} sums, ` +
        `${provider.name} (${provider.reason}), seed ${options.seed}`,
    );
    const bar = progressBar(io, 'round', rounds);
    const started = performance.now();
    const result = await simulate({
      ...world,
      provider,
      seed: options.seed,
      ...(options.dropout !== undefined && { dropout: options.dropout }),
      signal: io.signal,
      onEvent: (index, event) => {
        if (event.type !== 'declined') return;
        // No owner has paused a simulated member: it declines so as to drop out.
        if (event.problem.code === 'nodePaused') io.note(`member ${index} dropped out`);
        else io.note(`member ${index} declined: ${event.problem.code}: ${event.problem.message}`);
      },
      onChange: (job) => {
        bar.update(releasedRounds(job), describeMetrics(job));
        return options.target !== undefined && (lastMetrics(job)?.accuracy ?? 0) >= options.target;
      },
    }).finally(() => bar.stop());
    const seconds = (performance.now() - started) / 1000;
    const { job, model, modelSha256 } = result;
    if (job.phase === 'failed')
      throw new HanseError('attemptsExhausted', { round: job.round, attempts: job.attempt });
    if (options.output !== undefined) await writeOutput(options.output, model);
    const metrics = lastMetrics(job);
    const prediction = options.example === 'line' ? await askLine(model, provider) : undefined;
    const roundsDone = releasedRounds(job);
    io.print(
      `${roundsDone} ${roundsDone === 1 ? 'round' : 'rounds'} in ${seconds.toFixed(1)} s, ${describeMetrics(job)}`,
    );
    if (prediction !== undefined) io.print(`f(${LINE_QUESTION}) = ${prediction.toFixed(3)}`);
    const clipNorms = job.rounds.flatMap(({ clipping }) => (clipping ? [clipping.clipNorm] : []));
    if (clipNorms.length > 0)
      io.print(`clip norm of each round ${clipNorms.map((norm) => significant(norm)).join(', ')}`);
    const cost = perParticipant(job, seconds);
    if (cost)
      io.print(
        `${cost.milliseconds} ms for each update, ${cost.kilobytes} KB of memory at most for each of a cohort`,
      );
    io.print(`model ${modelSha256}`);
    return {
      participants: world.participants.length,
      rounds: roundsDone,
      accuracy: metrics?.accuracy ?? null,
      loss: metrics?.loss ?? null,
      seconds,
      perParticipant: cost,
      bytesUp: job.bytesUp,
      bytesDown: job.bytesDown,
      provider: provider.name,
      seed: options.seed,
      modelSha256,
      ...(prediction !== undefined && { prediction }),
      ...(clipNorms.length > 0 && { clipNorms }),
      curve: job.rounds.flatMap(({ round, metrics: at }) =>
        at ? [{ round, loss: at.loss, accuracy: at.accuracy }] : [],
      ),
    };
  },
});

/** Wall time by updates, and the peak of this process by nodes of a cohort; null where nothing was sent. */
function perParticipant({ rounds, manifest }: JobStatus, seconds: number) {
  const updates = rounds.reduce((sum, round) => sum + round.updates, 0);
  if (updates === 0) return null;
  const { maxRSS } = process.resourceUsage(); // kilobytes
  return {
    milliseconds: Number(((1000 * seconds) / updates).toFixed(1)),
    kilobytes: Math.round(maxRSS / manifest.cohort.size),
  };
}

function lineWorld(): World {
  const participants = lineParticipants();
  const [first] = participants;
  return { plan: linePlan(), participants, ...(first && { holdOut: first }) };
}

/** A data set divided among the participants; its test examples are the hold-out set. */
export async function dataWorld(
  options: TrainingOptions &
    Pick<SimOptions, 'data' | 'participants' | 'cohort' | 'partition' | 'seed'> &
    Partial<Pick<SimOptions, 'plain' | 'suite' | 'dropout'>>,
): Promise<World> {
  const { participants: count, cohort: size = Math.min(COHORT, count) } = options;
  if (size > count)
    throw new HanseError('usage', { reason: `--cohort ${size} is more than --participants ${count}` });
  const partition = parsePartition(options.partition);
  const train = await loadExamples({ data: `${options.data}:train` });
  const key = await primitives.sha256(utf8(`HANSE partition\0${options.seed}`));
  const numbers = new RandomNumbers(seededRandom(key));
  const parts = partitionExamples(partition, train.targets as Int32Array, count, numbers);
  const participants: Examples[] = parts.map((indices) => selectExamples(train, indices));
  const isPlain = options.plain === true || size < SECURE_LEAST;
  if (isPlain && options.dropout !== undefined)
    throw new HanseError('usage', {
      reason: `--dropout is about secure rounds: of at least ${SECURE_LEAST}, without --plain`,
    });
  // Twice as many may drop out as will on average.
  const minimum = Math.ceil(size * (1 - 2 * (options.dropout ?? 0)));
  const cohort = { size, minimum };
  const plan = {
    ...(await trainingPlan(options, options.seed)),
    name: 'simulation',
    purpose: `simulation on ${options.data}`,
    cohort,
    aggregation: isPlain
      ? ('plain' as const)
      : { ...secureAggregationFor(cohort, 3600), ...(options.suite && { suite: options.suite }) },
    deadlines: { collectSeconds: 3600, evaluateSeconds: 3600 },
    maxAttempts: options.dropout === undefined ? 1 : 10,
  };
  return { plan, participants, holdOut: await loadExamples({ data: `${options.data}:test` }) };
}

async function askLine(model: Uint8Array, provider: ExecutionProvider): Promise<number> {
  const forward = importModel(model);
  const predictor = await Predictor.create(provider, compilePrediction(forward, { batchSize: 1 }));
  const features = Float32Array.of(LINE_QUESTION);
  const outputs = await predictor.predict({ parameters: initialParameters(forward), features });
  await predictor.release();
  return Number(Object.values(outputs)[0]?.data[0]);
}

/** Attempts that came to nothing are no rounds. */
function releasedRounds(job: JobStatus): number {
  return job.rounds.filter(({ outcome }) => outcome === 'released').length;
}

function lastMetrics(job: JobStatus) {
  return job.rounds.findLast(({ metrics }) => metrics !== null)?.metrics ?? undefined;
}

function describeMetrics(job: JobStatus): string {
  const metrics = lastMetrics(job);
  if (!metrics) return 'not evaluated yet';
  const share = metrics.accuracy === null ? '' : `, accuracy ${(100 * metrics.accuracy).toFixed(2)} %`;
  return `loss ${metrics.loss.toFixed(4)}${share}`;
}
