/**
 * The demo: a coordinator, its participants and an evaluator as processes of their own, which know each other by HTTP
 * alone. This process invites them, starts the job as any author would, and watches.
 */
import { join, resolve } from 'node:path';
import { primitives } from '#primitives';
import { authorJob, submitJob } from '../../client/author-job.ts';
import { followJob, unfinished } from '../../client/commands/job.ts';
import { makeOutputFolder, writeOutput } from '../../client/commands/output-file.ts';
import type { CoordinatorApi } from '../../client/coordinator-api.ts';
import { loadMnistLabels } from '../../client/data/mnist.ts';
import { connect } from '../../client/enrol.ts';
import { type Identity, readIdentity } from '../../client/identity.ts';
import { releasedModel } from '../../client/released-model.ts';
import { toHex } from '../../protocol/bytes.ts';
import { formatInviteLink } from '../../protocol/invite-link.ts';
import { systemClock } from '../../protocol/primitives/system-clock.ts';
import { HanseError } from '../../protocol/problem.ts';
import type { CommandIo } from '../../schemas/command.ts';
import type { JobStatus } from '../../schemas/job.ts';
import type { Role } from '../../schemas/member.ts';
import { type Child, type ChildEvent, startChild } from '../child-process.ts';
import { type Partition, partitionExamples } from '../partition/partition.ts';
import { demoNumbers, demoPlan } from './plan.ts';

export interface DemoOptions {
  readonly rounds: number;
  readonly participants: number;
  readonly partition: Partition;
  readonly seed: string;
  /** 0 takes a free port. */
  readonly port: number;
  readonly dataDir: string;
  /** Lets the federation run on until the signal aborts. */
  readonly keep: boolean;
}

/** What is known of one participant at the moment. */
export interface ParticipantView {
  readonly name: string;
  readonly examples: number;
  /** Labels it has, ascending. */
  readonly labels: readonly number[];
  provider: string;
  state: string;
}

/** Everything that the screen shows. */
export interface DemoView {
  readonly options: DemoOptions;
  url: string;
  stage: string;
  readonly participants: readonly ParticipantView[];
  job: JobStatus | undefined;
}

/** The last line of --json. Later versions add fields and never rename one. */
export interface DemoResult {
  readonly participants: number;
  readonly rounds: number;
  /** Of the released model, on the 10,000 test images. */
  readonly accuracy: number;
  /** From the start of the coordinator to the last evaluation. */
  readonly seconds: number;
  readonly bytesUp: number;
  readonly bytesDown: number;
  /** Participants by execution provider. */
  readonly providers: Readonly<Record<string, number>>;
  /** Of the exported ONNX file. */
  readonly modelSha256: string;
  readonly dataDir: string;
  readonly modelFile: string;
  readonly jobId: string;
}

export async function runDemo(
  options: DemoOptions,
  io: CommandIo,
  changed: (view: DemoView) => void,
): Promise<DemoResult> {
  const dataDir = resolve(options.dataDir);
  const parts = await partition(options);
  const view: DemoView = {
    options,
    url: '',
    stage: 'starting the coordinator',
    participants: parts,
    job: undefined,
  };
  const show = (stage: string) => {
    view.stage = stage;
    changed(view);
  };
  const children: Child[] = [];
  try {
    await makeOutputFolder(dataDir, 0o700);
    show(view.stage);
    const started = performance.now();
    const coordinatorDir = join(dataDir, 'coordinator');
    const serve = ['serve', '--data-dir', coordinatorDir, '--port', String(options.port)];
    const coordinator = startChild(serve, join(dataDir, 'coordinator.log'));
    children.push(coordinator);
    const ready = await abortable(
      coordinator.event((event) => event.ready === true),
      io.signal,
    );
    view.url = String(ready.url);
    const operator = await readIdentity(join(coordinatorDir, 'keys', 'operator.json'));
    const api = await connect(operator, systemClock);

    show('enrolling the participants');
    const around = { operator, api, dataDir, seed: options.seed, children, changed: () => changed(view) };
    const nodes = await Promise.all([
      ...parts.map((part, index) => startNode({ role: 'participant', part, index }, around)),
      startNode({ role: 'evaluator', index: parts.length }, around),
    ]);
    await abortable(
      Promise.all(nodes.map((node) => node.event((event) => event.type === 'ready'))),
      io.signal,
    );
    for (const part of await providers(api))
      Object.assign(view.participants[part.index] ?? {}, { provider: part.provider });

    show('training');
    const plan = await demoPlan(options.rounds, options.participants, options.seed);
    const { jobId } = await submitJob(await authorJob(plan, operator.federationId), api);
    const job = await followJob(api, jobId, io.signal, (status) => {
      view.job = status;
      changed(view);
    });
    const seconds = (performance.now() - started) / 1000;
    if (job.phase !== 'finished') throw unfinished(job);

    const result = await summary(job, seconds, dataDir, view, api);
    show('done');
    if (options.keep) {
      io.note(`still running at ${view.url}; Ctrl+C ends it`);
      io.event(result);
      await new Promise<void>((done) => {
        if (io.signal.aborted) done();
        io.signal.addEventListener('abort', () => done(), { once: true });
      });
    }
    return result;
  } finally {
    // The coordinator last, so that the others leave in peace.
    await Promise.all(children.slice(1).map((child) => child.stop()));
    await children[0]?.stop();
  }
}

/** Divides the training images; each participant is told only which rows are its own. */
async function partition(
  options: DemoOptions,
): Promise<(ParticipantView & { readonly rows: Uint32Array })[]> {
  const labels = await loadMnistLabels('train');
  const numbers = await demoNumbers(options.seed, 'partition');
  const parts = partitionExamples(options.partition, labels, options.participants, numbers);
  return parts.map((rows, index) => ({
    name: nameOf(index),
    rows,
    examples: rows.length,
    labels: [...new Set(Array.from(rows, (row) => labels[row] ?? 0))].sort((a, b) => a - b),
    provider: '',
    state: 'starting',
  }));
}

interface NodeToStart {
  readonly role: Extract<Role, 'participant' | 'evaluator'>;
  /** Of the training images; absent for the evaluator, who has the test images. */
  readonly part?: ParticipantView & { readonly rows: Uint32Array };
  readonly index: number;
}

interface NodeSurroundings {
  readonly operator: Identity;
  readonly api: CoordinatorApi;
  readonly dataDir: string;
  readonly seed: string;
  /** Receives the node as soon as it runs, so that it is ended even if another cannot be started. */
  readonly children: Child[];
  /** Called when there is something new to see of a participant. */
  changed(): void;
}

async function startNode(
  { role, part, index }: NodeToStart,
  { operator, api, dataDir, seed, children, changed }: NodeSurroundings,
): Promise<Child> {
  const name = part?.name ?? 'evaluator';
  const folder = join(dataDir, name);
  await makeOutputFolder(folder, 0o700);
  const body = { role, organisationId: `organisation-${index + 1}`, lifetimeSeconds: 300 };
  const invite = await api.call('createInvite', { body });
  const link = formatInviteLink({ ...operator, ...invite });
  const data = ['--data', part ? 'mnist:train' : 'mnist:test'];
  if (part) {
    const file = join(folder, 'rows.json');
    await writeOutput(file, JSON.stringify(Array.from(part.rows)), 0o600);
    data.push('--rows', file, '--allow-single-class');
  }
  const identity = ['--identity', join(folder, 'identity.json'), '--name', name, '--seed', seed];
  const child = startChild(['join', link, ...data, ...identity], join(dataDir, `${name}.log`), (event) => {
    if (!part) return;
    part.state = describe(event) ?? part.state;
    changed();
  });
  children.push(child);
  void child.ended.then((code) => {
    if (!part || code === 0) return;
    part.state = 'lost';
    changed();
  });
  return child;
}

async function providers(api: CoordinatorApi): Promise<{ index: number; provider: string }[]> {
  const { members } = await api.call('listMembers', {});
  return members.flatMap(({ name, role, capabilities }) =>
    role === 'participant'
      ? [{ index: Number(name.split('-')[1]) - 1, provider: capabilities?.provider ?? '' }]
      : [],
  );
}

async function summary(
  job: JobStatus,
  seconds: number,
  dataDir: string,
  view: DemoView,
  api: CoordinatorApi,
): Promise<DemoResult> {
  const accuracy = job.rounds.at(-1)?.metrics?.accuracy;
  if (accuracy === undefined || accuracy === null)
    throw new HanseError('checkFailed', { check: 'evaluation', reason: 'the last round ended without one' });
  const model = await releasedModel(job, api);
  const modelFile = join(dataDir, 'model.onnx');
  await writeOutput(modelFile, model);
  const counts: Record<string, number> = {};
  for (const { provider } of view.participants) counts[provider] = (counts[provider] ?? 0) + 1;
  return {
    participants: view.participants.length,
    rounds: job.rounds.filter(({ outcome }) => outcome === 'released').length,
    accuracy,
    seconds: Number(seconds.toFixed(2)),
    bytesUp: job.bytesUp,
    bytesDown: job.bytesDown,
    providers: counts,
    modelSha256: toHex(await primitives.sha256(model)),
    dataDir,
    modelFile,
    jobId: job.jobId,
  };
}

function describe({ type, problem }: ChildEvent): string | undefined {
  if (type === 'contributed') return 'sent';
  if (type === 'declined' || type === 'missed') return `${type}: ${(problem as { code?: string })?.code}`;
  return typeof type === 'string' ? type : undefined;
}

function nameOf(index: number): string {
  return `participant-${String(index + 1).padStart(2, '0')}`;
}

/** Rejects with `interrupted` when the signal aborts first. */
function abortable<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((done, fail) => {
    const stop = () => fail(new HanseError('interrupted'));
    if (signal.aborted) return stop();
    signal.addEventListener('abort', stop, { once: true });
    promise.then(done, fail);
  });
}
