/**
 * The demo: a coordinator, its participants and an evaluator as processes of their own, which know each other by HTTP
 * alone. This process invites them, starts the job as any author would, and watches.
 */
import { join, relative, resolve } from 'node:path';
import { primitives } from '#primitives';
import { authorJob, submitJob } from '../../client/author-job.ts';
import { followJob, unfinished } from '../../client/commands/job.ts';
import { makeOutputFolder, writeOutput } from '../../client/commands/output-file.ts';
import type { CoordinatorApi } from '../../client/coordinator-api.ts';
import { connect } from '../../client/enrol.ts';
import { type Identity, readIdentity } from '../../client/identity.ts';
import { releasedModel } from '../../client/released-model.ts';
import { toHex } from '../../protocol/bytes.ts';
import { costOfRounds, type JobPrivacy, jobPrivacy } from '../../protocol/dp/job-privacy.ts';
import { formatInviteLink } from '../../protocol/invite-link.ts';
import { systemClock } from '../../protocol/primitives/system-clock.ts';
import { HanseError } from '../../protocol/problem.ts';
import type { CommandIo } from '../../schemas/command.ts';
import type { JobStatus } from '../../schemas/job.ts';
import type { Role } from '../../schemas/member.ts';
import type { FoundChromium } from '../browser/find-chromium.ts';
import { requireChromium } from '../browser/launch-chromium.ts';
import { startChild } from '../child-process.ts';
import type { Partition } from '../partition/partition.ts';
import { startNode } from './demo-node.ts';
import { type DemoPart, demoParts } from './demo-parts.ts';
import { startTabs } from './demo-tab.ts';
import { type AuditResult, tamperWithLog, verifyOwnLog } from './own-log.ts';
import { DEMO_BUDGET, demoPlan } from './plan.ts';
import type { Running } from './running.ts';

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
  /** So many of the participants are tabs of a headless browser. */
  readonly browser: number;
  /** So many of the participants drop out of each round between their shares and their update; tabs do not. */
  readonly drop: number;
  /** Without secure aggregation. */
  readonly isPlain: boolean;
  /** With differential privacy. */
  readonly isPrivate: boolean;
  /** Changes one byte of the audit log before it is verified. */
  readonly isTampered: boolean;
}

/** Everything that the screen shows. */
export interface DemoView {
  readonly options: DemoOptions;
  url: string;
  stage: string;
  readonly participants: readonly DemoPart[];
  job: JobStatus | undefined;
  /** What so many rounds cost each unit; absent before the job, and where it promises nothing. */
  costOf?: (rounds: number) => number;
}

export interface SecureResult {
  readonly suite: number;
  readonly threshold: number;
  /** Updates in the sum. */
  readonly survivors: number;
  /** Participants whose shares had come, and whose update did not. */
  readonly dropped: number;
}

/** What was promised about each unit, against whom: SPEC.md 12.1. */
export interface PrivacyResult {
  readonly unit: JobPrivacy['unit'];
  /** Against the coordinator and the participants, and against who gets the model alone. */
  readonly epsilonServer: number;
  readonly epsilonModel: number;
  readonly delta: number;
  readonly noiseMultiplier: number;
  readonly clipNorm: number;
  readonly accountant: 'rdp';
  readonly neighbouring: JobPrivacy['neighbouring'];
  /** Of the rounds that were opened, by the same accountant. */
  readonly epsilonSpent: number;
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
  /** Of the round with the fewest survivors; null where sums are plain. */
  readonly secureAggregation: SecureResult | null;
  /** Null with --no-dp. */
  readonly privacy: PrivacyResult | null;
  /** What an auditor finds in the log of the coordinator. */
  readonly audit: AuditResult;
  readonly dataDir: string;
  readonly modelFile: string;
  readonly jobId: string;
}

/**
 * A coordinator, participants and an evaluator on this machine, from nothing to a released model; all end with it.
 * @param changed called when there is something new to see
 * @throws `browserMissing` where tabs are wanted; `interrupted`; what any part of it throws
 */
export async function runDemo(
  options: DemoOptions,
  io: CommandIo,
  changed: (view: DemoView) => void,
): Promise<DemoResult> {
  const dataDir = resolve(options.dataDir);
  const parts = await demoParts(options);
  const view: DemoView = {
    options,
    url: '',
    stage: 'starting the coordinator',
    participants: parts,
    job: undefined,
  };
  const update = () => changed(view);
  const show = (stage: string) => {
    view.stage = stage;
    update();
  };
  /** What has been started, in this order, so that it is ended even if something else cannot be started. */
  const running: Running[] = [];
  try {
    const chromium = options.browser > 0 ? requireChromium() : undefined;
    await makeOutputFolder(dataDir, 0o700);
    show(view.stage);
    const from = performance.now();
    const coordinatorDir = join(dataDir, 'coordinator');
    const serve = ['serve', '--data-dir', coordinatorDir, '--port', String(options.port)];
    const coordinator = startChild(serve, join(dataDir, 'coordinator.log'));
    running.push(coordinator);
    const ready = await abortable(
      coordinator.event((event) => event.ready === true),
      io.signal,
    );
    view.url = String(ready.url);
    const operator = await readIdentity(join(coordinatorDir, 'keys', 'operator.json'));
    const api = await connect(operator, systemClock);

    show('enrolling the participants');
    const links = await Promise.all([
      ...parts.map((_, index) => invite({ operator, api }, 'participant', index)),
      invite({ operator, api }, 'evaluator', parts.length),
    ]);
    const plan = await demoPlan(options);
    const allowPlain = plan.aggregation === 'plain';
    const joining = { options, dataDir, parts, links, chromium, allowPlain };
    await abortable(startEverybody(joining, running, update), io.signal);
    await readProviders(parts, api);

    show('training');
    const authored = await authorJob(plan, operator.federationId);
    const privacy = jobPrivacy(authored.manifest);
    if (privacy) view.costOf = costOfRounds(privacy);
    const { jobId } = await submitJob(authored, api);
    const job = await followJob(api, jobId, io.signal, (status) => {
      view.job = status;
      update();
    });
    const seconds = (performance.now() - from) / 1000;
    if (job.phase !== 'finished') throw unfinished(job);

    // A node may have chosen another one, and a tab tells its own when it first asks for work.
    await readProviders(parts, api);
    const trained = await summary(job, seconds, dataDir, view, api);
    if (options.isTampered) {
      show('changing one byte of the audit log');
      await stopAll(running);
      const leaf = await tamperWithLog(coordinatorDir);
      io.note(`one bit of entry ${leaf} of the audit log is another now`);
    }
    show('verifying the audit log');
    const audit = await verifyOwnLog(coordinatorDir, () => io.signal.throwIfAborted());
    const result = { ...trained, audit };
    show('done');
    if (options.keep) {
      const link = await invite({ operator, api }, 'participant', parts.length + 1);
      const key = join(relative('.', coordinatorDir), 'keys', 'operator.json');
      io.note(`still running at ${view.url}; Ctrl+C ends it`);
      io.note(`to join it from a browser, once: ${link}`);
      const all = parts.length + 1;
      io.note(`and then, from another terminal, a job for all ${all}:`);
      io.note(
        `  hanse job create --identity ${key} --name together --purpose "try a browser" ` +
          `--cohort ${all} --rounds 10 --batch 64 --max-steps 10${allowPlain ? ' --plain' : ''}`,
      );
      io.event(result);
      await new Promise<void>((done) => {
        if (io.signal.aborted) done();
        io.signal.addEventListener('abort', () => done(), { once: true });
      });
    }
    return result;
  } finally {
    await stopAll(running);
  }
}

/** The coordinator last, so that the others leave in peace. */
async function stopAll(running: Running[]): Promise<void> {
  const [coordinator, ...others] = running.splice(0);
  await Promise.all(others.map((one) => one.stop()));
  await coordinator?.stop();
}

interface Joining {
  readonly options: DemoOptions;
  readonly dataDir: string;
  readonly parts: readonly DemoPart[];
  /** One for each part, and for the evaluator behind them. */
  readonly links: readonly string[];
  /** Of the last parts, which are tabs. */
  readonly chromium: FoundChromium | undefined;
  readonly allowPlain: boolean;
}

/** Resolves when all take part. @param running receives each as soon as it runs @param changed as of `startNode` */
async function startEverybody(
  { options, dataDir, parts, links, chromium, allowPlain }: Joining,
  running: Running[],
  changed: () => void,
): Promise<void> {
  const processes = parts.length - options.browser;
  const consent = { allowPlain, ...(options.isPrivate && { budget: DEMO_BUDGET }) };
  const nodes = [...parts.slice(0, processes), undefined].map((part) => {
    const index = part ? parts.indexOf(part) : parts.length;
    const dropOut = part && options.drop > 0 ? `${options.drop}/${processes}/${index}` : undefined;
    const node = { link: links[index] ?? '', dataDir, seed: options.seed, part, ...consent };
    return startNode({ ...node, ...(dropOut !== undefined && { dropOut }) }, running, changed);
  });
  const ofTabs = links.slice(processes, parts.length);
  const tabs = chromium && startTabs(chromium, ofTabs, parts.slice(processes), consent, running, changed);
  await Promise.all([...nodes, tabs]);
}

/** Also of the link that a person is shown, who may have lunch first. */
const INVITE_SECONDS = 86_400;

interface Inviting {
  readonly operator: Identity;
  readonly api: CoordinatorApi;
}

/** @param index each node is of an organisation of its own */
async function invite({ operator, api }: Inviting, role: Role, index: number): Promise<string> {
  const body = { role, organisationId: `organisation-${index + 1}`, lifetimeSeconds: INVITE_SECONDS };
  return formatInviteLink({ ...operator, ...(await api.call('createInvite', { body })) });
}

/** As the members have told them to the coordinator; the last of a name, where a folder is used again. */
async function readProviders(parts: readonly DemoPart[], api: CoordinatorApi): Promise<void> {
  const { members } = await api.call('listMembers', {});
  for (const part of parts) {
    const told = members.findLast(({ name }) => name === part.name)?.capabilities;
    if (told) part.provider = told.provider;
  }
}

async function summary(
  job: JobStatus,
  seconds: number,
  dataDir: string,
  view: DemoView,
  api: CoordinatorApi,
): Promise<Omit<DemoResult, 'audit'>> {
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
    secureAggregation: worstRound(job),
    privacy: promised(job),
    dataDir,
    modelFile,
    jobId: job.jobId,
  };
}

function promised({ manifest, rounds }: JobStatus): PrivacyResult | null {
  const privacy = jobPrivacy(manifest);
  const { epsilonServer, epsilonModel } = manifest.privacy ?? {};
  if (!privacy || epsilonServer === undefined || epsilonModel === undefined) return null;
  const opened = rounds.filter(({ outcome }) => outcome === 'released').length;
  return {
    unit: privacy.unit,
    epsilonServer,
    epsilonModel,
    delta: privacy.delta,
    noiseMultiplier: privacy.noiseMultiplier,
    clipNorm: manifest.codec.clipNorm,
    accountant: 'rdp',
    neighbouring: privacy.neighbouring,
    epsilonSpent: costOfRounds(privacy)(opened),
  };
}

function worstRound({ rounds }: JobStatus): SecureResult | null {
  const released = rounds.flatMap(({ outcome, secure }) =>
    outcome === 'released' && secure ? [secure] : [],
  );
  const [worst] = released.toSorted((a, b) => a.survivors - b.survivors);
  if (!worst) return null;
  const { suite, threshold, survivors, delivered } = worst;
  return { suite, threshold, survivors, dropped: delivered - survivors };
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
