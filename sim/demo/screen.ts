/**
 * The live screen of the demo, as lines of text: pure, so that it can be tested.
 */
import { plot as plotLines } from 'asciichart';
import type { JobStatus } from '../../schemas/job.ts';
import { formatPartition } from '../partition/partition.ts';
import type { DemoView } from './run-demo.ts';

const CHART_HEIGHT = 7;
const BAR_WIDTH = 24;

/** @param columns width of the terminal; longer lines are cut */
export function renderScreen(view: DemoView, columns: number): string[] {
  const lines = [...header(view), '', ...chart(view, columns), '', ...participants(view)];
  return lines.map((line) => line.slice(0, columns));
}

/** One line, for a log. */
export function renderLine({ job, stage, costOf }: DemoView): string {
  if (!job) return stage;
  const metrics = job.rounds.findLast((round) => round.metrics)?.metrics;
  const quality = metrics
    ? `accuracy ${percent(metrics.accuracy)}, loss ${metrics.loss.toFixed(3)}`
    : 'not evaluated yet';
  return `round ${job.rounds.length} of ${job.manifest.rounds}: ${quality}${spentSoFar(job, costOf)}`;
}

function spentSoFar({ manifest, rounds }: JobStatus, costOf: DemoView['costOf']): string {
  if (!manifest.privacy || !costOf) return '';
  const spent = costOf(released(rounds)).toFixed(3);
  return `, epsilon ${spent} of ${manifest.privacy.epsilonModel.toFixed(2)} spent`;
}

function released(rounds: JobStatus['rounds']): number {
  return rounds.filter(({ outcome }) => outcome === 'released').length;
}

function header(view: DemoView): string[] {
  const { options, url, job, stage } = view;
  const title = `Hanse demo: ${options.participants} participants, MNIST by ${formatPartition(options.partition)}, seed ${options.seed}`;
  if (!job) return [title, `${stage} ...  ${url}`];
  const done = released(job.rounds);
  const { rounds } = job.manifest;
  const filled = Math.round((BAR_WIDTH * done) / rounds);
  const last = job.rounds.at(-1);
  const metrics = job.rounds.findLast((round) => round.metrics)?.metrics;
  // Between two rounds, and at the end, nobody is chosen: what the last round had stays.
  const [received, cohort] =
    job.cohort.length > 0 || !last ? [job.received, job.cohort.length] : [last.updates, last.cohort];
  const seconds = last ? (Date.parse(last.endedAt) - Date.parse(last.openedAt)) / 1000 : 0;
  return [
    title,
    `coordinator ${url}   job ${job.jobId}`,
    `${'#'.repeat(filled)}${'.'.repeat(BAR_WIDTH - filled)} round ${done} of ${rounds}   ` +
      `cohort ${received} of ${cohort || options.participants}   ${seconds.toFixed(2)} s a round`,
    `accuracy ${percent(metrics?.accuracy ?? null)}   loss ${metrics?.loss.toFixed(3) ?? '-'}   ` +
      `up ${megabytes(job.bytesUp)}   down ${megabytes(job.bytesDown)}`,
    budget(view, done),
  ];
}

/** What is left of what the job may cost. */
function budget({ job, costOf }: DemoView, done: number): string {
  const { privacy, privacyUnit } = job?.manifest ?? {};
  if (!privacy || !costOf) return 'no differential privacy';
  const { epsilonModel: whole, delta } = privacy;
  const left = Math.max(0, whole - costOf(done));
  const filled = Math.round((BAR_WIDTH * left) / whole);
  return (
    `${'#'.repeat(filled)}${'.'.repeat(BAR_WIDTH - filled)} epsilon ${left.toFixed(3)} of ${whole.toFixed(2)} left ` +
    `for each ${privacyUnit}, delta ${delta}`
  );
}

/** Accuracy and loss side by side. */
function chart({ job }: DemoView, columns: number): string[] {
  const evaluated = job?.rounds.flatMap(({ metrics }) => (metrics ? [metrics] : [])) ?? [];
  if (evaluated.length < 2) return ['(a chart appears after two rounds)'];
  const width = Math.max(10, Math.floor(columns / 2) - 14);
  const accuracy = plot(
    'accuracy, %',
    evaluated.map((metrics) => 100 * (metrics.accuracy ?? 0)),
    width,
  );
  const loss = plot(
    'loss',
    evaluated.map((metrics) => metrics.loss),
    width,
  );
  const left = Math.max(...accuracy.map((line) => line.length)) + 3;
  return accuracy.map((line, i) => `${line.padEnd(left)}${loss[i] ?? ''}`);
}

function plot(title: string, values: readonly number[], width: number): string[] {
  return [title, ...plotLines(resample(values, width), { height: CHART_HEIGHT }).split('\n')];
}

/** At most `width` values, the last one of each stretch. */
function resample(values: readonly number[], width: number): number[] {
  if (values.length <= width) return [...values];
  return Array.from(
    { length: width },
    (_, i) => values[Math.ceil(((i + 1) * values.length) / width) - 1] ?? 0,
  );
}

function participants({ participants }: DemoView): string[] {
  return participants.map(({ name, provider, examples, labels, state }) => {
    const digits = labels.length > 6 ? `${labels.length} digits` : `digits ${labels.join(' ')}`;
    return `${name}  ${provider.padEnd(5)} ${String(examples).padStart(5)} images  ${digits.padEnd(18)} ${state}`;
  });
}

function percent(share: number | null): string {
  return share === null ? '-' : `${(100 * share).toFixed(2)} %`;
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}
