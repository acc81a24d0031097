/**
 * Which attempts of secure rounds a node has spent, over restarts: it begins none twice, goes back to none, helps to open
 * no second sum over one model, and gives one answer in each. SPEC.md 11.9.
 *
 * Two answers for different survivors would open both secrets of somebody; two sums over one model with different
 * survivors differ by an update. So each is written down, durably, before the first byte that depends on it leaves.
 */
import { equalBytes, fromBase64, toBase64, toHex } from '../protocol/bytes.ts';
import { HanseError } from '../protocol/problem.ts';
import type { JobAttempts } from '../schemas/attempts.ts';
import type { TrainTask } from '../schemas/task.ts';

/** Where it is written down, by job. */
export interface AttemptLog {
  read(jobId: string): Promise<JobAttempts | undefined>;
  /** In place of what was there; durable once the promise resolves. */
  write(jobId: string, attempts: JobAttempts): Promise<void>;
}

type AttemptName = Pick<TrainTask, 'jobId' | 'round' | 'attempt'>;

export class AttemptJournal {
  readonly #log: AttemptLog;

  constructor(log: AttemptLog) {
    this.#log = log;
  }

  /**
   * Before the keys of this attempt leave.
   * @throws `attemptSpent` unless it is newer than every one before; `roundAlreadyOpened`; what writing throws
   */
  async begin({ jobId, round, attempt, model }: TrainTask): Promise<void> {
    const known = await this.#log.read(jobId);
    if (known && !isNewer({ round, attempt }, known))
      throw new HanseError('attemptSpent', {
        jobId,
        round,
        attempt,
        spent: `round ${known.round}, attempt ${known.attempt}`,
      });
    const opened = known?.opened ?? [];
    if (opened.includes(model)) {
      // Nobody waits for the answer of an attempt that has a successor, and what it would open is no business of the disk.
      if (known?.answer) await this.#log.write(jobId, { ...known, answer: null });
      throw new HanseError('roundAlreadyOpened', { model });
    }
    await this.#log.write(jobId, { round, attempt, opened, answer: null });
  }

  /**
   * Before what opens the masks leaves.
   * @param context ctx2, and with it the survivors, 32 bytes: one answer belongs to one
   * @throws `messageConflict` if there is another one; `attemptSpent` if the attempt is not the present one
   */
  async answer(task: TrainTask, context: Uint8Array, bytes: Uint8Array): Promise<void> {
    const known = await this.#current(task);
    if (known.answer) {
      const isSame =
        known.answer.context === toHex(context) &&
        equalBytes(fromBase64(known.answer.bytes) ?? new Uint8Array(), bytes);
      if (!isSame) throw new HanseError('messageConflict', { what: 'answer to other survivors' });
      return;
    }
    const opened = [...new Set([...known.opened, task.model])];
    const answer = { context: toHex(context), bytes: toBase64(bytes) };
    await this.#log.write(task.jobId, { ...known, opened, answer });
  }

  /** What was to be sent when the node ended, if it may not have arrived. */
  async unsent(task: TrainTask): Promise<Uint8Array | undefined> {
    const known = await this.#log.read(task.jobId);
    if (!known?.answer || known.round !== task.round || known.attempt !== task.attempt) return undefined;
    return fromBase64(known.answer.bytes);
  }

  /** The attempt is over: what was answered is removed, that it was is not. */
  async end(task: AttemptName): Promise<void> {
    const known = await this.#log.read(task.jobId);
    if (known?.answer && known.round === task.round && known.attempt === task.attempt)
      await this.#log.write(task.jobId, { ...known, answer: null });
  }

  async #current({ jobId, round, attempt }: AttemptName): Promise<JobAttempts> {
    const known = await this.#log.read(jobId);
    if (known?.round === round && known.attempt === attempt) return known;
    const spent = known ? `round ${known.round}, attempt ${known.attempt}` : 'none';
    throw new HanseError('attemptSpent', { jobId, round, attempt, spent });
  }
}

function isNewer(
  a: { readonly round: number; readonly attempt: number },
  b: { readonly round: number; readonly attempt: number },
): boolean {
  return a.round > b.round || (a.round === b.round && a.attempt > b.attempt);
}

/** Of a node that nobody starts again: those of a simulation. */
export function memoryAttemptLog(): AttemptLog {
  const jobs = new Map<string, JobAttempts>();
  return {
    read: async (jobId) => jobs.get(jobId),
    write: async (jobId, attempts) => void jobs.set(jobId, attempts),
  };
}
