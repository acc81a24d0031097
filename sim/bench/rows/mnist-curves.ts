/**
 * Rounds until 97 % of the test images of MNIST are recognised: the 2NN of McMahan et al. (AISTATS 2017, section 3),
 * 784-200-200-10, FedAvg over 100 participants of which 10 take part in a round, B = 10, E = 1; the data either evenly
 * divided or sorted by digit into two shards each. The first round counts at which the accuracy has been reached, as in
 * the paper, which plots the best accuracy so far.
 *
 * Like the paper we take, for each division, the best fixed learning rate of a small grid, found with one seed:
 *
 *   learning rate       0.05  0.1  0.15  0.2  0.3
 *   IID, rounds           68   41    36   29   33
 *   two shards, rounds   427  210     -  162  183
 *
 * `npm run bench -- mnist --lr 0.1,0.2` repeats the search. Baseline: rounds that plain scripts of the same algorithm
 * needed at a rate of 0.1 (a figure, not measured in the same run).
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { loadCpuProvider } from '../../../client/engine/cpu.ts';
import { SOFTWARE } from '../../../protocol/versions.ts';
import { dataWorld } from '../../commands/sim.ts';
import { simulate } from '../../simulate.ts';
import { bestSoFar, plotCurves } from '../curve-plot.ts';
import type { RowContext, RowDefinition } from '../row.ts';

const TARGET = 0.97;
const SEED = 'curves';
const LINE_WIDTH = 110;
const SETTINGS = {
  data: 'mnist',
  participants: 100,
  cohort: 10,
  model: 'mlp:784,200,200,10',
  loss: 'softmax_ce',
  optimizer: 'sgd',
  lrDecay: 1,
  schedule: 'constant',
  warmup: 0,
  lrFloor: 0,
  batch: 10,
  epochs: 1,
  strategy: 'fedavg',
  serverLr: 1,
  serverMomentum: 0,
  clipNorm: 10,
  weighting: 'uniform',
  evaluateEvery: 1,
  seed: SEED,
} as const;

interface Division {
  readonly partition: 'iid' | 'shards';
  readonly label: string;
  readonly learningRate: number;
  /** Rounds after which a search gives up. */
  readonly rounds: number;
  readonly plainScripts: number;
  readonly asked: number;
}

/** What one training came to. */
interface Training {
  readonly learningRate: number;
  /** After each round. */
  readonly accuracies: readonly number[];
  /** The first round at the target; null if it was not reached. */
  readonly roundsToTarget: number | null;
  readonly modelSha256: string;
}

interface CurveFile {
  readonly target: number;
  readonly settings: typeof SETTINGS;
  readonly versions: Readonly<Record<string, string>>;
  readonly curves: Readonly<Record<string, Training & { readonly label: string }>>;
}

export const mnistIid = curveRow({
  partition: 'iid',
  label: 'IID',
  learningRate: 0.2,
  rounds: 100,
  plainScripts: 60,
  asked: 65,
});

export const mnistShards = curveRow({
  partition: 'shards',
  label: 'two shards each',
  learningRate: 0.2,
  rounds: 550,
  plainScripts: 412,
  asked: 430,
});

function curveRow(division: Division): RowDefinition {
  const { partition, learningRate, plainScripts, asked } = division;
  return {
    name: `mnist/2nn/${partition}/rounds-to-97`,
    unit: 'rounds',
    what: `rounds of FedAvg to 97 % on MNIST, K=100, C=0.1, B=10, E=1, ${partition}; baseline: plain scripts`,
    asked: [{ of: 'value', atMost: asked }],
    async measure(context) {
      const trainings: Training[] = [];
      for (const rate of context.learningRates ?? [learningRate])
        trainings.push(await train(division, rate, context));
      const roundsOf = ({ roundsToTarget }: Training) => roundsToTarget ?? Infinity;
      const [best] = trainings.sort((a, b) => roundsOf(a) - roundsOf(b));
      if (best && !context.learningRates) await record(division, best, context.results);
      return {
        values: [best ? roundsOf(best) : Number.NaN],
        baselines: [plainScripts],
        more: { learningRate: best?.learningRate ?? Number.NaN },
      };
    },
  };
}

async function train(
  { partition, rounds }: Division,
  learningRate: number,
  { progress, signal }: RowContext,
): Promise<Training> {
  const world = await dataWorld({ ...SETTINGS, partition, lr: learningRate, rounds });
  let told = 0;
  const { job, modelSha256 } = await simulate({
    ...world,
    provider: await loadCpuProvider({ threads: 1 }),
    seed: SEED,
    signal,
    onChange({ rounds: ended }) {
      const accuracy = ended.at(-1)?.metrics?.accuracy ?? 0;
      if (ended.length >= told + 20) {
        told = ended.length;
        progress(`learning rate ${learningRate}, round ${told}: ${(100 * accuracy).toFixed(2)} %`);
      }
      return accuracy >= TARGET;
    },
  });
  const accuracies = job.rounds.map(({ metrics }) => metrics?.accuracy ?? 0);
  const first = accuracies.findIndex((accuracy) => accuracy >= TARGET);
  const roundsToTarget = first < 0 ? null : first + 1;
  progress(`learning rate ${learningRate}: ${roundsToTarget ?? 'more'} rounds`);
  return { learningRate, accuracies, roundsToTarget, modelSha256 };
}

/** Puts the training into the table of curves and draws all of them anew. */
async function record({ partition, label }: Division, training: Training, folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  const table = join(folder, 'mnist-curves.json');
  const before = await readFile(table, 'utf8').then(
    (text) => (JSON.parse(text) as CurveFile).curves,
    () => ({}),
  );
  const curves = { ...before, [partition]: { label, ...training } };
  const { reason } = await loadCpuProvider({ threads: 1 });
  const versions = {
    hanse: SOFTWARE,
    node: process.version,
    onnxruntime: /[0-9]+(?:\.[0-9]+)+/.exec(reason)?.[0] ?? 'unknown',
    platform: `${process.platform} ${process.arch}`,
  };
  const file: CurveFile = { target: TARGET, settings: SETTINGS, versions, curves };
  await writeFile(table, withFilledLists(JSON.stringify(file, null, 2)));
  await writeFile(join(folder, 'mnist-curves.svg'), drawing(file));
}

/** Lists of numbers in full lines, as the formatter of this repository writes them. */
export function withFilledLists(json: string): string {
  const filled = json.replace(/\[\s+([-\d.,\s]+?)\n( *)\]/g, (_, items: string, indent: string) => {
    const lines: string[] = [];
    let line = `${indent} `;
    for (const item of items.split(/(?<=,)\s+/)) {
      if (line.length + 1 + item.length > LINE_WIDTH) {
        lines.push(line);
        line = `${indent} `;
      }
      line += ` ${item}`;
    }
    return `[\n${[...lines, line].join('\n')}\n${indent}]`;
  });
  return `${filled}\n`;
}

export function drawing({ target, curves }: Pick<CurveFile, 'target' | 'curves'>): string {
  return plotCurves(
    Object.values(curves).map(({ label, learningRate, roundsToTarget, accuracies }) => ({
      label: `${label}: ${percent(target)} after ${roundsToTarget ?? 'more'} rounds, learning rate ${learningRate}`,
      accuracies: bestSoFar(accuracies),
    })),
    { title: 'FedAvg on MNIST: 100 participants, 10 a round', target, from: 0.5 },
  );
}

function percent(share: number): string {
  return `${Math.round(100 * share)} %`;
}
