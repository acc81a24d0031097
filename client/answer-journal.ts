/**
 * Which tasks a node has begun to answer, so that it answers none twice. SPEC.md 8.1.
 *
 * Two updates of one participant to one attempt, rounded or masked by fresh randomness, tell more than one. So a task is
 * written down before the first byte of its answer leaves, and whoever finds it there, after a reload or a crash, does
 * not know whether that answer arrived and gives no other.
 */
import { HanseError } from '../protocol/problem.ts';
import type { Task } from '../schemas/task.ts';

export type AnswerState = 'begun' | 'delivered';

/** Where it is written down. What was written is durable once the promise resolves. */
export interface AnswerLog {
  read(key: string): Promise<AnswerState | undefined>;
  /** Writes `begun` unless there is something under this key, as one step. @returns whether there was nothing */
  begin(key: string): Promise<boolean>;
  deliver(key: string): Promise<void>;
}

export class AnswerJournal {
  readonly #log: AnswerLog;

  constructor(log: AnswerLog) {
    this.#log = log;
  }

  /**
   * Before work is spent on a task.
   * @throws `taskAnswered` if an answer was begun; `messageOutOfOrder` if it was delivered: nobody waits for another
   */
  async check(task: Task): Promise<void> {
    refuse(task, await this.#log.read(keyOf(task)));
  }

  /** Before the answer leaves. Throws as `check`, and what writing throws: nothing is sent then. */
  async begin(task: Task): Promise<void> {
    const key = keyOf(task);
    if (!(await this.#log.begin(key))) refuse(task, (await this.#log.read(key)) ?? 'begun');
  }

  /** Once there is a receipt. A failure to write it costs no more than a decline after a reload. */
  async delivered(task: Task): Promise<void> {
    await this.#log.deliver(keyOf(task)).catch(() => {});
  }
}

function refuse({ jobId, round, attempt }: Task, state: AnswerState | undefined): void {
  switch (state) {
    case undefined:
      return;
    case 'begun':
      throw new HanseError('taskAnswered', { jobId, round, attempt });
    case 'delivered':
      throw new HanseError('messageOutOfOrder', { phase: 'collecting', got: 'a second answer' });
    default:
      state satisfies never;
  }
}

function keyOf({ type, jobId, round, attempt }: Task): string {
  return `${type}/${jobId}/${round}/${attempt}`;
}
