/**
 * One run of the fuzzer: coordinator, participants and operator of production under virtual time, and the faults of a
 * schedule. One schedule, one run: nothing here depends on real time, on chance, or on how fast the machine is, and all
 * that follows from one step has come to rest before the next.
 */
import { primitives as platform } from '#primitives';
import type { AttemptLog } from '../../client/attempt-journal.ts';
import type { CoordinatorApi } from '../../client/coordinator-api.ts';
import { retryingCoordinator } from '../../client/retrying-coordinator.ts';
import type { SecureParty } from '../../client/secure-party.ts';
import type { Primitives, Signer } from '../../protocol/primitives.ts';
import { HanseError, isProblem } from '../../protocol/problem.ts';
import { attemptParams, type RouteName } from '../../protocol/routes.ts';
import type {
  DiskFault,
  FuzzSchedule,
  JournalFault,
  MessageFault,
  TrainingFault,
} from '../../schemas/fuzz-schedule.ts';
import type { Receipt } from '../../schemas/task.ts';
import type { UploadRequest, UploadState } from '../../schemas/upload.ts';
import type { Coordinator } from '../../server/coordinator.ts';
import type { Handlers } from '../../server/handler-types.ts';
import { createHandlers } from '../../server/handlers.ts';
import type { BlobStore } from '../../server/store/blob-store.ts';
import type { Store } from '../../server/store/store.ts';
import { VirtualClock } from '../virtual-clock.ts';
import { FaultyDisk } from './faulty-disk.ts';
import { FaultyJournal } from './faulty-journal.ts';
import { FaultyNetwork, type Service } from './faulty-network.ts';
import { type Foundation, foundationFor, START_MS } from './foundation.ts';
import { apiFor, openCoordinator } from './fuzz-coordinator.ts';
import { liveAsNode } from './fuzz-node.ts';
import { runJob } from './fuzz-operator.ts';
import { partyFor } from './fuzz-party.ts';
import { KeyedNumbers } from './keyed-numbers.ts';
import { longestMs } from './longest-run.ts';
import { type Life, Machine } from './machine.ts';
import { Referee } from './referee.ts';
import type { Observed } from './secure-witness.ts';
import { symbolicPrimitives, symbolicSigner } from './symbolic-primitives.ts';
import { Violation } from './violation.ts';

export interface Outcome {
  /** The first rule that was broken; absent if all held. */
  readonly violation?: { readonly rule: string; readonly message: string; readonly atMs: number };
  readonly steps: number;
  /** Virtual time from start to end. */
  readonly virtualMs: number;
  /** Updates that were acknowledged. */
  readonly receipts: number;
  /** Attempts that ended without a result. */
  readonly aborted: number;
  readonly released: number;
  /** How often each fault happened in each phase of the job: `<fault>, <phase>`. A moment that never came is none. */
  readonly happened: Readonly<Record<string, number>>;
  /** All records in their order, each in a line: two runs with the same story are the same run. */
  readonly story: readonly string[];
}

/** What stands between the parts of production and the fuzzer: nothing, unless a test plants a mistake there. */
export interface Wrappers {
  store?(store: Store): Store;
  blobs?(blobs: BlobStore): BlobStore;
  handlers?(handlers: Handlers, coordinator: Coordinator): Handlers;
  /** What a process of a node takes part in secure rounds with. */
  party?(party: SecureParty): SecureParty;
  /** What such a process writes down. */
  journal?(log: AttemptLog): AttemptLog;
}

/** A coordinator that cannot start is started again by whoever looks after it. */
const RESTART_MS = 500;
/** More steps than any run takes that gets on. */
const MOST_STEPS = 200_000;
/** What comes late or twice may come after the end. */
const AFTERMATH_MS = 15_000;

export async function runSchedule(schedule: FuzzSchedule, wrappers: Wrappers = {}): Promise<Outcome> {
  const run = new Run(schedule, await foundationFor(schedule.participants), wrappers);
  return run.toEnd();
}

class Run {
  readonly #schedule: FuzzSchedule;
  readonly #foundation: Foundation;
  readonly #wrappers: Wrappers;
  readonly #world = new VirtualClock(START_MS);
  readonly #disk: FaultyDisk;
  readonly #network: FaultyNetwork;
  readonly #referee: Referee;
  readonly #server: Machine;
  readonly #operator: Machine;
  readonly #nodes: readonly Machine[];
  readonly #journals: readonly FaultyJournal[];
  /** Of secure rounds. */
  readonly #primitives: Primitives;
  #service: Service | undefined;
  #coordinator: Coordinator | undefined;
  /** All that there were. */
  readonly #coordinators: Coordinator[] = [];
  readonly #over = new AbortController();
  #isFollowed = false;
  #steps = 0;
  /** What an upload in chunks is for, by its id. */
  readonly #uploads = new Map<string, UploadRequest>();
  /** Present ids of the nodes. */
  readonly #nodeIds: string[];
  /** Nodes that change their key, with how long the old one goes on, until they know that it is done. */
  readonly #changing = new Map<number, number>();
  readonly #revoked = new Set<number>();
  #awakeSince = 0;
  readonly #happened = new Map<string, number>();

  constructor(schedule: FuzzSchedule, foundation: Foundation, wrappers: Wrappers) {
    const { seed, faults, participants, hasEvaluator } = schedule;
    this.#schedule = schedule;
    this.#foundation = foundation;
    this.#wrappers = wrappers;
    const ofDisk = faults.filter((fault): fault is DiskFault => fault.kind === 'disk');
    const ofMessages = faults.filter((fault): fault is MessageFault => fault.kind === 'message');
    this.#disk = new FaultyDisk(
      this.#world,
      seed,
      ofDisk,
      (downMs) => this.#killCoordinator(downMs),
      (fault) => this.#befell(`disk: ${fault.operation} ${fault.what}`),
    );
    const isClockSteady = !faults.some((fault) => fault.kind === 'clock' && fault.of === 'coordinator');
    this.#referee = new Referee(this.#disk, foundation.jobFor(schedule).manifest, isClockSteady);
    this.#network = new FaultyNetwork({
      world: this.#world,
      seed,
      faults: ofMessages,
      service: () => this.#service,
      answered: (name, nodeId, request, response) => {
        this.#answered(name, nodeId, request, response);
      },
      kill: (label, downMs) => {
        const machine = typeof label === 'number' ? this.#nodes[label] : undefined;
        if (machine) this.#kill(label as number, machine, downMs);
      },
      befell: ({ what }, name) => this.#befell(`message: ${name} ${what}`),
      failed: (name, error) => this.#referee.note('nothing fails by itself', `${name}: ${error}`),
    });
    this.#server = new Machine(this.#world);
    this.#operator = new Machine(this.#world);
    const nodes = participants + (hasEvaluator ? 1 : 0);
    this.#nodeIds = foundation.nodeIds.slice(0, nodes);
    this.#nodes = Array.from({ length: nodes }, () => new Machine(this.#world));
    this.#journals = this.#nodes.map((machine, index) => this.#journalOf(machine, index));
    this.#primitives =
      schedule.secure?.primitives === 'symbolic'
        ? symbolicPrimitives(new KeyedNumbers('primitives', seed).source())
        : platform;
  }

  #journalOf(machine: Machine, index: number): FaultyJournal {
    const { seed, faults } = this.#schedule;
    return new FaultyJournal({
      ...{ world: this.#world, seed, index },
      faults: faults.filter((fault): fault is JournalFault => fault.kind === 'journal' && fault.of === index),
      kill: (downMs) => this.#kill(index, machine, downMs),
      befell: ({ what }) => this.#befell(`journal: ${what}`),
    });
  }

  async toEnd(): Promise<Outcome> {
    await this.#foundation.copyInto(this.#disk.store);
    this.#startCoordinator();
    for (const index of this.#nodes.keys()) this.#startNode(index);
    this.#startOperator();
    this.#planFaults();
    try {
      await this.#go();
      return this.#outcome();
    } catch (error) {
      if (!(error instanceof Violation)) throw error;
      const { rule, message } = error;
      return { violation: { rule, message, atMs: this.#elapsed }, ...this.#outcome() };
    } finally {
      this.#letGo();
    }
  }

  /**
   * Nobody does anything any more, and nothing is kept of those who have been killed: a signal that somebody listens to
   * lives, in Node, until it is aborted.
   */
  #letGo(): void {
    for (const machine of [this.#server, this.#operator, ...this.#nodes]) machine.kill();
    this.#over.abort();
    for (const coordinator of this.#coordinators) coordinator.beginClosing();
  }

  get #elapsed(): number {
    return this.#world.now() - START_MS;
  }

  async #go(): Promise<void> {
    const limit = longestMs(this.#schedule);
    let end = Number.POSITIVE_INFINITY;
    while (this.#elapsed < end) {
      const goesOn = await this.#world.step();
      this.#steps += 1;
      const now = this.#world.now();
      const awakeSince = Math.max(this.#awakeSince, this.#server.frozenUntil);
      await this.#referee.look(now, this.#coordinator, now - awakeSince);
      const isOver = this.#isOver;
      if (isOver && end === Number.POSITIVE_INFINITY) end = this.#elapsed + this.#aftermathMs;
      if (!isOver && (!goesOn || this.#elapsed > limit || this.#steps > MOST_STEPS))
        throw new Violation('the job ends', `not after ${this.#elapsed} ms, ${this.#steps} steps`);
    }
    this.#referee.conclude();
  }

  get #aftermathMs(): number {
    const isLate = this.#schedule.faults.some((fault) => fault.kind === 'message' && fault.byMs > 0);
    return isLate ? AFTERMATH_MS : 0;
  }

  #startCoordinator(): void {
    const machine = this.#server;
    const life = machine.start();
    const { store, blobs, parts } = this.#disk.mount(life);
    const opening = openCoordinator({
      seed: this.#schedule.seed,
      life,
      lives: machine.lives,
      foundation: this.#foundation,
      signer: this.#signerOf(this.#foundation.signer),
      primitives: this.#primitives,
      store: this.#wrappers.store?.(store) ?? store,
      blobs: this.#wrappers.blobs?.(blobs) ?? blobs,
      parts,
      report: (error, doing) => {
        if (life.isAlive) this.#referee.reported(error, doing);
      },
    });
    opening.then(
      (coordinator) =>
        life.run(() => {
          const plain = createHandlers(coordinator);
          const handlers = this.#wrappers.handlers?.(plain, coordinator) ?? plain;
          this.#coordinator = coordinator;
          this.#coordinators.push(coordinator);
          this.#awakeSince = this.#world.now();
          this.#service = {
            life,
            apiFor: (nodeId) => apiFor(nodeId, handlers, coordinator, this.#schedule),
          };
        }),
      (error) =>
        life.run(() => {
          this.#referee.reported(error, 'starting the coordinator');
          this.#killCoordinator(RESTART_MS);
        }),
    );
  }

  #killCoordinator(downMs: number): void {
    if (!this.#server.life) return; // it is down already, and will be back
    this.#service = undefined;
    this.#coordinator = undefined;
    this.#server.kill();
    this.#in(downMs, () => this.#startCoordinator());
  }

  #startNode(index: number): void {
    const machine = this.#nodes[index];
    if (!machine) return;
    const { seed, participants, updates } = this.#schedule;
    const life = machine.start();
    const { lives } = machine;
    const ended = (error: unknown) => {
      if (!life.isAlive) return;
      if (this.#revoked.has(index) && isProblem(error, 'memberRevoked')) machine.kill();
      else this.#referee.note('the life of a node goes on', `node ${index}: ${error}`);
    };
    const live = async () => {
      if (this.#changing.has(index)) await this.#changeKey(index, machine, life);
      const nodeId = this.#nodeIds[index] ?? '';
      const process = { index, lives, nodeId };
      const { witness } = this.#referee;
      const party = this.#schedule.secure && this.#partyOf(process, life);
      await liveAsNode({
        seed,
        signal: this.#over.signal,
        role: index < participants ? 'participant' : 'evaluator',
        index,
        lives,
        life,
        api: witness.behind(process, this.#network.connect(index, machine, life, nodeId)),
        made: (task, payload) => witness.made(process, task, payload),
        ...(party && { party }),
        prepared: this.#foundation.prepared,
        updates,
        failure: (round) => this.#failure(index, round, lives),
      });
    };
    live().then(() => ended('it resolved'), ended);
  }

  #partyOf(process: Observed, life: Life): SecureParty {
    const log = (this.#journals[process.index] as FaultyJournal).mount(life);
    const party = partyFor({
      process,
      life,
      seed: this.#schedule.seed,
      foundation: this.#foundation,
      identity: this.#signerOf(this.#foundation.keys.get(process.nodeId) as Signer),
      primitives: this.#referee.witness.watching(this.#primitives),
      log: this.#wrappers.journal?.(log) ?? log,
    });
    return this.#wrappers.party?.(party) ?? party;
  }

  /** The same key, as the primitives of this run have it. */
  #signerOf(real: Signer): Signer {
    return this.#primitives === platform ? real : symbolicSigner(real.publicKey);
  }

  #failure(index: number, round: number, lives: number): HanseError | undefined {
    const failing = this.#schedule.faults.find(
      (fault): fault is TrainingFault =>
        fault.kind === 'training' && fault.of === index && fault.round === round && fault.life === lives,
    );
    if (!failing) return undefined;
    this.#befell(failing.lasts ? 'training: cannot be' : 'training: fails');
    if (!failing.lasts) return new HanseError('trainingDiverged', { what: 'the fuzzer' });
    return new HanseError('dataShapeMismatch', { what: 'the data', expected: 'another', got: 'one' });
  }

  /** Names the next key until that is known to be done; a node that is killed meanwhile begins again with the same. */
  async #changeKey(index: number, machine: Machine, life: Life): Promise<void> {
    const succession = this.#foundation.successions[index];
    if (!succession) return;
    const body = { ...succession.request, overlapSeconds: this.#changing.get(index) ?? 0 };
    const network = this.#network.connect(index, machine, life, this.#nodeIds[index] ?? '');
    try {
      await this.#persistent(network, life, index).call('succeedKey', { body });
    } catch (error) {
      if (!isProblem(error, 'keyRetired')) throw error; // else it was done, and the answer was lost
    }
    this.#changing.delete(index);
    this.#nodeIds[index] = succession.nodeId;
  }

  #revoke(index: number): void {
    const { life } = this.#operator;
    const nodeId = this.#nodeIds[index];
    if (!life || nodeId === undefined) return;
    this.#revoked.add(index);
    const network = this.#network.connect('operator', this.#operator, life, this.#foundation.operatorId);
    const body = { reason: 'a fault of the schedule' };
    this.#persistent(network, life, `revoking ${index}`)
      .call('revokeMember', { params: { nodeId }, body })
      .catch((error: unknown) => this.#referee.note('the operator gets an answer', `revokeMember: ${error}`));
  }

  #persistent(network: CoordinatorApi, { clock }: Life, what: string | number): CoordinatorApi {
    const random = new KeyedNumbers('jitter', this.#schedule.seed, 'membership', what).source();
    return retryingCoordinator(network, { clock, random, firstPauseMs: 200, longestPauseMs: 2000 });
  }

  /** An answer leaves the coordinator. */
  #answered(name: RouteName, nodeId: string, request: unknown, response: unknown): void {
    const { params, body } = request as { readonly params: never; readonly body: never };
    if (name === 'putUpdate' || name === 'putMaskedUpdate')
      this.#referee.acknowledged(nodeId, params, response as Receipt);
    if (name === 'advertiseKeys') this.#referee.heard(nodeId, params, 'keysAdvertised');
    if (name === 'putShares') this.#referee.heard(nodeId, params, 'sharesAccepted');
    if (name === 'putAnswer') this.#referee.heard(nodeId, params, 'answerAccepted');
    if (name === 'revokeMember')
      this.#referee.revoked((params as { readonly nodeId: string }).nodeId, this.#world.now());
    if (name === 'openUpload') this.#uploads.set((response as UploadState).uploadId, body);
    if (name !== 'completeUpload') return;
    const target = this.#uploads.get((params as { readonly uploadId: string }).uploadId)?.target;
    if (target?.type === 'update')
      this.#referee.acknowledged(nodeId, attemptParams(target), response as Receipt);
  }

  #befell(fault: string): void {
    const key = `${fault}, ${this.#referee.phase}`;
    this.#happened.set(key, (this.#happened.get(key) ?? 0) + 1);
  }

  #startOperator(): void {
    const { seed } = this.#schedule;
    const life = this.#operator.start();
    const { operatorId } = this.#foundation;
    runJob({
      seed,
      life,
      api: this.#network.connect('operator', this.#operator, life, operatorId),
      authored: this.#foundation.jobFor(this.#schedule),
      shown: (status) => this.#referee.shown('operator', status),
    }).then(
      () => {
        this.#isFollowed = true;
      },
      (error) =>
        this.#referee.note('the operator gets an answer', isProblem(error) ? error.code : String(error)),
    );
  }

  #planFaults(): void {
    for (const fault of this.#schedule.faults) {
      if (fault.kind === 'membership')
        this.#in(fault.atMs, () => {
          if (this.#isOver) return;
          this.#befell(`membership: ${fault.what}`);
          if (fault.what === 'revoked') this.#revoke(fault.of);
          else this.#beginChange(fault.of, fault.overlapSeconds);
        });
      if (fault.kind === 'clock')
        this.#in(fault.atMs, () => {
          const machine = this.#machine(fault.of);
          if (!machine || this.#isOver) return;
          this.#befell(`clock: ${fault.byMs < 0 ? 'back' : 'forward'}, ${roleOf(fault.of)}`);
          machine.offsetMs += fault.byMs;
        });
      if (fault.kind === 'process')
        this.#in(fault.atMs, () => {
          const machine = this.#machine(fault.of);
          if (!machine || this.#isOver) return;
          this.#befell(`process: ${fault.what}, ${roleOf(fault.of)}`);
          if (fault.what === 'frozen') machine.frozenUntil = this.#world.now() + fault.forMs;
          else this.#kill(fault.of, machine, fault.forMs);
        });
    }
  }

  /** A node that changes its key begins anew, with both. */
  #beginChange(index: number, overlapSeconds: number): void {
    const machine = this.#nodes[index];
    const isDone = this.#nodeIds[index] !== this.#foundation.nodeIds[index];
    if (!machine || isDone || this.#changing.has(index)) return;
    this.#changing.set(index, overlapSeconds);
    if (!machine.life) return; // when it is back
    machine.kill();
    this.#startNode(index);
  }

  get #isOver(): boolean {
    return this.#isFollowed && this.#referee.allEnded;
  }

  /** An operator that was killed is nobody's concern: another one comes, and the job goes on meanwhile. */
  #kill(which: 'coordinator' | 'operator' | number, machine: Machine, downMs: number): void {
    if (which === 'coordinator') this.#killCoordinator(downMs);
    else if (which !== 'operator' && machine.life) {
      machine.kill();
      this.#in(downMs, () => {
        if (!machine.life) this.#startNode(which);
      });
    }
  }

  #machine(which: 'coordinator' | 'operator' | number): Machine | undefined {
    if (which === 'coordinator') return this.#server;
    return which === 'operator' ? this.#operator : this.#nodes[which];
  }

  #in(milliseconds: number, work: () => void): void {
    this.#world.schedule(this.#world.now() + milliseconds, work);
  }

  #outcome(): Omit<Outcome, 'violation'> {
    const endings = [...this.#referee.ledgers.values()].flatMap((ledger) => [...ledger.endings.values()]);
    const released = endings.filter((ending) => ending === 'released').length;
    return {
      steps: this.#steps,
      virtualMs: this.#elapsed,
      receipts: this.#referee.receipts,
      aborted: endings.length - released,
      released,
      happened: Object.fromEntries([...this.#happened].sort(([a], [b]) => (a < b ? -1 : 1))),
      story: this.#disk.journal.map(
        ({ stream, sequence, type, at, data }) =>
          `${stream} ${sequence} ${type} ${at} ${JSON.stringify(data)}`,
      ),
    };
  }
}

function roleOf(machine: 'coordinator' | 'operator' | number): string {
  return typeof machine === 'number' ? 'node' : machine;
}
