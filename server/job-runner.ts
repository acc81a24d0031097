/**
 * The shell around the round reducer: persists its events, carries out its effects. One runner per job.
 *
 * An event is durable before its effects begin. Effects answer with further events; one that has become pointless,
 * because the round went on meanwhile, is refused by the reducer and dropped. What fails for want of disk or memory is
 * tried again until the coordinator closes.
 */
import type { Clock } from '../protocol/clock.ts';
import { cohortMost, drawCohort } from '../protocol/cohort.ts';
import type { Primitives, Signer } from '../protocol/primitives.ts';
import { HanseError, isProblem, type ProblemCode } from '../protocol/problem.ts';
import type { RandomNumbers, RandomSource } from '../protocol/random.ts';
import { awaited, hasEnded, isEvaluated, mayBeDrawn, mayMeasure, pending, step } from '../protocol/round.ts';
import type { Effect, JobState } from '../protocol/round-state.ts';
import { cohortLeast } from '../protocol/secagg/descriptor.ts';
import { isSecure, type SecureJob } from '../protocol/secagg/secure-phases.ts';
import type { Secret } from '../protocol/secret.ts';
import type { NodeId, Sha256 } from '../schemas/ids.ts';
import type { JobPhase } from '../schemas/job.ts';
import type { JobEvent } from '../schemas/job-event.ts';
import { aggregate } from './aggregate.ts';
import { describeAttempt } from './attempt-descriptor.ts';
import { type JobStream, openJobStream } from './job-stream.ts';
import { passGate } from './release-gate.ts';
import { SecureAttemptView } from './secure-attempt-view.ts';
import type { BlobStore } from './store/blob-store.ts';
import type { Store } from './store/store.ts';
import { UpdateSum } from './update-sum.ts';
import type { Witnessing } from './witnessing.ts';

/** What a runner may ask of the coordinator around it. */
export interface JobSurroundings {
  readonly store: Store;
  readonly blobs: BlobStore;
  readonly clock: Clock;
  readonly random: RandomSource;
  /** The coordinator's own key. */
  readonly signer: Signer;
  /** Of noise that is the same after every start: `central-noise.ts`. */
  readonly noiseKey: Secret;
  /** Of secure rounds. */
  readonly primitives: Primitives;
  readonly federationId: string;
  /** For drawing the cohort of this round and attempt. */
  numbersFor(job: JobState): Promise<RandomNumbers>;
  /** Participants that are there now, and others that are likely to show up shortly. */
  candidates(): { readonly live: readonly NodeId[]; readonly expected: readonly NodeId[] };
  /** Evaluators that are there, or may be. */
  evaluators(): readonly NodeId[];
  /** Calls back when a node shows up; returns how to stop that. */
  onArrival(arrived: () => void): () => void;
  wake(nodes: readonly NodeId[] | 'evaluators'): void;
  /** The id that a node had before it changed its key for the first time: the same for all of its keys. */
  firstKeyOf(node: NodeId): NodeId;
  /** Which of these nodes are no members any more. */
  revokedAmong(nodes: readonly NodeId[]): readonly NodeId[];
  /** Of the log that the store is under; absent: there are none, and releases wait for nobody. */
  readonly witnessing?: Pick<Witnessing, 'ask' | 'reach' | 'standing'> | undefined;
  /** Something went wrong that is no problem of a caller. */
  report(error: unknown, doing: string): void;
}

export interface RunnerSettings {
  /** How long a round waits for expected participants once it has its minimum. */
  readonly recruitGraceMs: number;
  /** Pause before an effect that failed is tried again. */
  readonly retryMs: number;
  /** How long a release waits for witnesses before it is told that it is withheld. */
  readonly witnessWaitMs: number;
}

export class JobRunner {
  readonly jobId: string;
  readonly #stream: JobStream;
  readonly #around: JobSurroundings;
  readonly #settings: RunnerSettings;
  #sum: { readonly key: string; readonly value: UpdateSum } | undefined;
  #view: { readonly key: string; readonly value: SecureAttemptView } | undefined;
  /** One opening after the other: each tries whatever has come by then. */
  #opening: Promise<unknown> = Promise.resolve();
  #stopRecruiting: (() => void) | undefined;
  #cancelDeadline: (() => void) | undefined;
  readonly #cancelRetries = new Set<() => void>();
  readonly #effects = new Set<Promise<void>>();
  /** Aborted when nothing may wait any more: the job has ended, or the coordinator closes. */
  readonly #over = new AbortController();
  #closed = false;

  private constructor(jobId: string, stream: JobStream, around: JobSurroundings, settings: RunnerSettings) {
    this.jobId = jobId;
    this.#stream = stream;
    this.#around = around;
    this.#settings = settings;
    stream.onRecovery(() => this.start());
  }

  /** Reads the job from the store; `start` then takes up what it owes. */
  static async open(jobId: string, around: JobSurroundings, settings: RunnerSettings): Promise<JobRunner> {
    const stream = await openJobStream(jobId, around.store, around.clock);
    return new JobRunner(jobId, stream, around, settings);
  }

  /** Throws `jobUnknown` before `jobCreated`. */
  get state(): JobState {
    const job = this.#stream.state;
    if (job === null) throw new HanseError('jobUnknown', { jobId: this.jobId });
    return job;
  }

  get exists(): boolean {
    return this.#stream.state !== null;
  }

  get sequence(): number {
    return this.#stream.sequence;
  }

  watch(changed: () => void): () => void {
    return this.#stream.watch(changed);
  }

  /**
   * Begins a new job. Where its first event failed, the event may be there all the same: it is looked for, at once and
   * then until that is known, so that no job waits for the next start of the coordinator to come to life.
   */
  async create(event: Extract<JobEvent, { type: 'jobCreated' }>): Promise<void> {
    try {
      await this.#stream.command(() => [event]);
    } catch (error) {
      await this.#lookAgain();
      if (!this.exists) throw error;
    }
    this.start();
  }

  /** Never rejects. When the event turns up later, `onRecovery` starts the job. */
  async #lookAgain(): Promise<void> {
    void this.#answer(() => this.#stream.command(() => []).then(() => undefined));
    await Promise.allSettled(this.#effects);
  }

  /**
   * Carries out what the job owes in its present state: after its creation, after a restart, and after events have
   * turned up whose effects nobody has carried out.
   */
  start(): void {
    if (!this.exists) return;
    if (hasEnded(this.state)) this.#end();
    this.#perform(pending(this.state));
  }

  /**
   * Makes an event true, or throws the problem that speaks against it. Resolves when the event is durable; a
   * repetition of what was accepted before resolves too.
   * @param content of an accepted update, where it is at hand: it is added to the sum before the promise resolves
   */
  async dispatch(event: JobEvent, content?: Uint8Array): Promise<void> {
    let effects: readonly Effect[] = [];
    await this.#stream.command((job, at) => {
      const before = job ?? this.state; // the getter throws `jobUnknown`
      const [after, wanted] = step(before, event, at);
      for (const effect of wanted) if (effect.type === 'refuse') throw effect.problem;
      effects = wanted;
      return after === before ? [] : [event];
    });
    if (event.type === 'updateAccepted') this.#sumOf(this.state)?.add(event.node, event.sha256, content);
    this.#forgetView();
    if (hasEnded(this.state)) this.#end();
    this.#perform(effects);
  }

  /** What follows from a secure attempt; kept as long as it is the present one. */
  viewOf(job: SecureJob): SecureAttemptView {
    const key = keyOf(job);
    if (this.#view?.key === key) return this.#view.value;
    const { blobs, signer, primitives } = this.#around;
    const value = new SecureAttemptView(blobs, signer, primitives);
    if (key === keyOf(this.state)) this.#view = { key, value };
    return value;
  }

  /**
   * Those of these nodes that could be of use to the next attempt. Who is in the tree of the round with one key is in it with
   * each that takes its place: SPEC.md 12.11.
   */
  drawable(nodes: readonly NodeId[]): NodeId[] {
    const { state } = this;
    const { firstKeyOf } = this.#around;
    const inTree = new Set([...state.inTree].map(firstKeyOf));
    return nodes.filter(
      (node) => mayBeDrawn(state, node) && !(inTree.size > 0 && inTree.has(firstKeyOf(node))),
    );
  }

  /**
   * The round waits no more for nodes whose membership has ended. Never rejects; resolves when that is so, or has been
   * tried: what fails for want of disk is tried again.
   */
  async dismissRevoked(): Promise<void> {
    if (!this.exists || this.#closed) return;
    const { round, attempt } = this.state;
    const dismiss = (node: NodeId) =>
      this.#answer(async () => {
        if (!awaited(this.state).includes(node)) return undefined;
        return { type: 'taskDeclined', round, attempt, node, code: 'memberRevoked' };
      });
    await Promise.all(this.#around.revokedAmong(awaited(this.state)).map(dismiss));
  }

  /** The node has begun anew: if it could not take part in this job before, it may be asked again. As `dismissRevoked`. */
  async reconsider(node: NodeId): Promise<void> {
    if (!this.exists || this.#closed || !this.state.unsuited.has(node)) return;
    await this.#answer(async () =>
      this.state.unsuited.has(node) ? { type: 'nodeReported', node } : undefined,
    );
  }

  /** Lets effects that are under way end; nothing new begins. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#end();
    await this.#stream.settled();
    await Promise.allSettled(this.#effects);
    await this.#stream.settled();
  }

  #perform(effects: readonly Effect[]): void {
    for (const effect of effects) {
      if (this.#closed) return;
      switch (effect.type) {
        case 'selectCohort':
          this.#recruit(effect.round, effect.attempt);
          break;
        case 'announce':
          this.#around.wake(effect.nodes);
          // A membership that ended while the cohort was drawn has found no round that waited for the node.
          if (effect.nodes !== 'evaluators') void this.dismissRevoked();
          break;
        case 'setDeadline': {
          const { round, attempt, phase, at } = effect;
          this.#cancelDeadline?.();
          this.#cancelDeadline = this.#around.clock.schedule(Date.parse(at), () =>
            this.#answer(async () => ({ type: 'deadlinePassed', round, attempt, phase })),
          );
          break;
        }
        case 'seekEvaluator': {
          const { round, attempt } = effect;
          if (!this.#hasEvaluator())
            void this.#answer(async () => ({ type: 'evaluationGivenUp', round, attempt }));
          break;
        }
        case 'openSecrets':
          void this.#answer(() => this.#openInTurn(effect.round, effect.attempt));
          break;
        case 'aggregate':
          void this.#answer(() => this.#aggregate(effect.round, effect.attempt));
          break;
        case 'release': {
          const { round, attempt, model } = effect;
          void this.#answer(() => this.#release(round, attempt, model));
          break;
        }
        case 'refuse':
          break;
        default:
          effect satisfies never;
      }
    }
  }

  /** Dispatches the event that an effect leads to; again and again while the storage fails. */
  #answer(produce: () => Promise<JobEvent | undefined>): Promise<void> {
    const work = (async () => {
      try {
        const event = await produce();
        if (event) await this.dispatch(event);
      } catch (error) {
        if (isProblem(error) && STALE.has(error.code)) return;
        this.#around.report(error, `job ${this.jobId}`);
        this.#later(() => void this.#answer(produce));
      }
    })();
    this.#effects.add(work);
    return work.then(() => void this.#effects.delete(work));
  }

  #later(work: () => void): void {
    if (this.#closed || (this.exists && hasEnded(this.state))) return;
    const { clock } = this.#around;
    const cancel = clock.schedule(clock.now() + this.#settings.retryMs, () => {
      this.#cancelRetries.delete(cancel);
      work();
    });
    this.#cancelRetries.add(cancel);
  }

  /** Waits for enough participants, a little for all that are expected, then draws the cohort. */
  #recruit(round: number, attempt: number): void {
    this.#stopRecruiting?.();
    const { clock } = this.#around;
    const minimum = cohortLeast(this.state.manifest);
    const most = cohortMost(this.state.manifest.cohort);
    let isPatient = true;
    const consider = () => {
      const { live, expected } = this.#candidates();
      const wanted = isPatient ? Math.min(most, Math.max(minimum, live.length + expected.length)) : minimum;
      if (live.length < wanted) return;
      stop();
      void this.#answer(() => this.#draw(round, attempt));
    };
    const stopListening = this.#around.onArrival(consider);
    const cancelGrace = clock.schedule(clock.now() + this.#settings.recruitGraceMs, () => {
      isPatient = false;
      consider();
    });
    const stop = () => {
      stopListening();
      cancelGrace();
      if (this.#stopRecruiting === stop) this.#stopRecruiting = undefined;
    };
    this.#stopRecruiting = stop;
    consider();
  }

  #hasEvaluator(): boolean {
    return this.#around.evaluators().some((node) => mayMeasure(this.state, node));
  }

  /** Without those who have said that they cannot take part in this job, and those that are in the tree of the round. */
  #candidates(): ReturnType<JobSurroundings['candidates']> {
    const { live, expected } = this.#around.candidates();
    return { live: this.drawable(live), expected: this.drawable(expected) };
  }

  /** From those who are live now: a draw that is tried again may come much later than the first. */
  async #draw(round: number, attempt: number): Promise<JobEvent | undefined> {
    const job = this.state;
    const { manifest } = job;
    const { live } = this.#candidates();
    if (live.length < cohortLeast(manifest)) {
      const isWanted = job.phase === 'recruiting' && job.round === round && job.attempt === attempt;
      if (isWanted && !this.#closed) this.#recruit(round, attempt);
      return undefined;
    }
    const cohort = drawCohort(live, cohortMost(manifest.cohort), await this.#around.numbersFor(job));
    if (manifest.aggregation === 'secure') {
      const secure = await describeAttempt(job, this.#around);
      const { collecting: deadline } = secure.descriptor.deadlines;
      return { type: 'cohortSelected', round, attempt, cohort, deadline, secure };
    }
    const deadline = this.#inSeconds(manifest.deadlines.collectSeconds);
    return { type: 'cohortSelected', round, attempt, cohort, deadline };
  }

  #openInTurn(round: number, attempt: number): Promise<JobEvent | undefined> {
    const turn = this.#opening.then(() => this.#open(round, attempt));
    this.#opening = turn.catch(() => {});
    return turn;
  }

  /** Where the answers do not suffice, the next one is waited for, if one is to come. */
  async #open(round: number, attempt: number): Promise<JobEvent | undefined> {
    const job = this.state;
    const isWanted = job.phase === 'unmasking' && job.round === round && job.attempt === attempt;
    if (!isWanted || !isSecure(job)) return undefined;
    const answers = [...job.secure.answers.keys()];
    try {
      const { revealed, faulty } = await this.viewOf(job).open(job, answers);
      for (const secret of revealed) secret.fill(0);
      const { parties } = await this.viewOf(job).roster(job);
      const faultyNodes = parties.filter(({ index }) => faulty.has(index)).map(({ nodeId }) => nodeId);
      return { type: 'secretsOpened', round, attempt, answers, faulty: faultyNodes };
    } catch (error) {
      if (!isProblem(error, 'unmaskingFailed')) throw error;
      const { state } = this;
      const hasMore = isSecure(state) && state.secure.answers.size > answers.length;
      if (hasMore || awaited(state).length > 0) return undefined;
      this.#around.report(error, `job ${this.jobId}, round ${round}`);
      return { type: 'aggregationFailed', round, attempt, code: error.code };
    }
  }

  async #aggregate(round: number, attempt: number): Promise<JobEvent | undefined> {
    const job = this.state;
    const sum = this.#sumOf(job);
    if (job.phase !== 'aggregating' || !sum) return undefined;
    try {
      const { blobs, signer, primitives, noiseKey } = this.#around;
      const secure = isSecure(job) ? { job, view: this.viewOf(job), signer } : undefined;
      const noise = { primitives, noiseKey, random: this.#around.random };
      const result = await aggregate(job, sum, blobs, noise, secure);
      const wantsEvaluation = isEvaluated(job.manifest, round) && this.#hasEvaluator();
      const evaluateBy = wantsEvaluation ? this.#inSeconds(job.manifest.deadlines.evaluateSeconds) : null;
      return { type: 'aggregated', round, attempt, ...result, evaluateBy };
    } catch (error) {
      if (!isProblem(error) || !VOID.has(error.code)) throw error;
      this.#around.report(error, `job ${this.jobId}, round ${round}`);
      return { type: 'aggregationFailed', round, attempt, code: error.code };
    }
  }

  /** Once enough witnesses have seen what the round has come to; if that takes long, the log tells so meanwhile. */
  async #release(round: number, attempt: number, model: Sha256): Promise<JobEvent | undefined> {
    const { witnessing, report } = this.#around;
    const withhold = async (cosigned: number, needed: number) => {
      if (this.state.isWithheld) return;
      report(
        new HanseError('aggregatedUnreleased', { cosigned, needed }),
        `job ${this.jobId}, round ${round}`,
      );
      await this.dispatch({ type: 'releaseWithheld', round, attempt, cosigned, needed });
    };
    const { witnessWaitMs: waitMs } = this.#settings;
    const mayHappen = await passGate({ witnessing, waitMs, over: this.#over.signal, withhold });
    return mayHappen ? { type: 'released', round, attempt, model } : undefined;
  }

  /** The running sum of the present attempt. */
  #sumOf(job: JobState): UpdateSum | undefined {
    if (!SUMMING.has(job.phase)) return undefined;
    const key = keyOf(job);
    if (this.#sum?.key !== key) {
      const memory = this.#sum?.value.retire();
      this.#sum = { key, value: new UpdateSum(this.#around.blobs, job.manifest, memory) };
    }
    return this.#sum.value;
  }

  #forgetView(): void {
    const { state } = this;
    if (this.#view && this.#view.key !== keyOf(state)) this.#view = undefined;
    if (state.phase === 'evaluating' || state.phase === 'releasing') this.#view?.value.wipe();
  }

  #end(): void {
    if (this.exists && hasEnded(this.state)) this.#around.witnessing?.ask();
    this.#over.abort();
    this.#rest();
  }

  #rest(): void {
    this.#stopRecruiting?.();
    this.#cancelDeadline?.();
    for (const cancel of this.#cancelRetries) cancel();
    this.#cancelRetries.clear();
    this.#sum = undefined;
    this.#view?.value.wipe();
    this.#view = undefined;
  }

  #inSeconds(seconds: number): string {
    return new Date(this.#around.clock.now() + seconds * 1000).toISOString();
  }
}

/** From the first update of an attempt until its sum is opened. */
const SUMMING: ReadonlySet<JobPhase> = new Set<JobPhase>([
  'collecting',
  'consenting',
  'unmasking',
  'aggregating',
]);

function keyOf({ round, attempt }: JobState): string {
  return `${round}/${attempt}`;
}

/** An answer refused with one of these came too late to matter. */
const STALE: ReadonlySet<ProblemCode> = new Set<ProblemCode>([
  'jobEnded',
  'messageLate',
  // Dismissed while its update was being written.
  'messageConflict',
  'messageOutOfOrder',
  'roundUnknown',
  'jobUnknown',
]);

/**
 * What is stored is at fault - an update, the model that the cohort started from, or the state of the strategy - or
 * what follows from it: trying again would give the same. With a damaged model the further attempts come to nothing
 * too, since no node can fetch it, so that the job ends soon and says why.
 */
const VOID: ReadonlySet<ProblemCode> = new Set<ProblemCode>([
  'aggregateInvalid',
  'ringOverflow',
  'blobUnknown',
  'storageCorrupt',
  'invalidLength',
  'updateMalformed',
  'unmaskingFailed',
]);
