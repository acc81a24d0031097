/**
 * The part of the life of a node in which it witnesses the log of its coordinator: it asks for checkpoints, whatever else it does, and
 * cosigns those that go on from the one before. SPEC.md 13.13.
 *
 * A log that contradicts itself ends it, as a directory that does: nothing is given any more to a coordinator that shows different
 * histories to different members, or has lost a part of its own.
 */
import { toBase64, utf8 } from '../protocol/bytes.ts';
import { type Clock, pause } from '../protocol/clock.ts';
import { HanseError, isProblem, type ProblemCode } from '../protocol/problem.ts';
import type { CoordinatorApi } from './coordinator-api.ts';
import type { EvidenceStore } from './evidence-file.ts';
import type { Cosignature, LogWitness } from './log-witness.ts';
import { unlessAborted } from './unless-aborted.ts';

export type WitnessEvent =
  /** @property size of the log, in entries */
  | { readonly type: 'cosigned'; readonly size: number }
  | { readonly type: 'notCosigned'; readonly problem: HanseError }
  /** `logForked`, with both checkpoints; or `logSilent`. */
  | { readonly type: 'logAlarm'; readonly problem: HanseError };

export interface WitnessDutyOptions {
  /** Repeats what fails for a while. */
  readonly api: CoordinatorApi;
  readonly witness: Pick<LogWitness, 'witness'>;
  readonly evidence: EvidenceStore;
  readonly clock: Clock;
  observe(event: WitnessEvent): void;
}

/** How long a request for a checkpoint may be held by the coordinator. */
const WAIT_SECONDS = 25;
/** Before another question, after one that came to nothing; longer each time, up to a minute. */
const PAUSE_MS = 1000;
const LONGEST_PAUSE_MS = 60_000;
/** How long it is tried to tell the coordinator of its own fork: it may rather not hear of it. */
const TELL_MS = 10_000;
/** The log of a federation that works grows, and is shown at least so often. */
const SILENCE_MS = 1_800_000;
const LISTEN_MS = 60_000;

/** These end a membership, and with it the life of the node elsewhere. */
const ENDING: ReadonlySet<ProblemCode> = new Set(['memberRevoked', 'keyRetired', 'memberUnknown']);

export class WitnessDuty {
  readonly #options: WitnessDutyOptions;
  #shownAt: number;
  /** When something was delivered that the log has to tell of, since a checkpoint was shown. */
  #deliveredAt: number | undefined;
  #isTold = false;
  /** Until the coordinator says otherwise: who does not answer has not. */
  #isWitness = true;
  /** Of the largest checkpoint that was cosigned, in entries. */
  #size = -1;

  constructor(options: WitnessDutyOptions) {
    this.#options = options;
    this.#shownAt = options.clock.now();
  }

  /** The node has delivered something that the log has to tell of. */
  delivered(): void {
    this.#deliveredAt ??= this.#options.clock.now();
  }

  /**
   * Resolves when the signal aborts, and where the coordinator has no log or the node is no member any more.
   * @throws logForked, with both checkpoints as evidence, once it was tried to keep them and to tell others
   */
  async keep(signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    let cancel = () => {};
    // Whatever is asked meanwhile, and whether or not it is ever answered.
    const listen = () => {
      this.#listen();
      cancel = clock.schedule(clock.now() + LISTEN_MS, listen);
    };
    listen();
    try {
      await this.#ask(signal);
    } finally {
      cancel();
    }
  }

  async #ask(signal: AbortSignal): Promise<void> {
    const { api, clock, observe } = this.#options;
    let failures = 0;
    let told: ProblemCode | undefined;
    while (!signal.aborted) {
      const askedAt = clock.now();
      try {
        const query = { wait: String(WAIT_SECONDS) };
        const { isWitness, checkpoint } = await api.call('getWitnessCheckpoint', { query }, { signal });
        this.#isWitness = isWitness;
        if (checkpoint !== undefined) await this.#cosign(checkpoint, signal);
        else if (clock.now() - askedAt < PAUSE_MS) await pause(clock, PAUSE_MS, signal);
        failures = 0;
        told = undefined;
      } catch (error) {
        if (signal.aborted) return;
        if (!isProblem(error) || isProblem(error, 'logForked')) throw error;
        if (isProblem(error, 'routeUnknown') || ENDING.has(error.code)) return;
        if (told !== error.code) observe({ type: 'notCosigned', problem: error });
        told = error.code;
        await pause(clock, Math.min(PAUSE_MS * 2 ** failures, LONGEST_PAUSE_MS), signal);
        failures += 1;
      }
    }
  }

  async #cosign(checkpoint: string, signal: AbortSignal): Promise<void> {
    const { api, clock, observe } = this.#options;
    const { size, line } = await this.#witness(checkpoint, signal);
    const isNew = this.#heard(size);
    try {
      await api.call('putCosignature', { body: { line: line.trimEnd() } }, { signal });
      observe({ type: 'cosigned', size });
      // A coordinator that asks for the same again and again is not answered as fast as it asks.
      if (!isNew) await pause(clock, PAUSE_MS, signal);
    } catch (error) {
      // Another one is to be cosigned meanwhile.
      if (!isProblem(error, 'noteUnsigned')) throw error;
      await pause(clock, PAUSE_MS, signal);
    }
  }

  /** A tile that was garbled on its way is no evidence: what does not fit is looked at twice. */
  async #witness(checkpoint: string, signal: AbortSignal): Promise<Cosignature> {
    const { witness } = this.#options;
    // Whoever serves the tiles may do so for ever: nobody waits for that to leave.
    const look = () => unlessAborted(witness.witness(checkpoint, signal), signal);
    try {
      return await look();
    } catch (error) {
      if (!isProblem(error, 'logForked')) throw error;
    }
    try {
      return await look();
    } catch (error) {
      if (isProblem(error, 'logForked')) await this.#accuse(error, signal);
      throw error;
    }
  }

  /** Whatever becomes of it, the duty ends afterwards: neither a full disk nor a coordinator that does not answer puts that off. */
  async #accuse(problem: HanseError<'logForked'>, signal: AbortSignal): Promise<void> {
    const { evidence, observe } = this.#options;
    observe({ type: 'logAlarm', problem });
    const both = [...problem.detail.evidence];
    try {
      await evidence.keep(both);
    } catch (error) {
      if (!isProblem(error)) throw error;
      observe({ type: 'notCosigned', problem: error });
    }
    await this.#tell(both, signal);
  }

  async #tell(evidence: readonly string[], signal: AbortSignal): Promise<void> {
    const { api, clock } = this.#options;
    const enough = new AbortController();
    const cancel = clock.schedule(clock.now() + TELL_MS, () => enough.abort());
    const ended = AbortSignal.any([signal, enough.signal]);
    const body = { evidence: evidence.map((note) => toBase64(utf8(note))) };
    try {
      await unlessAborted(api.call('putWitnessEvidence', { body }, { signal: ended }), ended);
    } catch (error) {
      if (!isProblem(error) && !ended.aborted) throw error; // it is kept, whatever the coordinator says of it
    } finally {
      cancel();
    }
  }

  /** One that was shown before tells of nothing that was delivered since. */
  #heard(size: number): boolean {
    if (size <= this.#size) return false;
    this.#size = size;
    this.#shownAt = this.#options.clock.now();
    this.#deliveredAt = undefined;
    this.#isTold = false;
    return true;
  }

  #listen(): void {
    const { clock, observe } = this.#options;
    const since = Math.max(this.#shownAt, this.#deliveredAt ?? Number.POSITIVE_INFINITY);
    if (!this.#isWitness || this.#isTold || clock.now() - since < SILENCE_MS) return;
    this.#isTold = true;
    observe({
      type: 'logAlarm',
      problem: new HanseError('logSilent', { since: new Date(since).toISOString() }),
    });
  }
}
