/**
 * `hanse privacy audit`: whether a job keeps what its manifest promises, tested on what leaves a simulated one.
 */
import { Type } from 'typebox';
import { loadExamples } from '../../client/data/data-source.ts';
import { type Examples, selectExamples } from '../../client/data/examples.ts';
import { chooseProvider } from '../../client/engine/choose-provider.ts';
import { NODE_PROVIDERS } from '../../client/engine/node-providers.ts';
import { HanseError } from '../../protocol/problem.ts';
import { SECURE_LEAST } from '../../protocol/secagg/descriptor.ts';
import { type CommandIo, defineCommand } from '../../schemas/command.ts';
import { Lot, type Noise, PrivacyPromise } from '../../schemas/privacy.ts';
import type { ProviderName } from '../../schemas/provider.ts';
import type { AuditReport } from '../privacy-audit/audit-report.ts';
import { describeReport, describeSummary } from '../privacy-audit/describe-report.ts';
import { PLANTED_BREAKS, type PlantedBreak } from '../privacy-audit/planted-break.ts';
import { type AuditOptions, runAudit } from '../privacy-audit/run-audit.ts';
import { type FaultSummary, isRight, SELF_TESTS, summaryOf } from '../privacy-audit/self-test.ts';
import { progressBar } from '../progress-bar.ts';

interface PrivacyAuditOptions {
  readonly unit: AuditOptions['unit'];
  readonly epsilon: number;
  readonly delta: number;
  readonly lotRate: number;
  readonly noise: Noise['type'];
  readonly canaries?: number;
  readonly rounds?: number;
  readonly participants: number;
  readonly data: 'mnist' | 'none';
  readonly examples: number;
  readonly seed: string;
  readonly provider: 'auto' | ProviderName;
  readonly break?: PlantedBreak;
  readonly broken?: number;
  readonly selfTest?: boolean;
  readonly runs: number;
}

/** Canaries and rounds: of participants few can be had. */
const USUAL = { example: { canaries: 1000, rounds: 10 }, participant: { canaries: 50, rounds: 5 } };

const promise = PrivacyPromise.properties;

export const privacyAuditCommand = defineCommand<PrivacyAuditOptions>({
  summary: 'test whether a simulated job keeps its promise: canaries, and the noise of its sums',
  options: [
    {
      flags: '--unit <whose>',
      description: 'what is protected: each example or participant',
      choices: ['example', 'participant'],
      default: 'example',
    },
    {
      flags: '--epsilon <e>',
      description: 'what the job states to cost each unit',
      kind: 'number',
      default: 2,
      schema: promise.epsilonServer,
    },
    { flags: '--delta <d>', description: 'its delta', kind: 'number', default: 1e-5, schema: promise.delta },
    {
      flags: '--lot-rate <q>',
      description: 'chance of each example to be in the secret lot of a round',
      kind: 'number',
      default: 0.5,
      schema: Lot.properties.rate,
    },
    {
      flags: '--noise <law>',
      description: 'of the shares that participants add',
      choices: ['discreteGaussian', 'skellam'],
      default: 'discreteGaussian',
    },
    {
      flags: '--canaries <m>',
      description: `units planted by fair coins; unless said ${USUAL.example.canaries}, or ${USUAL.participant.canaries} where they are participants`,
      kind: 'integer',
      schema: Type.Integer({ minimum: 10, maximum: 4000 }),
    },
    {
      flags: '--rounds <n>',
      description: `rounds of the job; unless said ${USUAL.example.rounds}, or ${USUAL.participant.rounds} of canaries that are participants`,
      kind: 'integer',
      schema: Type.Integer({ minimum: 2, maximum: 1000 }),
    },
    {
      flags: '--participants <n>',
      description: 'participants with data',
      kind: 'integer',
      default: 10,
      schema: Type.Integer({ minimum: SECURE_LEAST, maximum: 100 }),
    },
    {
      flags: '--data <name>',
      description: 'what is divided among them, beside canaries',
      choices: ['mnist', 'none'],
      default: 'mnist',
    },
    {
      flags: '--examples <n>',
      description: 'of that data, the first n',
      kind: 'integer',
      default: 1000,
      schema: Type.Integer({ minimum: 100, maximum: 10_000 }),
    },
    { flags: '--seed <text>', description: 'decides everything random', default: 'hanse' },
    {
      flags: '--provider <name>',
      description: 'where to train',
      choices: ['auto', 'cpu', 'wasm'],
      default: 'auto',
    },
    {
      flags: '--break <fault>',
      description:
        'plant a fault that the audit is to find: less noise, no clipping, a random stream used again',
      choices: PLANTED_BREAKS,
    },
    {
      flags: '--broken <n>',
      description: 'participants with that fault; all unless said',
      kind: 'integer',
      schema: Type.Integer({ minimum: 1 }),
    },
    {
      flags: '--self-test',
      description:
        'audit an honest job and each fault; fails unless each is found by its test, and nothing else',
    },
    {
      flags: '--runs <n>',
      description: 'seeds of a self-test',
      kind: 'integer',
      default: 1,
      schema: Type.Integer({ minimum: 1, maximum: 1000 }),
    },
  ],
  examples: [
    ['hanse privacy audit', 'epsilon 2 for each example: claim, lower bound, variance, estimate'],
    [
      'hanse privacy audit --break halved',
      'participants add half of their noise; ends with privacyClaimBroken',
    ],
    ['hanse privacy audit --break seed --broken 1', 'one of ten repeats its noise in every round'],
    ['hanse privacy audit --unit participant --epsilon 2', 'participants as canaries'],
    [
      'hanse privacy audit --self-test --runs 8 --json',
      'every planted fault with eight seeds, one object each',
    ],
  ],
  async run({ options }, io) {
    if (options.broken !== undefined && options.break === undefined)
      throw new HanseError('usage', {
        reason: '--broken is about participants with a fault: name it by --break',
      });
    if (options.runs !== 1 && !options.selfTest)
      throw new HanseError('usage', { reason: '--runs is about --self-test' });
    if (options.selfTest && options.break !== undefined)
      throw new HanseError('usage', { reason: '--self-test plants each fault by itself: no --break' });
    if (options.broken !== undefined && options.broken > options.participants)
      throw new HanseError('usage', {
        reason: `--broken ${options.broken} is more than --participants ${options.participants}`,
      });
    const audit = await auditOf(options, io);
    if (options.selfTest) return selfTest(audit, options, io);
    const report = await audit(options.break, options.seed);
    for (const line of describeReport(report)) io.print(line);
    if (report.alarms.length === 0) return report;
    io.event(report);
    const { epsilon, delta } = report.claim;
    throw new HanseError('privacyClaimBroken', { tests: report.alarms.join(', '), epsilon, delta });
  },
  isFailure: (result) => 'failures' in result && result.failures !== 0,
});

/** Whether every fault is found by the tests named for it, and honest participants by none. */
async function selfTest(audit: Audit, { seed, runs }: PrivacyAuditOptions, io: CommandIo): Promise<object> {
  const faults: FaultSummary[] = [];
  for (const fault of SELF_TESTS) {
    const reports: AuditReport[] = [];
    for (let run = 1; run <= runs; run += 1) {
      const report = await audit(fault ?? undefined, runs === 1 ? seed : `${seed}-${run}`);
      io.event({ fault, isRight: isRight(fault, report.alarms), ...report });
      reports.push(report);
    }
    const summary = summaryOf(fault, reports);
    io.print(describeSummary(summary));
    faults.push(summary);
  }
  const sum = (figure: (summary: FaultSummary) => number) =>
    faults.reduce((all, summary) => all + figure(summary), 0);
  return { audits: sum(({ audits }) => audits), failures: sum(({ failures }) => failures), faults };
}

type Audit = (fault: PlantedBreak | undefined, seed: string) => Promise<AuditReport>;

async function auditOf(options: PrivacyAuditOptions, io: CommandIo): Promise<Audit> {
  const { provider } = await chooseProvider(options.provider, { candidates: NODE_PROVIDERS });
  const { unit, epsilon, delta, lotRate: rate, noise, participants, broken = Infinity } = options;
  const { canaries = USUAL[unit].canaries, rounds = USUAL[unit].rounds } = options;
  const data = options.data === 'none' ? undefined : await someExamples(options.data, options.examples);
  const units = unit === 'participant' ? participants + canaries : (data?.count ?? 0) + canaries;
  if (!(delta * units < 1))
    throw new HanseError('deltaTooLarge', { dataSet: 'all participants', delta, units });
  const { signal } = io;
  return async (fault, seed) => {
    io.note(
      `${participants} participants${data ? ` with ${data.count} examples` : ''}, ${canaries} canaries, ` +
        `${rounds} rounds, ${fault ? `${fault} planted` : 'nothing planted'}, seed ${seed}`,
    );
    const bar = progressBar(io, 'round', rounds);
    return runAudit({
      ...{ unit, epsilon, delta, rate, noise, canaries, rounds, participants, seed, provider, signal },
      ...(data && { data }),
      ...(fault && { planted: { fault, participants: broken } }),
      onRound: (done) => bar.update(done, 'sums opened'),
    }).finally(() => bar.stop());
  };
}

/** The first so many of a data set's training examples. */
async function someExamples(name: string, count: number): Promise<Examples> {
  const all = await loadExamples({ data: `${name}:train` });
  return selectExamples(
    all,
    Uint32Array.from({ length: Math.min(count, all.count) }, (_, row) => row),
  );
}
