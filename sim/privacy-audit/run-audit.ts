/**
 * A simulated job with canaries in it, and what an audit says of it. SPEC.md 12.8.
 *
 * The code of participants and coordinator is that of production; randomness comes from the seed, as in every simulation.
 */
import { primitives } from '#primitives';
import type { JobPlan } from '../../client/author-job.ts';
import { type Examples, selectExamples } from '../../client/data/examples.ts';
import type { ExecutionProvider } from '../../client/engine/provider.ts';
import { utf8 } from '../../protocol/bytes.ts';
import { HanseError } from '../../protocol/problem.ts';
import { RandomNumbers, seededRandom } from '../../protocol/random.ts';
import type { Noise } from '../../schemas/privacy.ts';
import { simulate } from '../simulate.ts';
import {
  type AuditLayout,
  auditExamples,
  auditModel,
  canaryRange,
  type LoneFeature,
  nullRange,
} from './audit-layout.ts';
import { type AuditedCanary, type AuditReport, auditReport } from './audit-report.ts';
import { canaryDirection, plantCanary } from './canary-participant.ts';
import { type PlantedBreak, plantBreak } from './planted-break.ts';

export interface AuditOptions {
  readonly unit: 'example' | 'participant';
  readonly epsilon: number;
  readonly delta: number;
  /** q; ignored where the unit is the participant. */
  readonly rate: number;
  readonly noise: Noise['type'];
  /** m. */
  readonly canaries: number;
  readonly rounds: number;
  /** With data; canaries among participants come besides. */
  readonly participants: number;
  /** Divided among them; absent: there is none beside canaries. */
  readonly data?: Examples;
  readonly planted?: {
    readonly fault: PlantedBreak;
    /** Participants that have it, from the first on. */
    readonly participants: number;
  };
  readonly seed: string;
  readonly provider: ExecutionProvider;
  readonly signal: AbortSignal;
  onRound?(done: number): void;
}

const CLASSES = 10;
/** Features of nobody: noise in 4000 coordinates of every round. */
const NULL_FEATURES = 400;
/** Canaries that are participants have directions of many features together, so that few are enough to disturb none. */
const FEATURES_OF_PARTICIPANT = 10;
/** C. */
const CLIP_NORM = 1;
/** How many times longer than C the gradient, or the update, of a canary is. */
const OVERLONG = 20;
/** Length of a gradient on a lone feature of value 1, where all classes are equally likely. */
const LONE_LENGTH = Math.sqrt((1 - 1 / CLASSES) ** 2 + (CLASSES - 1) / CLASSES ** 2);
const BATCH = 64;
const EMPTY = { count: 0, features: new Float32Array(), targets: new Int32Array() };

/**
 * @throws what `simulate` throws; `attemptsExhausted` if the job fails, `interrupted` if the signal ends it
 */
export async function runAudit(options: AuditOptions): Promise<AuditReport> {
  const { planted, seed, provider, signal } = options;
  const world = options.unit === 'participant' ? await amongParticipants(options) : await amongRows(options);
  const participants = world.participants.length;
  const { job, sums } = await simulate({
    plan: planOf(options, world.layout, participants),
    participants: world.participants,
    ...{ provider, seed, signal },
    wantsSums: true,
    plant(index, honest) {
      const update = world.updates?.get(index);
      const node = update ? plantCanary(update, honest) : honest;
      return planted && index < planted.participants ? plantBreak(planted.fault, node) : node;
    },
    onChange(status) {
      options.onRound?.(status.rounds.length);
      return false;
    },
  });
  if (job.phase === 'failed')
    throw new HanseError('attemptsExhausted', { round: job.round, attempts: job.attempt });
  if (job.phase !== 'finished') throw new HanseError('interrupted');
  return auditReport({
    manifest: job.manifest,
    sums,
    survivors: participants,
    nullRange: nullRange(world.layout),
    canaryRange: canaryRange(world.layout),
    canaries: world.canaries,
  });
}

interface AuditWorld {
  readonly layout: AuditLayout;
  readonly participants: readonly Examples[];
  readonly canaries: readonly AuditedCanary[];
  /** Of participants that are canaries. */
  readonly updates?: ReadonlyMap<number, Float32Array>;
}

/** Canaries that are rows of the participants, in turns. */
async function amongRows({ canaries: count, participants, data, seed }: AuditOptions): Promise<AuditWorld> {
  const numbers = await numbersFor(seed);
  const layout = layoutOf(data, count);
  const rows: LoneFeature[][] = Array.from({ length: participants }, () => []);
  const canaries = Array.from({ length: count }, (_, index): AuditedCanary => {
    const feature = layout.dataFeatures + index;
    const label = numbers.below(CLASSES);
    const isIn = numbers.below(2) === 1;
    rows[index % participants]?.push({ feature, value: isIn ? OVERLONG / LONE_LENGTH : 0, label });
    const places = Array.from({ length: CLASSES }, (_, at) => feature * CLASSES + at);
    const values = places.map((_, at) => ((at === label ? 1 : 0) - 1 / CLASSES) / LONE_LENGTH);
    return { places, values, isIn };
  });
  return {
    layout,
    canaries,
    participants: rows.map((lone, at) => owned(layout, data, at, participants, lone)),
  };
}

/** Canaries that are participants, after those with data. */
async function amongParticipants(options: AuditOptions): Promise<AuditWorld> {
  const { canaries: count, participants, data, seed } = options;
  const numbers = await numbersFor(seed);
  const layout = layoutOf(data, FEATURES_OF_PARTICIPANT * count);
  const updates = new Map<number, Float32Array>();
  const [from, to] = canaryRange(layout);
  const places = Array.from({ length: to - from }, (_, at) => from + at);
  const canaries = Array.from({ length: count }, (_, index): AuditedCanary => {
    const direction = canaryDirection(layout, numbers);
    const isIn = numbers.below(2) === 1;
    updates.set(
      participants + index,
      direction.map((x) => (isIn ? OVERLONG * CLIP_NORM * x : 0)),
    );
    return { places, values: Array.from(direction.subarray(from, to)), isIn };
  });
  const nothing = { feature: 0, value: 0, label: 0 };
  const owners = Array.from({ length: participants }, (_, at) =>
    owned(layout, data, at, participants, [nothing]),
  );
  const others = canaries.map(() => auditExamples(layout, EMPTY, [nothing]));
  return { layout, canaries, updates, participants: [...owners, ...others] };
}

/** The share of a participant in the data, and rows of its own. */
function owned(
  layout: AuditLayout,
  data: Examples | undefined,
  index: number,
  participants: number,
  lone: readonly LoneFeature[],
): Examples {
  if (!data) return auditExamples(layout, EMPTY, lone);
  const share = Uint32Array.from({ length: data.count }, (_, row) => row).filter(
    (row) => row % participants === index,
  );
  return auditExamples(layout, selectExamples(data, share), lone);
}

function layoutOf(data: Examples | undefined, canaryFeatures: number): AuditLayout {
  const dataFeatures = data ? data.features.length / data.count : 0;
  return { dataFeatures, canaryFeatures, nullFeatures: NULL_FEATURES, classes: CLASSES };
}

/** Nobody may be missing and nobody colludes: then all noise that is there is counted on, and the claim is tight. */
function planOf(options: AuditOptions, layout: AuditLayout, participants: number): Omit<JobPlan, 'seed'> {
  const { unit, epsilon, delta, rate, noise, rounds } = options;
  const hasLots = unit !== 'participant';
  return {
    name: 'audit',
    purpose: 'audit of a privacy claim',
    forward: auditModel(layout),
    training: {
      loss: { type: 'softmax_ce' },
      optimizer: { type: 'sgd' },
      learningRate: hasLots ? 1 : 0.1,
      learningRateDecay: 1,
      batchSize: BATCH,
      epochs: 1,
    },
    strategy: { type: 'fedavg', serverLearningRate: 0.5 },
    rounds,
    cohort: { size: participants, minimum: participants },
    clipNorm: CLIP_NORM,
    weighting: hasLots ? 'examples' : 'uniform',
    weightMax: 65_536,
    aggregation: { suite: 1, colluders: 0, answerSeconds: 3600 },
    // What the model learns is not what an audit is about.
    privacy: { unit, noise, epsilon, delta, force: true, ...(hasLots && { rate }) },
    deadlines: { collectSeconds: 3600, evaluateSeconds: 3600 },
    maxAttempts: 1,
    evaluateEvery: 0,
  };
}

async function numbersFor(seed: string): Promise<RandomNumbers> {
  return new RandomNumbers(seededRandom(await primitives.sha256(utf8(`HANSE privacy audit\0${seed}`))));
}
