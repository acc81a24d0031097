/**
 * `hanse privacy plan`: what a job would promise, and what the promise would do to its model, before anybody consents. Of a
 * job that there is, of its manifest, or of figures.
 */
import { checkPrivacy } from '../../protocol/dp/check-privacy.ts';
import type { PromisingTerms } from '../../protocol/dp/job-privacy.ts';
import { type PrivacyPlan, planOfJob } from '../../protocol/dp/privacy-plan.ts';
import { promisedTerms } from '../../protocol/dp/promised-terms.ts';
import { asUsage, parse } from '../../protocol/parse.ts';
import { HanseError } from '../../protocol/problem.ts';
import { Codec } from '../../schemas/codec.ts';
import { type CommandOption, defineCommand } from '../../schemas/command.ts';
import { JobId, Round } from '../../schemas/ids.ts';
import { isStatistic, JobManifest, TrainingManifest } from '../../schemas/job.ts';
import { Lot, PrivacyPromise } from '../../schemas/privacy.ts';
import { SecureAggregation } from '../../schemas/secagg.ts';
import { LocalTraining } from '../../schemas/training.ts';
import { readDataFile } from '../data/data-file.ts';
import { initialParameters } from '../graph/parameters.ts';
import { connectAs, IDENTITY_OPTIONS, type IdentityOptions } from './identity-options.ts';
import { WEIGHT_MAX } from './job-create.ts';
import { loadModel } from './model-source.ts';
import { ADAPTIVE_OPTION, adaptiveOf, LAW_OPTIONS, type LawOptions, lawOf } from './privacy-option.ts';
import { describePlan } from './privacy-plan-report.ts';

interface PrivacyPlanOptions extends IdentityOptions, LawOptions {
  readonly job?: string;
  readonly manifest?: string;
  readonly unit: Exclude<JobManifest['privacyUnit'], 'none'>;
  readonly units?: number;
  readonly participants?: number;
  readonly cohort?: number;
  readonly minimum?: number;
  readonly colluders?: number;
  readonly plain?: boolean;
  readonly rounds?: number;
  readonly lotRate?: number;
  readonly parameters?: number;
  readonly model?: string;
  readonly clipNorm: number;
  readonly adaptiveClip?: number;
  readonly batch: number;
  readonly delta?: number;
  readonly epsilon?: number;
  readonly noiseMultiplier?: number;
  readonly force?: boolean;
}

const { properties: manifest } = TrainingManifest;
const { properties: promise } = PrivacyPromise;
const size = manifest.cohort.properties.size;

const OPTIONS: readonly CommandOption[] = [
  {
    flags: '--job <id>',
    description: 'of a job that there is; figures below are then left out',
    schema: JobId,
  },
  { flags: '--manifest <file>', description: 'of a manifest, or of what hanse job show --json printed' },
  {
    flags: '--unit <whose>',
    description: 'what is protected',
    choices: ['example', 'person', 'participant'],
    default: 'example',
  },
  {
    flags: '--units <n>',
    description: 'examples, or persons, that a participant has, about',
    kind: 'integer',
  },
  { flags: '--participants <n>', description: 'in the federation; default: the cohort', kind: 'integer' },
  {
    flags: '--cohort <n>',
    description: 'updates in a round; default: all participants',
    kind: 'integer',
    schema: size,
  },
  {
    flags: '--minimum <n>',
    description: 'updates that are enough; default: as few as secure aggregation permits',
    kind: 'integer',
    schema: manifest.cohort.properties.minimum,
  },
  {
    flags: '--colluders <n>',
    description: 'participants that may work with the coordinator; default: as many as the cohort stands',
    kind: 'integer',
    schema: SecureAggregation.properties.colluders,
  },
  { flags: '--plain', description: 'the coordinator sees each update, which has to protect itself' },
  { flags: '--rounds <n>', description: 'of the job', kind: 'integer', schema: Round },
  {
    flags: '--lot-rate <q>',
    description: 'chance of each example, or person, to be in the secret lot of a round',
    kind: 'number',
    schema: Lot.properties.rate,
  },
  { flags: '--parameters <d>', description: 'of the model', kind: 'integer', schema: manifest.parameters },
  { flags: '--model <model>', description: 'whose parameters are counted, instead of --parameters' },
  {
    flags: '--clip-norm <c>',
    description: 'longest gradient of a unit, or update of a participant',
    kind: 'number',
    default: 1,
    schema: Codec.properties.clipNorm,
  },
  {
    flags: '--batch <n>',
    description: 'examples that are computed at once',
    kind: 'integer',
    default: 64,
    schema: LocalTraining.properties.batchSize,
  },
  ADAPTIVE_OPTION,
  ...LAW_OPTIONS,
  {
    flags: '--delta <d>',
    description: 'less than one over all units',
    kind: 'number',
    schema: promise.delta,
  },
  {
    flags: '--epsilon <e>',
    description: 'what the job may cost',
    kind: 'number',
    schema: promise.epsilonModel,
  },
  {
    flags: '--noise-multiplier <z>',
    description: 'how much noise there is, instead of --epsilon',
    kind: 'number',
  },
  { flags: '--force', description: 'a plan with which nothing is learnt is no failure' },
  ...IDENTITY_OPTIONS,
];

export const privacyPlanCommand = defineCommand<PrivacyPlanOptions>({
  summary: 'what a job would promise about its data, and what that would do to its model',
  options: OPTIONS,
  examples: [
    [
      'hanse privacy plan --participants 10 --units 6000 --lot-rate 0.05 --rounds 60 --model mlp:784,200,200,10 --clip-norm 0.5 --epsilon 2 --delta 1e-5',
      'ten organisations, each example protected: how much noise, and is anything learnt?',
    ],
    [
      'hanse privacy plan --unit participant --participants 1000 --cohort 1000 --rounds 100 --parameters 7850 --noise-multiplier 6 --delta 1e-5',
      'a thousand persons, each protected with all data: what does this much noise cost?',
    ],
    [
      'hanse privacy plan --unit participant --participants 6000 --cohort 1000 --rounds 18 --noise gaussian --tree-rounds 6 --parameters 7850 --epsilon 4 --delta 1e-5',
      'the coordinator is trusted to add the noise, of trees in which each person is once',
    ],
    ['hanse privacy plan --job job-0123456789abcdef --units 6000', 'a job that asks for consent'],
  ],
  async run({ options }, io) {
    const { terms, named } = await termsOf(options, io.signal);
    const participants = positive('--participants', options.participants ?? terms.cohort.size);
    const units = options.units === undefined ? undefined : positive('--units', options.units);
    const plan = planOfJob(terms, { units, participants });
    for (const line of describePlan(plan)) io.print(line);
    return { ...named, ...plan, force: options.force === true };
  },
  isFailure: (result) => {
    const { isUseful, force } = result as PrivacyPlan & { readonly force: boolean };
    return isUseful === false && !force;
  },
});

async function termsOf(
  options: PrivacyPlanOptions,
  signal: AbortSignal,
): Promise<{ terms: PromisingTerms; named: { jobId?: string; name?: string } }> {
  if (options.job !== undefined && options.manifest !== undefined)
    throw new HanseError('usage', { reason: '--job and --manifest are two jobs: give one' });
  if (options.job === undefined && options.manifest === undefined)
    return { terms: await termsOfFigures(options), named: {} };
  for (const flag of FIGURES)
    if (options[flag] !== undefined)
      throw new HanseError('usage', { reason: `--${dashed(flag)} is decided by the job already` });
  const job =
    options.job === undefined ? await readManifest(options.manifest ?? '') : await jobOf(options, signal);
  checkPrivacy(job.manifest);
  if (isStatistic(job.manifest))
    throw new HanseError('usage', {
      reason: 'a statistic has no model to plan: hanse job show says what it promises',
    });
  if (job.manifest.privacyUnit === 'none')
    throw new HanseError('usage', { reason: 'the job promises nothing: its privacyUnit is none' });
  const { manifest: terms, ...ids } = job;
  return { terms, named: { ...ids, name: terms.name } };
}

/** What a job says by itself. */
const FIGURES = [
  ...(['cohort', 'minimum', 'colluders', 'plain', 'rounds', 'lotRate', 'parameters', 'model'] as const),
  ...(['delta', 'epsilon', 'noiseMultiplier', 'adaptiveClip'] as const),
] as const;

async function jobOf({ job: jobId = '', ...options }: PrivacyPlanOptions, signal: AbortSignal) {
  const { api } = await connectAs(options, signal);
  const job = await api.call('getJob', { params: { jobId }, query: {} });
  return { jobId, manifest: job.manifest };
}

/** @throws `dataFileMissing`; `usage` for what is no manifest */
async function readManifest(file: string): Promise<{ manifest: JobManifest }> {
  const text = new TextDecoder().decode(await readDataFile(file));
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new HanseError('usage', { reason: `${file} is not JSON` }, { cause });
  }
  const within = (value as { manifest?: unknown } | null)?.manifest ?? value;
  return { manifest: asUsage(() => parse(JobManifest, within, 'manifest')) };
}

async function termsOfFigures(options: PrivacyPlanOptions): Promise<PromisingTerms> {
  const {
    epsilon,
    noiseMultiplier,
    plain = false,
    units,
    minimum,
    colluders,
    lotRate,
    rounds,
    delta,
  } = options;
  if ((epsilon === undefined) === (noiseMultiplier === undefined))
    throw new HanseError('usage', { reason: 'give one of --epsilon and --noise-multiplier' });
  const cohort = options.cohort ?? options.participants;
  if (cohort === undefined) throw new HanseError('usage', { reason: 'give --participants or --cohort' });
  const participants = options.participants ?? cohort;
  if (cohort > participants)
    throw new HanseError('usage', { reason: `--cohort ${cohort} of --participants ${participants}` });
  if (rounds === undefined || delta === undefined)
    throw new HanseError('usage', { reason: 'give --rounds and --delta' });
  if (plain && colluders !== undefined)
    throw new HanseError('usage', { reason: '--colluders is about secure rounds: without --plain' });
  const parameters = await parametersOf(options);
  return asUsage(() =>
    promisedTerms({
      ...{ unit: options.unit, noise: lawOf(options.unit, options), participants, cohort, isPlain: plain },
      ...{ rounds, delta, parameters },
      ...adaptiveOf(options.unit, options),
      ...{ clipNorm: options.clipNorm, batchSize: options.batch, weightMax: WEIGHT_MAX },
      wanted: epsilon === undefined ? { noiseMultiplier: noiseMultiplier as number } : { epsilon },
      ...(units !== undefined && { units }),
      ...(minimum !== undefined && { minimum }),
      ...(colluders !== undefined && { colluders }),
      ...(lotRate !== undefined && { lotRate }),
    }),
  );
}

async function parametersOf({ parameters, model }: PrivacyPlanOptions): Promise<number> {
  if ((parameters === undefined) === (model === undefined))
    throw new HanseError('usage', { reason: 'give one of --parameters and --model' });
  if (parameters !== undefined) return parameters;
  return initialParameters(await loadModel(model as string, 'plan')).length;
}

function positive(flag: string, value: number): number {
  if (value >= 1) return value;
  throw new HanseError('usage', { reason: `${flag} is at least 1` });
}

function dashed(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}
