/**
 * Who has fetched which model, for the audit log: before a byte of it is sent, once for each member and model. SPEC.md 13.11.
 *
 * An entry has all members who have asked since the one before it, and there are 50 ms between two: a federation that fetches a model
 * at once leaves a few entries, and one that does so one after the other no more than it has members. Whoever asks first waits for
 * nobody.
 */
import { type Clock, pause } from '../protocol/clock.ts';
import type { JobId, NodeId, Sha256 } from '../schemas/ids.ts';
import type { AuditNotes } from './audit-notes.ts';

/** From one entry to the next. */
const PAUSE_MS = 50;

/** Members and models that are remembered; of older ones an entry comes again. */
const MOST_KNOWN = 50_000;

/** A model as a job has it. */
export interface JobModel {
  readonly jobId: JobId;
  /** Which has come to it; 0: the job begins with it. */
  readonly round: number;
  readonly model: Sha256;
}

interface Waiting {
  readonly of: JobModel;
  readonly member: NodeId;
  readonly resolve: () => void;
  readonly reject: (problem: unknown) => void;
}

export class ModelDownloads {
  readonly #notes: AuditNotes;
  readonly #clock: Clock;
  readonly #mostKnown: number;
  /** In the log, oldest first. */
  readonly #known = new Set<string>();
  readonly #pending = new Map<string, Promise<void>>();
  #waiting: Waiting[] = [];
  #isWorking = false;
  /** When entries were begun last. */
  #lastAt = Number.NEGATIVE_INFINITY;

  constructor(notes: AuditNotes, clock: Clock, mostKnown = MOST_KNOWN) {
    this.#notes = notes;
    this.#clock = clock;
    this.#mostKnown = mostKnown;
  }

  /** Resolves once the log tells of it. @throws what `AuditNotes.record` throws; whoever asks again tries again */
  note(of: JobModel, member: NodeId): Promise<void> {
    const key = `${of.model} ${member}`;
    if (this.#known.has(key)) return Promise.resolve();
    const pending = this.#pending.get(key);
    if (pending) return pending;
    const noted = new Promise<void>((resolve, reject) => {
      this.#waiting.push({ of, member, resolve, reject });
      void this.#work();
    }).finally(() => this.#pending.delete(key));
    this.#pending.set(key, noted);
    return noted.then(() => this.#remember(key));
  }

  #remember(key: string): void {
    this.#known.add(key);
    if (this.#known.size <= this.#mostKnown) return;
    for (const oldest of this.#known) {
      this.#known.delete(oldest);
      return;
    }
  }

  async #work(): Promise<void> {
    if (this.#isWorking) return;
    this.#isWorking = true;
    // What is asked together goes together.
    await Promise.resolve();
    while (this.#waiting.length > 0) {
      // A clock that was set back makes nobody wait longer.
      const since = Math.max(0, this.#clock.now() - this.#lastAt);
      if (since < PAUSE_MS) await pause(this.#clock, PAUSE_MS - since);
      this.#lastAt = this.#clock.now();
      const byModel = new Map<Sha256, Waiting[]>();
      for (const one of this.#waiting.splice(0)) {
        const together = byModel.get(one.of.model);
        if (together) together.push(one);
        else byModel.set(one.of.model, [one]);
      }
      await Promise.all([...byModel.values()].map((together) => this.#record(together)));
    }
    this.#isWorking = false;
  }

  /** Never rejects. @param together of one model */
  async #record(together: readonly Waiting[]): Promise<void> {
    const [{ of } = { of: undefined }] = together;
    if (!of) return;
    const { jobId, round, model } = of;
    try {
      const members = together.map(({ member }) => member).toSorted();
      await this.#notes.record({
        type: 'model.downloaded',
        subject: `urn:hanse:model:${model}`,
        data: {
          ...{ jobId, round, model, count: members.length },
          prov: { activity: `urn:hanse:download:${jobId}/${round}`, used: [`urn:hanse:model:${model}`] },
        },
        hidden: { members },
      });
      for (const { resolve } of together) resolve();
    } catch (error) {
      for (const { reject } of together) reject(error);
    }
  }
}
