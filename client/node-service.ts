/**
 * What makes a participant a service: its owner's policy, a memory over restarts, and an ear for `hanse node` and
 * `hanse inspect`. Node only.
 */
import type { Clock } from '../protocol/clock.ts';
import type { Directory } from '../schemas/directory.ts';
import type { CostLimits, NodePolicy } from '../schemas/node-policy.ts';
import type { ControlRequest, NodeState, NodeStatus } from '../schemas/node-status.ts';
import { serveControl } from './control-socket.ts';
import type { EgressWatch } from './egress-watch.ts';
import type { Identity } from './identity.ts';
import { NodeJournal } from './node-journal.ts';
import { NodeLedger } from './node-ledger.ts';
import { nodeStateFile } from './node-state-file.ts';
import type { ParticipantEvent } from './participant-event.ts';
import { PolicyGate } from './policy-gate.ts';

export interface NodeServiceOptions {
  /** Locked. */
  readonly identityFile: string;
  readonly identity: Identity;
  readonly policy: NodePolicy;
  readonly limits: CostLimits;
  readonly clock: Clock;
  readonly directory: () => Directory | undefined;
  /** Outlives the service where a node goes on with another key. */
  readonly egress: EgressWatch;
  /** Something that the owner should know and that ends nothing. */
  note(line: string): void;
}

/** What was spent is on disk so soon after, and at the end. */
const SAVE_MS = 5000;

export class NodeService {
  readonly gate: PolicyGate;
  readonly ledger: NodeLedger;
  /** Aborted when the owner wants the node to leave. */
  readonly leaving: AbortSignal;
  readonly #options: NodeServiceOptions;
  readonly #journal: NodeJournal;
  readonly #startedAt: string;
  readonly #leaving = new AbortController();
  readonly #file;
  #close: () => Promise<void> = async () => {};
  #cancelSave: (() => void) | undefined;
  #saving: Promise<void> = Promise.resolve();

  private constructor(options: NodeServiceOptions, state: NodeState) {
    const { policy, limits, clock, directory, identityFile } = options;
    this.#options = options;
    this.#file = nodeStateFile(identityFile);
    this.#journal = new NodeJournal(clock.now());
    this.#startedAt = new Date(clock.now()).toISOString();
    this.ledger = new NodeLedger(state.jobs, () => this.#saveSoon());
    this.gate = new PolicyGate({ policy, limits, clock, ledger: this.ledger, directory }, state.paused);
    this.leaving = this.#leaving.signal;
  }

  /** Throws `storageCorrupt`. */
  static async open(options: NodeServiceOptions): Promise<NodeService> {
    const service = new NodeService(options, await nodeStateFile(options.identityFile).read());
    try {
      const control = await serveControl(options.identityFile, (request) => service.#answer(request));
      service.#close = () => control.close();
    } catch (error) {
      options.note(`hanse node cannot reach this node: ${(error as Error).message}`);
    }
    return service;
  }

  observe(event: ParticipantEvent): void {
    this.#journal.observe(event, this.#options.clock.now());
    this.#options.egress.observe(event);
  }

  /** A request had to be repeated. */
  repeated(what: string): void {
    this.#journal.troubled(what, this.#options.clock.now());
  }

  status(): NodeStatus {
    const { identity, clock } = this.#options;
    const { nodeId, name, role, server } = identity;
    const situation = this.#journal.situation(this.ledger.toJSON(), clock.now());
    return { nodeId, name, role, server, pid: process.pid, startedAt: this.#startedAt, ...situation };
  }

  /** Writes what was spent, and listens no longer. */
  async close(): Promise<void> {
    await this.#close();
    this.#cancelSave?.();
    await this.#save().catch((error: unknown) => this.#options.note(`${(error as Error).message}`));
  }

  async #answer({ command }: ControlRequest): Promise<object> {
    switch (command) {
      case 'status':
        break;
      case 'pause':
      case 'resume':
        this.gate.setPaused(command === 'pause');
        await this.#save();
        break;
      case 'leave':
        this.#journal.leaving(this.#options.clock.now());
        this.#leaving.abort();
        break;
      case 'inspect':
        return this.#options.egress.ask();
      default:
        command satisfies never;
    }
    return this.status();
  }

  #saveSoon(): void {
    const { clock, note } = this.#options;
    this.#cancelSave ??= clock.schedule(clock.now() + SAVE_MS, () => {
      this.#save().catch((error: unknown) => note(`${(error as Error).message}`));
    });
  }

  /** One after the other, each with what is true then. */
  #save(): Promise<void> {
    this.#cancelSave?.();
    this.#cancelSave = undefined;
    const write = async () =>
      this.#file.write({ version: 1, paused: this.gate.isPaused, jobs: this.ledger.toJSON() });
    this.#saving = this.#saving.then(write, write);
    return this.#saving;
  }
}
