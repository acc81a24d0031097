/**
 * A whole federation in one process: the coordinator and the participants of production under a virtual clock, seeded
 * randomness, in-memory stores and direct calls in place of HTTP.
 *
 * One seed, one result: on one provider, runtime version and kind of processor the released model has the same bits
 * every time, whatever the order in which participants happen to finish. Single-thread wasm is the portable reference.
 */
import { primitives } from '#primitives';
import { AttemptJournal, memoryAttemptLog } from '../client/attempt-journal.ts';
import { authorJob, type JobPlan, submitJob } from '../client/author-job.ts';
import { followJob } from '../client/commands/job.ts';
import type { CoordinatorApi } from '../client/coordinator-api.ts';
import type { Examples } from '../client/data/examples.ts';
import type { ExecutionProvider } from '../client/engine/provider.ts';
import { JobCache } from '../client/job-cache.ts';
import { ModelChain } from '../client/model-chain.ts';
import { nativeSeededRandom } from '../client/native-key-stream.ts';
import { participate } from '../client/participant.ts';
import type { ParticipantEvent } from '../client/participant-event.ts';
import type { TaskOptions } from '../client/perform-task.ts';
import { releasedModel } from '../client/released-model.ts';
import type { SecureParty } from '../client/secure-party.ts';
import { SpareBuffers } from '../client/spare-buffers.ts';
import { admit } from '../protocol/admission.ts';
import { toHex, utf8 } from '../protocol/bytes.ts';
import type { Signer } from '../protocol/primitives.ts';
import { HanseError } from '../protocol/problem.ts';
import { RandomNumbers, type RandomSource, randomBytes } from '../protocol/random.ts';
import { Secret } from '../protocol/secret.ts';
import type { JobManifest, JobStatus } from '../schemas/job.ts';
import type { EnrolmentRequest, Role } from '../schemas/member.ts';
import type { TrainTask } from '../schemas/task.ts';
import { Coordinator } from '../server/coordinator.ts';
import type { Handlers } from '../server/handler-types.ts';
import { createHandlers } from '../server/handlers.ts';
import { memoryBlobStore } from '../server/store/memory-blob-store.ts';
import { memoryStore } from '../server/store/memory-store.ts';
import { inProcessCoordinator } from './in-process-coordinator.ts';
import { VirtualClock } from './virtual-clock.ts';

/** Where simulated time begins; any moment would do. */
const EPOCH_MS = Date.UTC(2026, 0, 1);

export interface SimulationOptions {
  readonly plan: Omit<JobPlan, 'seed'>;
  /** The data of each participant. */
  readonly participants: readonly Examples[];
  /** Measures the released models; without it there are no metrics. */
  readonly holdOut?: Examples;
  readonly provider: ExecutionProvider;
  /** Decides cohorts, orders of examples and rounding. Initial weights are those of the plan's model. */
  readonly seed: string;
  /** Share of the participants, 0..1, that drop out of each secure round between their shares and their update; absent: none. */
  readonly dropout?: number;
  /** Ends the simulation early; the result is then what was released so far. */
  readonly signal: AbortSignal;
  /** Called with every new state of the job; returning true ends it there. */
  onChange(job: JobStatus): boolean;
  onEvent?(participant: number, event: ParticipantEvent): void;
  /** Puts another node in the place of a participant: one that breaks a rule, for whoever wants to see it found. */
  plant?(participant: number, node: PlantedNode): PlantedNode;
  /** Whether the opened sums of secure rounds are given back: they are kept for as long as the simulation runs. */
  readonly wantsSums?: boolean;
}

/** Of a node, what decides on what it sends. */
export type PlantedNode = Pick<TaskOptions, 'jobs' | 'randomFor'>;

export interface SimulationResult {
  readonly job: JobStatus;
  /** The released model as an ONNX file. */
  readonly model: Uint8Array;
  readonly modelSha256: string;
  /** Of each released round, in their order, as they are stored (`parseSum`); empty unless wanted. */
  readonly sums: readonly Uint8Array[];
}

/**
 * @throws what makes a job impossible (`authorJob`, `manifestInvalid`; `cohortTooSmall` when more participants cannot
 *   take part than it can spare, for here nobody joins later) or ends the life of a node. A job that fails is a result.
 */
export async function simulate(options: SimulationOptions): Promise<SimulationResult> {
  const { seed, participants, holdOut, provider } = options;
  const clock = new VirtualClock(EPOCH_MS);
  const federation = await foundFederation(seed, clock);
  const lifetimes: AbortController[] = [];
  const lifetime = () => {
    const controller = new AbortController();
    if (options.signal.aborted) controller.abort();
    lifetimes.push(controller);
    return controller;
  };
  const follow = lifetime();
  const stop = () => {
    for (const controller of lifetimes) controller.abort();
  };
  options.signal.addEventListener('abort', stop, { once: true });
  const jobs = new JobCache(provider);
  const buffers = new SpareBuffers();
  const chain = new ModelChain();
  const member = async (
    role: Extract<Role, 'participant' | 'evaluator'>,
    index: number,
    examples: Examples,
  ) => {
    const { api, signer, nodeId } = await federation.enrol(role, index);
    const random = await seeded(seed, `secrets of participant ${index}`);
    const party: SecureParty = {
      ...{ identity: signer, nodeId, primitives, random, chain, clock },
      federationId: federation.id,
      coordinatorKey: federation.coordinatorKey,
      journal: new AttemptJournal(memoryAttemptLog()),
      pinned: () => federation.keyOf,
      suites: [1, 2],
      allowsSparse: true,
    };
    const randomFor = (task: TrainTask) =>
      seeded(seed, `participant ${index}, round ${task.round}, attempt ${task.attempt}`);
    const observe = (event: ParticipantEvent) => options.onEvent?.(index, event);
    const honest: PlantedNode = { jobs, randomFor };
    const node = role === 'participant' && options.plant ? options.plant(index, honest) : honest;
    return participate({
      role,
      api,
      dataSets: [{ examples, version: '1', allowSingleClass: true }],
      provider,
      ...node,
      buffers,
      noiseFromSeed: true,
      party,
      ...(options.dropout !== undefined && { dropsOut: dropsOutOf(options.dropout, seed, index) }),
      clock,
      signal: lifetime().signal,
      waitSeconds: 30,
      observe,
    });
  };
  const lives = participants.map((examples, index) => member('participant', index, examples));
  if (holdOut) lives.push(member('evaluator', participants.length, holdOut));
  const ended = Promise.all(lives);
  try {
    await Promise.race([federation.everybodyIsLive(lives.length, follow.signal), ended]);
    const { operator } = federation;
    const authored = await authorJob({ ...options.plan, seed }, federation.id);
    checkTrees(authored.manifest, participants.length);
    const { jobId } = await submitJob(authored, operator);
    federation.forgetUpdates(jobId);
    let left = participants.length;
    const isStuck = () => left < authored.manifest.cohort.minimum;
    const changed = (status: JobStatus) => {
      left = participants.length - federation.unsuitedParticipants(jobId);
      if (options.onChange(status) || (status.phase === 'recruiting' && isStuck())) follow.abort();
    };
    const followed = followJob(operator, jobId, follow.signal, changed, 0);
    const job = await Promise.race([followed, ended.then(() => followed)]);
    if (job.phase === 'recruiting' && isStuck())
      throw new HanseError('cohortTooSmall', { needed: job.manifest.cohort.minimum, got: left });
    const model = await releasedModel(job, operator);
    const sums = options.wantsSums ? await openedSums(job, operator) : [];
    return { job, model, modelSha256: toHex(await primitives.sha256(model)), sums };
  } finally {
    stop();
    options.signal.removeEventListener('abort', stop);
    await Promise.allSettled(lives);
    await jobs.release();
    await federation.close();
  }
}

/** Where a participant is in a tree once, a tree needs as many as all its rounds. Throws `cohortTooSmall`. */
function checkTrees({ privacy, rounds, cohort }: JobManifest, got: number): void {
  const noise = privacy?.centralNoise;
  if (noise?.type !== 'gaussianTree') return;
  const needed = Math.min(rounds, noise.rounds) * cohort.minimum;
  if (needed > got) throw new HanseError('cohortTooSmall', { needed, got });
}

async function openedSums({ rounds }: JobStatus, operator: CoordinatorApi): Promise<Uint8Array[]> {
  const named = rounds.flatMap(({ outcome, secure }) =>
    outcome === 'released' && secure?.sum ? [secure.sum] : [],
  );
  return Promise.all(named.map((sha256) => operator.call('getBlob', { params: { sha256 } })));
}

/** Drawn afresh for each node and attempt. */
function dropsOutOf(share: number, seed: string, index: number) {
  return async ({ round, attempt }: TrainTask): Promise<boolean> => {
    const source = await seeded(seed, `dropout of ${index}, round ${round}, attempt ${attempt}`);
    return new RandomNumbers(source).unit() < share;
  };
}

interface SimulatedFederation {
  readonly id: string;
  /** Hex. */
  readonly coordinatorKey: string;
  /** The public key of a member in hex. */
  keyOf(nodeId: string): string | undefined;
  readonly operator: CoordinatorApi;
  /** Enrols a member with a key of its own. */
  enrol(role: Role, index: number): Promise<SimulatedMember>;
  everybodyIsLive(count: number, signal: AbortSignal): Promise<void>;
  /** Participants that cannot take part in the job. */
  unsuitedParticipants(jobId: string): number;
  /** Drops the updates of every round that has ended: memory then does not grow with the number of rounds. */
  forgetUpdates(jobId: string): void;
  close(): Promise<void>;
}

interface SimulatedMember {
  readonly api: CoordinatorApi;
  readonly signer: Signer;
  readonly nodeId: string;
}

async function foundFederation(seed: string, clock: VirtualClock): Promise<SimulatedFederation> {
  const seedOf = async (label: string) => randomBytes(await seeded(seed, `key of ${label}`), 32);
  const keyOf = async (label: string) => primitives.signer(await seedOf(label));
  const operatorKey = (await keyOf('operator')).publicKey;
  const signer = await keyOf('coordinator');
  const blobs = memoryBlobStore();
  const coordinator = await Coordinator.open({
    store: memoryStore(),
    blobs,
    clock,
    random: await seeded(seed, 'coordinator'),
    signer,
    noiseKey: new Secret(await seedOf('noise')),
    operatorKey,
    report: (error) => {
      throw error;
    },
  });
  const handlers = createHandlers(coordinator);
  const { federation } = coordinator;
  const [operatorId] = [...federation.members()].map(({ nodeId }) => nodeId);
  const operator = inProcessCoordinator(handlers, coordinator, operatorId);
  const keys = new Map<string, string>();
  return {
    id: federation.id,
    coordinatorKey: toHex(signer.publicKey),
    keyOf: (nodeId) => keys.get(nodeId),
    operator,
    enrol: async (role, index) => {
      const organisationId = `organisation-${index}`;
      const { token } = await operator.call('createInvite', {
        body: { role, organisationId, lifetimeSeconds: 3600 },
      });
      const own = await keyOf(`member ${index}`);
      const publicKey = toHex(own.publicKey);
      const pinned = { federationId: federation.id, coordinatorKey: toHex(signer.publicKey) };
      const admission = await admit(
        { organisationId, publicKey, role },
        pinned,
        await keyOf(`organisation ${index}`),
      );
      const body = { token, publicKey, name: `member ${index}`, admission };
      const { nodeId } = await enrolWith(handlers, coordinator, body);
      keys.set(nodeId, publicKey);
      return { api: inProcessCoordinator(handlers, coordinator, nodeId), signer: own, nodeId };
    },
    everybodyIsLive: async (count, signal) => {
      const isLive = () =>
        [...federation.members()].filter(({ nodeId }) => coordinator.presence.isLive(nodeId)).length;
      while (!signal.aborted && isLive() < count) await new Promise((resolve) => setImmediate(resolve));
    },
    unsuitedParticipants: (jobId) =>
      [...coordinator.job(jobId).state.unsuited.keys()].filter(
        (nodeId) => federation.member(nodeId)?.role === 'participant',
      ).length,
    forgetUpdates: (jobId) => {
      const job = coordinator.job(jobId);
      let { accepted, history } = job.state;
      job.watch(() => {
        // Within the change itself: nobody has sent an update of the next round yet, which might be the same bytes.
        if (job.state.history.length > history.length)
          for (const { sha256 } of accepted.values()) void blobs.delete(sha256);
        ({ accepted, history } = job.state);
      });
    },
    close: () => coordinator.close(),
  };
}

function enrolWith(handlers: Handlers, coordinator: Coordinator, body: EnrolmentRequest) {
  return inProcessCoordinator(handlers, coordinator, undefined).call('enrol', { body });
}

async function seeded(seed: string, label: string): Promise<RandomSource> {
  return nativeSeededRandom(await primitives.sha256(utf8(`HANSE simulation\0${seed}\0${label}`)));
}
