/**
 * A federation of processes on a small table: a coordinator that can be killed and started again on the same folder and
 * port, and nodes that go on by themselves. Seeded, so that two runs of one job release the same model to the bit.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { primitives } from '#primitives';
import { authorJob, type JobPlan, submitJob } from '../../client/author-job.ts';
import { followJob } from '../../client/commands/job.ts';
import type { CoordinatorApi } from '../../client/coordinator-api.ts';
import { connect } from '../../client/enrol.ts';
import { mlp } from '../../client/graph/models/mlp.ts';
import { type Identity, readIdentity } from '../../client/identity.ts';
import { retryingCoordinator } from '../../client/retrying-coordinator.ts';
import { formatInviteLink } from '../../protocol/invite-link.ts';
import { systemClock } from '../../protocol/primitives/system-clock.ts';
import { RandomNumbers, seededRandom } from '../../protocol/random.ts';
import type { JobStatus } from '../../schemas/job.ts';
import type { Role } from '../../schemas/member.ts';
import { openSqliteStore } from '../../server/store/sqlite-store.ts';
import type { StoredEvent } from '../../server/store/store.ts';
import {
  DEADLINE_MS,
  type HanseProcess,
  type Line,
  type ProcessOptions,
  startHanse,
  within,
} from './hanse-process.ts';

const KILL_AT = fileURLToPath(new URL('kill-at.mjs', import.meta.url));
const KILL_NODE_AT = fileURLToPath(new URL('kill-node-at.mjs', import.meta.url));
const HASTY_NODE = fileURLToPath(new URL('hasty-node.mjs', import.meta.url));

export const COLUMNS = ['--features', 'a,b,c,d', '--target', 'label', '--classes', 'no,yes'];

/** Four numbers and a class that depends on them; the same rows for the same seed. */
export function tableOf(rows: number, seed: number): string {
  const key = new Uint8Array(32).fill(seed);
  const numbers = new RandomNumbers(seededRandom(key));
  const lines = Array.from({ length: rows }, () => {
    const values = Array.from({ length: 4 }, () => 2 * numbers.unit() - 1);
    const [a = 0, b = 0] = values;
    return [...values.map((value) => value.toFixed(6)), a + b > 0 ? 'yes' : 'no'].join(',');
  });
  return `a,b,c,d,label\n${lines.join('\n')}\n`;
}

/** Two rounds of an `mlp:4,8,2` that end in a fraction of a second. */
export function smallPlan(overrides: Partial<JobPlan> = {}): JobPlan {
  return {
    name: 'small',
    purpose: 'testing',
    forward: mlp([4, 8, 2], new RandomNumbers(seededRandom(new Uint8Array(32)))),
    training: {
      loss: { type: 'softmax_ce' },
      optimizer: { type: 'sgd' },
      learningRate: 0.5,
      learningRateDecay: 1,
      batchSize: 8,
      epochs: 1,
    },
    strategy: { type: 'fedavg', serverLearningRate: 1 },
    rounds: 2,
    cohort: { size: 2, minimum: 2 },
    clipNorm: 10,
    weighting: 'uniform',
    weightMax: 1,
    deadlines: { collectSeconds: 120, evaluateSeconds: 120 },
    aggregation: 'plain',
    maxAttempts: 3,
    evaluateEvery: 1,
    seed: 'e2e',
    ...overrides,
  };
}

export interface ServeSettings {
  /** `<event type>:<n>:<before|after>`, see kill-at.mjs. */
  readonly killAt?: string;
  readonly args?: readonly string[];
  /** A module that is loaded into the coordinator before its own code. */
  readonly preload?: string;
}

export interface FederationSettings {
  /** How every process is started. */
  readonly options?: ProcessOptions;
  /** How the coordinator is, if otherwise. */
  readonly coordinator?: ProcessOptions;
  /** For every coordinator of it. */
  readonly serveArgs?: readonly string[];
  /** Where this node finds the coordinator, if not at its own address. */
  readonly serverFor?: (name: string) => string | undefined;
}

/** See kill-node-at.mjs. */
export type NodeMoment = 'training' | 'uploading' | 'acknowledged';

export class SmallFederation {
  readonly folder = mkdtempSync(join(tmpdir(), 'hanse-e2e-'));
  readonly dataDir = join(this.folder, 'coordinator');
  /** The latest process of each node. */
  readonly nodes = new Map<string, HanseProcess>();
  readonly #allNodes: HanseProcess[] = [];
  coordinator: HanseProcess | undefined;
  operator: Identity | undefined;
  readonly #settings: FederationSettings;
  #port = 0;
  #organisations = 0;
  #api: CoordinatorApi | undefined;

  constructor(settings: FederationSettings = {}) {
    this.#settings = settings;
  }

  /** Of the coordinator; the same for all of its processes. */
  get port(): number {
    return this.#port;
  }

  /** Starts the coordinator; again on the port that it had. */
  async serve({ killAt, args = [], preload }: ServeSettings = {}): Promise<HanseProcess> {
    const flags = ['--data-dir', this.dataDir, '--port', String(this.#port), '--recruit-grace', '60'];
    flags.push(...(this.#settings.serveArgs ?? []));
    const fault: ProcessOptions = killAt
      ? { nodeArgs: ['--import', KILL_AT], env: { HANSE_KILL_AT: killAt } }
      : preload
        ? { nodeArgs: ['--import', preload] }
        : (this.#settings.coordinator ?? this.#settings.options ?? {});
    const coordinator = startHanse(['serve', ...flags, ...args, '--json'], fault);
    this.coordinator = coordinator;
    const { url } = await coordinator.line('the address', (line) => line.ready === true);
    this.#port = Number(new URL(url).port);
    this.operator = await readIdentity(join(this.dataDir, 'keys', 'operator.json'));
    return coordinator;
  }

  /** Requests of the operator; they are repeated while the coordinator is away. */
  async api(): Promise<CoordinatorApi> {
    this.#api ??= await connect(this.#identity, systemClock, { around: persistent });
    return this.#api;
  }

  /** Of an organisation of its own; for the node of this name, if it reaches the coordinator by a way of its own. */
  async invite(role: Exclude<Role, 'operator'>, name = '', lifetimeSeconds = 600): Promise<string> {
    this.#organisations += 1;
    const organisationId = `organisation-${this.#organisations}.example`;
    const body = { role, organisationId, lifetimeSeconds };
    const invite = await (await this.api()).call('createInvite', { body });
    const server = this.#settings.serverFor?.(name) ?? this.#identity.server;
    return formatInviteLink({ ...this.#identity, ...invite, server });
  }

  /** Starts a node with data of its own, and waits until it is ready. */
  async join(name: string, role: 'participant' | 'evaluator', seed: number): Promise<HanseProcess> {
    writeFileSync(join(this.folder, `${name}.csv`), tableOf(32, seed));
    return this.#startNode(name, [await this.invite(role, name)]);
  }

  /** Starts a node again, with the identity that it has stored; it may be to die at a moment of its work. */
  rejoin(name: string, killAt?: NodeMoment): Promise<HanseProcess> {
    return this.#startNode(name, [], killAt);
  }

  async #startNode(name: string, link: readonly string[], killAt?: NodeMoment): Promise<HanseProcess> {
    const node = this.launch(name, link, killAt);
    await node.line('readiness', ({ type }) => type === 'ready');
    return node;
  }

  /** Another node may take this name, with the same data. */
  forget(name: string): void {
    rmSync(join(this.folder, name), { recursive: true, force: true });
  }

  /** Starts a node whose data are there, and does not wait for it. */
  launch(name: string, link: readonly string[] = [], killAt?: NodeMoment): HanseProcess {
    const data = ['--data', `csv:${join(this.folder, `${name}.csv`)}`, ...COLUMNS];
    const identity = ['--identity', join(this.folder, name, 'identity.json'), '--name', name];
    const repeatable = ['--seed', 'e2e', '--provider', 'cpu', '--allow-plain'];
    // What a killed node leaves in the folder for temporary files goes with the federation.
    const { options: common } = this.#settings;
    const env = { ...common?.env, TMPDIR: this.folder };
    const options: ProcessOptions = killAt
      ? { nodeArgs: ['--import', KILL_NODE_AT], env: { ...env, HANSE_KILL_NODE_AT: killAt } }
      : { nodeArgs: ['--import', HASTY_NODE], ...common, env };
    const node = startHanse(['join', ...link, ...data, ...identity, ...repeatable, '--json'], options);
    this.nodes.set(name, node);
    this.#allNodes.push(node);
    return node;
  }

  /** Creates the job; if the answer is lost, looks whether it is there, as an author would. */
  async createJob(plan: JobPlan, alive: () => Promise<unknown>): Promise<string> {
    const job = await authorJob(plan, this.#identity.federationId);
    const known = new Set(await this.#jobIds());
    const once = await connect(this.#identity, systemClock);
    try {
      return (await submitJob(job, once)).jobId;
    } catch {
      await alive();
      const found = (await this.#jobIds()).find((jobId) => !known.has(jobId));
      return found ?? (await submitJob(job, await this.api())).jobId;
    }
  }

  /** The job once `is` holds, or it has ended. */
  async jobWhen(
    jobId: string,
    what: string,
    is: (job: JobStatus) => boolean,
    deadlineMs?: number,
  ): Promise<JobStatus> {
    const stop = new AbortController();
    let latest: JobStatus | undefined;
    const followed = followJob(
      await this.api(),
      jobId,
      stop.signal,
      (job) => {
        latest = job;
        if (is(job)) stop.abort();
      },
      0,
    );
    const known = () => `${JSON.stringify(latest)}\n${this.coordinator?.said}`;
    try {
      return await within(
        `${what} of ${jobId}`,
        followed.then((job) => latest ?? job),
        known,
        deadlineMs,
      );
    } finally {
      stop.abort();
    }
  }

  /**
   * Resolves once a request for work of this node is held by the coordinator: it has then been live for longer than a
   * node that only said something would be. The coordinator must run with `--liveness 1`.
   */
  async isWaiting(name: string): Promise<void> {
    const api = await this.api();
    const sinceLive = async () => {
      for (let since = Number.POSITIVE_INFINITY; !(Date.now() - since > 1500); ) {
        const { members } = await api.call('listMembers', {});
        const isLive = members.some((member) => member.name === name && member.live);
        since = isLive ? Math.min(since, Date.now()) : Number.POSITIVE_INFINITY;
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    };
    await within(`${name} to ask for work`, sinceLive(), () => this.coordinator?.said ?? '');
  }

  jobAtEnd(jobId: string, deadlineMs?: number): Promise<JobStatus> {
    return this.jobWhen(jobId, 'the end', () => false, deadlineMs);
  }

  /** What the nodes were told to be accepted. */
  receipts(): Line[] {
    return this.#allNodes.flatMap(({ lines }) =>
      lines
        .filter(({ type }) => type === 'contributed')
        .map(({ task, report }) => ({
          stream: `job/${task.jobId}`,
          round: task.round,
          attempt: task.attempt,
          sha256: report.receipt.sha256,
        })),
    );
  }

  /** All events of all jobs, as they are durable now. */
  async records(): Promise<StoredEvent[]> {
    const store = openSqliteStore(join(this.dataDir, 'hanse.sqlite'));
    try {
      const streams = await store.streams('job/');
      return (await Promise.all(streams.map(({ stream }) => store.read(stream)))).flat();
    } finally {
      await store.close();
    }
  }

  async end(): Promise<void> {
    await Promise.all(this.#allNodes.map((node) => node.kill()));
    await this.coordinator?.kill();
    rmSync(this.folder, { recursive: true, force: true });
  }

  get #identity(): Identity {
    if (!this.operator) throw new Error('the coordinator has never been started');
    return this.operator;
  }

  async #jobIds(): Promise<string[]> {
    const { jobs } = await (await this.api()).call('listJobs', {});
    return jobs.map(({ jobId }) => jobId);
  }
}

/** Repeats requests that fail, until the deadline of the suite; then the last problem is thrown. */
function persistent(api: CoordinatorApi): CoordinatorApi {
  const pauses = { firstPauseMs: 50, longestPauseMs: 200 };
  const retrying = retryingCoordinator(api, { clock: systemClock, random: primitives.random, ...pauses });
  return {
    call(name, request, { signal } = {}) {
      const deadline = AbortSignal.timeout(DEADLINE_MS);
      return retrying.call(name, request, {
        signal: signal ? AbortSignal.any([signal, deadline]) : deadline,
      });
    },
  };
}

/** Receipts that no attempt of the records counts: none, if what was acknowledged was kept. */
export function lostReceipts(receipts: readonly Line[], records: readonly StoredEvent[]): Line[] {
  return receipts.filter(
    ({ stream, round, attempt, sha256 }) =>
      !records.some((event) => {
        const data = event.data as Line;
        return (
          event.stream === stream &&
          event.type === 'updateAccepted' &&
          data.round === round &&
          data.attempt === attempt &&
          data.sha256 === sha256
        );
      }),
  );
}
