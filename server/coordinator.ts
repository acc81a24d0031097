/**
 * The coordinator without its transport: members, jobs and the work that waits for them.
 *
 * `server/handlers.ts` answers the routes with it, `server/http` brings those to the network, and the simulator calls
 * them directly. Everything it depends on is an argument.
 */

import { primitives as platform } from '#primitives';
import { toHex, utf8 } from '../protocol/bytes.ts';
import { isValidNode } from '../protocol/known-organisations.ts';
import type { Primitives, Signer } from '../protocol/primitives.ts';
import { HanseError, isProblem } from '../protocol/problem.ts';
import { RandomNumbers, type RandomSource, randomBytes, seededRandom } from '../protocol/random.ts';
import { hasEnded, isAwaited, mayMeasure } from '../protocol/round.ts';
import type { JobState } from '../protocol/round-state.ts';
import type { Secret } from '../protocol/secret.ts';
import { PROTOCOL_VERSIONS, type VersionRange } from '../protocol/versions.ts';
import type { JobId, NodeId, Sha256 } from '../schemas/ids.ts';
import type { Role } from '../schemas/member.ts';
import type { Task } from '../schemas/task.ts';
import type { UploadRequest } from '../schemas/upload.ts';
import { AcceptedUpdates } from './accepted-updates.ts';
import { AccessControl, type Resources } from './access/access-control.ts';
import { jobResource } from './access/job-resource.ts';
import { openPolicies } from './access/open-policies.ts';
import type { Policies } from './access/policies.ts';
import { type AuditNotes, NO_NOTES } from './audit-notes.ts';
import type { AuditQueries } from './audit-queries.ts';
import { Federation } from './federation.ts';
import type { KnownMember } from './federation-state.ts';
import { JobRunner, type JobSurroundings } from './job-runner.ts';
import { Mailboxes } from './mailbox.ts';
import { updateEvent } from './masked-update.ts';
import { successorsOf } from './membership.ts';
import { NameableContent } from './nameable-content.ts';
import { NotedAccess } from './noted-access.ts';
import { type IsOver, ORPHAN_GRACE_MS, OrphanedContent } from './orphaned-content.ts';
import { People } from './people/people.ts';
import { Presence } from './presence.ts';
import { ReadableContent } from './readable-content.ts';
import { Retention } from './retention.ts';
import { type ErasableSalts, SaltRetention } from './salt-retention.ts';
import { seldom } from './seldom-report.ts';
import type { BlobStore } from './store/blob-store.ts';
import { memoryPartStore } from './store/memory-part-store.ts';
import type { PartStore } from './store/part-store.ts';
import type { Store } from './store/store.ts';
import { UnnamedContent, type UnnamedLimits } from './unnamed-content.ts';
import { refuseEarly } from './update-admission.ts';
import { type UploadLimits, Uploads } from './uploads.ts';
import { openWitnessing, type WitnessingDependencies } from './witness-roll.ts';
import type { Witnessing, WitnessingTimes } from './witnessing.ts';

export interface CoordinatorSettings extends UploadLimits, UnnamedLimits, WitnessingTimes {
  readonly protocol: VersionRange;
  /** How long a node counts as live after its last request. */
  readonly livenessMs: number;
  /** How long a round that has its minimum waits for participants that are expected. */
  readonly recruitGraceMs: number;
  /** How long a participant is expected after its last request, its enrolment or the start of the coordinator. */
  readonly expectedMs: number;
  /** Pause before an effect that failed is tried again. */
  readonly retryMs: number;
  /** Longest that a request for tasks or changes is held. */
  readonly longestWaitMs: number;
  /** Largest graph or model that may be uploaded. */
  readonly blobLimitBytes: number;
  /** How many operators have to want other policies, the one who proposes them among them. */
  readonly policyApprovals: number;
  /** How long a release waits for the witnesses of the log before it is told that it is withheld. */
  readonly witnessWaitMs: number;
  /** How long updates are kept after the end of their attempt; infinite: for good. */
  readonly keepUpdatesMs: number;
  /** How long salts are kept that say whom an entry of the log is about; infinite: for good. */
  readonly keepSaltsMs: number;
}

export const DEFAULT_SETTINGS: CoordinatorSettings = {
  protocol: PROTOCOL_VERSIONS,
  livenessMs: 10_000,
  recruitGraceMs: 5000,
  expectedMs: 60_000,
  retryMs: 1000,
  longestWaitMs: 30_000,
  blobLimitBytes: 2 ** 30,
  keepUpdatesMs: Number.POSITIVE_INFINITY,
  policyApprovals: 1,
  keepSaltsMs: Number.POSITIVE_INFINITY,
  witnessWaitMs: 30_000,
  witnessFreshMs: 10_000,
  witnessSilenceMs: 600_000,
  chunkBytes: 2 ** 22,
  uploadLifetimeMs: 3_600_000,
  uploadsPerNode: 4,
  uploadBytesPerNode: 2 ** 31,
  uploadBytes: 2 ** 35,
  unnamedBytes: 2 ** 32,
  unnamedCountsMs: 86_400_000,
};

/** Jobs that are under way at once, and tasks of which a node is told at once: as many as an answer may list. */
const MOST_JOBS = 1000;
const MOST_TASKS = 1000;

export interface CoordinatorDependencies extends WitnessingDependencies {
  readonly store: Store;
  readonly blobs: BlobStore;
  /** Where uploads in chunks arrive; absent: in memory. */
  readonly parts?: PartStore;
  readonly random: RandomSource;
  /** Answers what is asked of the log; closed with the coordinator. Absent: nothing can be asked. */
  readonly queries?: AuditQueries;
  /** The coordinator's own key. */
  readonly signer: Signer;
  /** 32 bytes, as secret: noise that has to be the same after every start follows from it. */
  readonly noiseKey: Secret;
  /** Of secure rounds alone; absent: those of the platform, which everything else uses anyhow. */
  readonly primitives?: Primitives;
  /** Public key of the first operator. */
  readonly operatorKey: Uint8Array;
  /** Id of the federation that the stores must hold; absent at the first start, when it is founded. */
  readonly federationId?: string | undefined;
  /** Of the log; absent: there is none, and nothing in it to erase. */
  readonly salts?: ErasableSalts | undefined;
}

export class Coordinator {
  readonly federation: Federation;
  readonly presence: Presence;
  readonly uploads: Uploads;
  readonly mailboxes: Mailboxes;
  readonly people: People;
  readonly unnamed: UnnamedContent;
  /** Content that members may fetch. */
  readonly readable: ReadableContent;
  /** Content that members may fetch, or name in a job, each for themselves. */
  readonly nameable: NameableContent;
  readonly retention: Retention;
  /** Absent where there is no log. */
  readonly saltRetention: SaltRetention | undefined;
  readonly settings: CoordinatorSettings;
  readonly dependencies: CoordinatorDependencies;
  /** What is to be in the log and is no event of the store. */
  readonly notes: AuditNotes;
  readonly policies: Policies;
  /** Who may do what, by the policies in force. */
  readonly accessControl: AccessControl;
  /** Absent where nothing is noted. */
  readonly access: NotedAccess | undefined;
  /** Absent where there is no log, or it has no witnesses. */
  readonly witnessing: Witnessing | undefined;
  readonly #jobs = new Map<JobId, JobRunner>();
  /** Runners that have no job yet; after a failure of the storage they look for it until this closes. */
  readonly #unborn = new Set<JobRunner>();
  readonly #orphans: OrphanedContent;
  readonly #accepted: AcceptedUpdates;
  readonly #closing = new AbortController();

  private constructor(
    federation: Federation,
    { mailboxes, policies, people }: Pick<Coordinator, 'mailboxes' | 'policies' | 'people'>,
    dependencies: CoordinatorDependencies,
    settings: CoordinatorSettings,
    witnessing: Witnessing | undefined,
  ) {
    this.federation = federation;
    this.mailboxes = mailboxes;
    this.people = people;
    this.dependencies = dependencies;
    const { notes } = dependencies;
    this.notes = notes ?? NO_NOTES;
    this.access = notes && new NotedAccess({ ...dependencies, notes });
    this.policies = policies;
    this.accessControl = new AccessControl(() => policies.authorizer, this.#resources());
    this.settings = settings;
    this.witnessing = witnessing;
    this.#orphans = new OrphanedContent(dependencies.store);
    this.#accepted = new AcceptedUpdates(dependencies.store);
    this.presence = new Presence(dependencies.clock, settings.livenessMs);
    const { clock, random, report, log, parts = memoryPartStore() } = dependencies;
    this.readable = new ReadableContent({
      states: () => [...this.#jobs.values()].map(({ state }) => state),
      stateOf: (jobId) => this.#jobs.get(jobId)?.state,
      ...{ log, witnessing },
    });
    const { accessControl, readable } = this;
    this.nameable = new NameableContent({ accessControl, readable, clock });
    const isWanted = (nodeId: NodeId, request: UploadRequest) => this.#isWanted(nodeId, request);
    this.unnamed = new UnnamedContent(clock, settings, (sha256) => this.readable.has(sha256));
    const isNeeded = (sha256: Sha256) => this.readable.has(sha256) || this.unnamed.counts(sha256);
    this.retention = new Retention({ ...dependencies, isNeeded }, settings.keepUpdatesMs);
    const { salts } = dependencies;
    this.saltRetention =
      salts &&
      new SaltRetention(
        { ...dependencies, notes: this.notes, salts, erasing: () => dependencies.queries?.startAnew() },
        settings.keepSaltsMs,
      );
    const ownerOf = (nodeId: NodeId) => federation.firstKeyOf(nodeId);
    this.uploads = new Uploads({ parts, clock, random, report, isWanted, ownerOf }, settings);
  }

  /** Opens a federation and its jobs; jobs that were under way go on. */
  static async open(
    dependencies: CoordinatorDependencies,
    settings: Partial<CoordinatorSettings> = {},
  ): Promise<Coordinator> {
    const { store, signer, operatorKey, federationId } = dependencies;
    const keys = { coordinator: signer, operator: operatorKey };
    const federation = await Federation.open(store, keys, dependencies, federationId);
    const mailboxes = await Mailboxes.open(store, dependencies.clock);
    const all = { ...DEFAULT_SETTINGS, ...settings };
    const policies = await openPolicies(federation, dependencies, all.policyApprovals);
    const witnessing = await openWitnessing(federation, dependencies, all);
    const people = await People.open(federation, store, dependencies);
    const parts = { mailboxes, policies, people };
    const coordinator = new Coordinator(federation, parts, dependencies, all, witnessing);
    for (const { stream } of await store.streams('job/'))
      await coordinator.#openJob(stream.slice('job/'.length));
    await coordinator.retention.open(coordinator.#jobs.values());
    await coordinator.#sweep();
    await coordinator.saltRetention?.open();
    await coordinator.uploads.open();
    for (const runner of coordinator.#jobs.values()) runner.start();
    await coordinator.dismissRevoked();
    return coordinator;
  }

  job(jobId: JobId): JobRunner {
    const runner = this.#jobs.get(jobId);
    if (!runner) throw new HanseError('jobUnknown', { jobId });
    return runner;
  }

  /** Updates of this node that are in, by jobs that promise privacy and have not ended. Throws what the store throws. */
  acceptedOf(nodeId: NodeId): Promise<Map<JobId, number>> {
    const promising = [...this.#jobs.values()].filter(
      ({ state }) => state.manifest.privacyUnit !== 'none' && !hasEnded(state),
    );
    return this.#accepted.of(
      nodeId,
      promising.map(({ state }) => state.jobId),
    );
  }

  /** All jobs, newest first. */
  jobs(): JobRunner[] {
    return [...this.#jobs.values()]
      .reverse()
      .sort((a, b) => Date.parse(b.state.createdAt) - Date.parse(a.state.createdAt));
  }

  /** A runner under a fresh id, without a job yet. Throws `overloaded` while as many jobs are under way as may. */
  async newJob(): Promise<JobRunner> {
    const underWay = [...this.#jobs.values()].filter(({ exists, state }) => exists && !hasEnded(state));
    if (underWay.length >= MOST_JOBS) throw new HanseError('overloaded');
    const runner = await this.#openJob(`job-${toHex(randomBytes(this.dependencies.random, 8))}`);
    this.#unborn.add(runner);
    return runner;
  }

  /** What this member is asked to do now. */
  tasksFor(member: KnownMember): Task[] {
    const tasks: Task[] = [];
    for (const runner of this.#jobs.values()) {
      const job = runner.state;
      if (hasEnded(job)) continue;
      const task = taskOf(job, member);
      if (task) tasks.push(task);
      if (tasks.length === MOST_TASKS) break;
    }
    return tasks;
  }

  /**
   * Waits until the member has a task, or its organisation a letter that is newer than the one named, for `milliseconds`
   * at most; fewer when the coordinator closes.
   * @param letter number of the newest letter of which the member has been told; absent: letters end no wait
   * @throws `memberRevoked`, `keyRetired` once it is no member any more
   */
  async waitForTasks(
    member: KnownMember,
    milliseconds: number,
    signal: AbortSignal,
    letter = Number.POSITIVE_INFINITY,
  ): Promise<Task[]> {
    const { clock } = this.dependencies;
    const end = clock.now() + Math.min(milliseconds, this.settings.longestWaitMs);
    for (;;) {
      this.federation.requireValid(member.nodeId);
      this.presence.saw(member.nodeId);
      const tasks = this.tasksFor(member);
      const left = end - clock.now();
      const isTold = (this.mailboxes.newest(member.organisationId) ?? 0) <= letter;
      if (tasks.length > 0 || !isTold || left <= 0 || signal.aborted || this.closing.aborted) return tasks;
      await this.presence.wait(member.nodeId, left, signal);
    }
  }

  /**
   * Ends what revoked nodes wait for, and no round waits for them any more. What they had delivered before counts: it
   * was acknowledged. Idempotent, and done again at the start, since a kill may have come between; a round that begins
   * meanwhile looks by itself.
   */
  async dismissRevoked(): Promise<void> {
    const revoked = [...this.federation.members()].filter(({ entry }) => entry.revokedAt !== null);
    for (const { nodeId } of revoked) {
      this.presence.wake(nodeId);
      this.presence.lost(nodeId);
    }
    this.uploads.dropUnwanted();
    await this.people.dismissRevoked();
    await Promise.all([...this.#jobs.values()].map((runner) => runner.dismissRevoked()));
  }

  /** The node has begun anew: jobs that it could not take part in may ask it again. */
  async reconsider(node: NodeId): Promise<void> {
    await Promise.all([...this.#jobs.values()].map((runner) => runner.reconsider(node)));
  }

  liveParticipants(): NodeId[] {
    return this.#withRole('participant').filter((nodeId) => this.presence.isLive(nodeId));
  }

  /** Aborted when the coordinator begins to close: nothing may wait any more. */
  get closing(): AbortSignal {
    return this.#closing.signal;
  }

  /** Ends waiting requests. The HTTP edge refuses new ones as `overloaded`, so that members ask again later. */
  beginClosing(): void {
    this.#closing.abort();
    this.presence.wakeAll();
  }

  /** Ends waiting requests, lets work under way finish, and closes the store. */
  async close(): Promise<void> {
    this.beginClosing();
    await this.access?.close();
    this.uploads.close();
    await Promise.all([...this.#jobs.values(), ...this.#unborn].map((runner) => runner.close()));
    await this.retention.close();
    await this.saltRetention?.close();
    await this.mailboxes.settled();
    await this.dependencies.queries?.close();
    await this.dependencies.store.close();
  }

  /** A member has stored this, and may count on it. Throws what the store throws. */
  async keep(sha256: Sha256): Promise<void> {
    await this.#orphans.stored(sha256, new Date(this.dependencies.clock.now()));
  }

  /** Tidies up. A failure is reported and does not keep the coordinator from starting. */
  async #sweep(): Promise<void> {
    const { blobs, clock, report } = this.dependencies;
    const isOver: IsOver = (jobId, { round, attempt }) => {
      const state = this.#jobs.get(jobId)?.state;
      return state !== undefined && (hasEnded(state) || state.round !== round || state.attempt !== attempt);
    };
    try {
      const count = await this.#orphans.remove(blobs, new Date(clock.now()), isOver);
      const until = new Date(clock.now() - ORPHAN_GRACE_MS).toISOString();
      if (count > 0)
        await this.notes.record({ type: 'retention.enforced', data: { what: 'orphans', count, until } });
    } catch (error) {
      report(error, 'removing content that nothing names');
    }
  }

  async #openJob(jobId: JobId): Promise<JobRunner> {
    const runner = await JobRunner.open(jobId, this.#surroundings(), this.settings);
    const register = () => {
      if (!runner.exists) return;
      this.#unborn.delete(runner);
      this.#jobs.set(jobId, runner);
      this.readable.jobChanged(runner.state);
    };
    register();
    runner.watch(() => {
      register();
      if (runner.exists) this.retention.jobChanged(runner);
      this.uploads.dropUnwanted(jobId);
    });
    return runner;
  }

  /** An update for as long as its round would accept it, other content always: a job that names it may come. */
  #isWanted(node: NodeId, { target, sha256, bytes }: UploadRequest): boolean {
    if (this.federation.member(node)?.entry.revokedAt !== null) return false;
    if (target.type === 'blob') return true;
    const { jobId, signature } = target;
    try {
      refuseEarly(this.job(jobId).state, updateEvent(node, target, { sha256, bytes, signature }));
      return true;
    } catch (error) {
      if (isProblem(error)) return false;
      throw error;
    }
  }

  #surroundings(): JobSurroundings {
    const { store, blobs, clock, random, signer, noiseKey } = this.dependencies;
    const { primitives = platform, report } = this.dependencies;
    const reportSeldom = seldom(report, clock);
    return {
      store,
      blobs,
      clock,
      random,
      signer,
      noiseKey,
      primitives,
      witnessing: this.witnessing,
      federationId: this.federation.id,
      // What fails for want of disk is tried again every second, and would be reported as often.
      report: (error, doing) => {
        if (isProblem(error)) reportSeldom(error.code, error, doing);
        else report(error, doing);
      },
      numbersFor: (job) => cohortNumbers(job, random),
      candidates: () => {
        const participants = this.#valid('participant');
        const live = participants.filter(({ nodeId }) => this.presence.isLive(nodeId));
        const expected = participants.filter(({ nodeId, enrolledAt }) =>
          this.presence.isExpected(nodeId, Date.parse(enrolledAt), this.settings.expectedMs),
        );
        const idsOf = (members: KnownMember[]) => members.map(({ nodeId }) => nodeId);
        return { live: idsOf(live), expected: idsOf(expected) };
      },
      evaluators: () => this.#withRole('evaluator').filter((nodeId) => this.presence.mayBeLive(nodeId)),
      onArrival: (arrived) => this.presence.onArrival(arrived),
      firstKeyOf: (nodeId) => this.federation.firstKeyOf(nodeId),
      revokedAmong: (nodes) =>
        nodes.filter((nodeId) => (this.federation.member(nodeId)?.entry.revokedAt ?? null) !== null),
      wake: (nodes) => {
        for (const nodeId of nodes === 'evaluators' ? this.#withRole('evaluator') : nodes)
          this.presence.wake(nodeId);
      },
    };
  }

  #resources(): Resources {
    const { federation } = this;
    const organisationOf = (nodeId: NodeId) => federation.organisationOf(nodeId);
    return {
      federationId: federation.id,
      organisationOf,
      hasOrganisation: (organisationId) => federation.hasOrganisation(organisationId),
      job: (jobId) => {
        const runner = this.#jobs.get(jobId);
        return runner && jobResource(runner.state, organisationOf);
      },
    };
  }

  #withRole(role: Role): NodeId[] {
    return this.#valid(role).map(({ nodeId }) => nodeId);
  }

  /** Members of this role that are neither revoked nor replaced; with two valid keys, the one that is there. */
  #valid(role: Role): KnownMember[] {
    const members = [...this.federation.members()];
    const successors = successorsOf(members);
    const at = new Date(this.dependencies.clock.now()).toISOString();
    return members.filter(({ nodeId, role: own, entry }) => {
      let isReplaced = false;
      for (let next = successors.get(nodeId); next !== undefined && !isReplaced; next = successors.get(next))
        isReplaced = this.presence.isLive(next);
      return own === role && isValidNode(entry, at) && !isReplaced;
    });
  }
}

function taskOf(job: JobState, { nodeId, role }: KnownMember): Task | undefined {
  const { jobId, manifestSha256, round, attempt } = job;
  const context = { jobId, manifestSha256, round, attempt };
  if (role === 'participant' && isAwaited(job, nodeId)) {
    const secure = job.secure && { secure: job.secure.signed };
    return { type: 'train', ...context, model: job.model, deadline: job.deadline ?? '', ...secure };
  }
  if (role === 'evaluator' && job.phase === 'evaluating' && job.candidate && mayMeasure(job, nodeId))
    return {
      type: 'evaluate',
      ...context,
      model: job.candidate.model,
      deadline: job.candidate.evaluateBy ?? '',
    };
  return undefined;
}

/** From the seed of the experiment where there is one, else from the CSPRNG. */
async function cohortNumbers(job: JobState, random: RandomSource): Promise<RandomNumbers> {
  const { seed } = job.manifest;
  if (seed === undefined) return new RandomNumbers(random);
  const key = await platform.sha256(utf8(`HANSE cohort\0${seed}\0${job.round}\0${job.attempt}`));
  return new RandomNumbers(seededRandom(key));
}
