/**
 * What a node says of itself to its coordinator: provider, data sets, memory, and how fast its steps were. SPEC.md 8.2.
 *
 * It says so when it begins, and again when a training has measured something new: one step of a job that was not timed
 * before, or that takes another time by half. Rounds do not depend on it, so a report that fails is given up.
 */
import { isProblem } from '../protocol/problem.ts';
import { SOFTWARE } from '../protocol/versions.ts';
import type { JobId } from '../schemas/ids.ts';
import type { Capabilities } from '../schemas/member.ts';
import type { LedgerReport } from '../schemas/privacy-ledger.ts';
import type { CoordinatorApi } from './coordinator-api.ts';
import type { DataSet } from './data/data-set.ts';
import type { ExecutionProvider } from './engine/provider.ts';
import type { NodeLedger } from './node-ledger.ts';

export interface CapabilityOptions {
  readonly api: CoordinatorApi;
  readonly provider: Pick<ExecutionProvider, 'name' | 'reason'>;
  readonly dataSets: readonly DataSet[];
  /** That a train step may take; absent: nobody said. */
  readonly memoryBytes?: number;
  /** Absent: nothing is measured. */
  readonly ledger?: Pick<NodeLedger, 'millisecondsPerStep'>;
  /** Present where the node witnesses the log. */
  readonly witness?: object;
  /** Tells of the privacy ledger; absent: there is none. */
  readonly privacy?: { report(): Promise<LedgerReport | undefined> };
}

/** Jobs whose step time is reported; those that were timed longest ago are left out first. */
const JOBS = 16;
/** The most that the form has room for. */
const LONGEST_STEP_MS = 1e9;
/** A step time is told again once it has changed by this factor. */
const CHANGE = 1.5;

export class CapabilityReport {
  readonly #options: CapabilityOptions;
  readonly #told = new Map<JobId, number>();
  #isNew = false;
  #isWitness: boolean;
  #sending: Promise<void> | undefined;

  constructor(options: CapabilityOptions) {
    this.#options = options;
    this.#isWitness = options.witness !== undefined;
  }

  /** Throws what `api` throws, and what the privacy ledger does. */
  async send(signal: AbortSignal): Promise<void> {
    const { privacy } = this.#options;
    const ledger = privacy ? await privacy.report() : undefined;
    const body = { ...this.#body(), ...(ledger && { ledger }) };
    await this.#options.api.call('reportCapabilities', { body }, { signal });
  }

  /** The node leaves for good: nobody is to count on it as a witness. A report that fails is given up. */
  async resign(signal: AbortSignal): Promise<void> {
    this.#isWitness = false;
    try {
      await this.send(signal);
    } catch (error) {
      if (!isProblem(error)) throw error;
    }
  }

  /**
   * To be called after a training of this job. No task should wait for it: a coordinator takes only so many changes of a
   * node, and who has many short jobs may have to wait a quarter of an hour. What was measured meanwhile goes along.
   * @returns once nothing new is left to be told; rejects with bugs, and with `ledgerForked`
   */
  measured(jobId: JobId, signal: AbortSignal): Promise<void> {
    if (this.#notes(jobId)) this.#isNew = true;
    if (this.#isNew) this.#sending ??= this.#sendNews(signal);
    return this.settled();
  }

  /** Resolves when no report of a measurement is under way. */
  async settled(): Promise<void> {
    await this.#sending;
  }

  /** Whether it takes a time that is worth telling. */
  #notes(jobId: JobId): boolean {
    const got = this.#options.ledger?.millisecondsPerStep(jobId);
    if (got === undefined || !(got > 0)) return false;
    const told = this.#told.get(jobId);
    if (told !== undefined && got < told * CHANGE && got > told / CHANGE) return false;
    this.#told.delete(jobId);
    this.#told.set(jobId, got);
    const [oldest] = this.#told.keys();
    if (this.#told.size > JOBS && oldest !== undefined) this.#told.delete(oldest);
    return true;
  }

  async #sendNews(signal: AbortSignal): Promise<void> {
    try {
      while (this.#isNew && !signal.aborted) {
        this.#isNew = false;
        await this.send(signal);
      }
    } catch (error) {
      if ((!isProblem(error) || isProblem(error, 'ledgerForked')) && !signal.aborted) throw error;
    } finally {
      this.#sending = undefined;
    }
  }

  #body(): Capabilities {
    const { provider, dataSets, memoryBytes } = this.#options;
    const steps = [...this.#told].map(([jobId, milliseconds]) => ({
      jobId,
      milliseconds: Math.min(Number(milliseconds.toPrecision(2)), LONGEST_STEP_MS),
    }));
    return {
      software: SOFTWARE,
      provider: provider.name,
      providerReason: printable(provider.reason, 200),
      ...(memoryBytes !== undefined && { memoryBytes }),
      ...(this.#options.witness && { witness: this.#isWitness }),
      ...(steps.length > 0 && { steps }),
      dataSets: dataSets.map(({ examples: { name, inputShape }, version, terms }) => ({
        name: printable(name, 80),
        version,
        ...(terms && { terms }),
        inputShape: [...inputShape],
      })),
    };
  }
}

/** At most `length` characters, with a space for what nobody can read, half a character that was cut included. */
function printable(text: string, length: number): string {
  return text.slice(0, length).replace(/\p{C}/gu, ' ') || '-';
}
