/**
 * What a node is asked to do, as it changes. SPEC.md sections 9.1 and 9.4.
 *
 * Over a stream that the node keeps open, also while it works: so it stays live, and a task costs no request. Where
 * there is no stream - the coordinator has none, or a proxy on the way holds answers back until they are complete - by
 * asking again and again. Lists are state: only the newest counts, whichever way it came.
 */
import { type Clock, pause } from '../protocol/clock.ts';
import { isProblem } from '../protocol/problem.ts';
import { RandomNumbers, type RandomSource } from '../protocol/random.ts';
import type { Task } from '../schemas/task.ts';
import { backoffMs } from './backoff.ts';
import { type CoordinatorApi, TRANSIENT } from './coordinator-api.ts';
import { DEFAULT_PAUSES } from './retrying-coordinator.ts';

export interface TaskFeedOptions {
  /** Should repeat what fails for a while: `retrying-coordinator.ts`. */
  readonly api: CoordinatorApi;
  readonly clock: Clock;
  /** For the jitter. */
  readonly random: RandomSource;
  /** Ends the feed. */
  readonly signal: AbortSignal;
  /** How long a request for tasks may be held by the coordinator, where there is no stream. */
  readonly waitSeconds: number;
  /** Called with the version of the directory, as often as the coordinator names it; before the tasks that came with it. */
  readonly onDirectory?: (version: number) => void;
  /** Called with the number of the newest letter that waits, as often as the coordinator names one. */
  readonly onLetters?: (number: number) => void;
}

/** Without a first line after that long somebody on the way holds the answer back. */
export const FIRST_LINE_MS = 5000;
/** How often in a row a stream may fail early before the node asks instead, and for how long it then does. */
const PATIENCE = 3;
const ASKING_MS = 600_000;
/** Pause between two requests that were answered alike at once. */
const REPEATED_MS = 1000;

type List = readonly Task[];

export class TaskFeed {
  readonly #options: TaskFeedOptions;
  readonly #jitter: RandomNumbers;
  /** The newest list that nobody has taken. */
  #newest: List | undefined;
  /** Takes the next list; undefined: ask for it. */
  #take: ((list: List | undefined) => void) | undefined;
  #following: Promise<void> | undefined;
  #failure: { readonly error: unknown } | undefined;
  #asksUntil = Number.NEGATIVE_INFINITY;
  #earlyEnds = 0;
  #lastAnswer = '[]';
  /** The newest letter of which the coordinator has told. */
  #letters = 0;

  constructor(options: TaskFeedOptions) {
    this.#options = options;
    this.#jitter = new RandomNumbers(options.random);
  }

  /**
   * Resolves to the next list that is new, and to the one before once more where the coordinator repeats it; to none
   * when the signal aborts.
   * @throws what the coordinator answers and `api` has not repeated
   */
  async next(): Promise<List> {
    const { clock, signal } = this.#options;
    if (clock.now() >= this.#asksUntil && !signal.aborted) {
      this.#following ??= this.#follow().finally(() => {
        this.#following = undefined;
        this.#hand(undefined);
      });
      const list = await this.#taken();
      if (this.#failure) throw this.#failure.error;
      if (list) return list;
    }
    return signal.aborted ? [] : this.#ask();
  }

  #taken(): Promise<List | undefined> {
    const list = this.#newest;
    this.#newest = undefined;
    if (list || this.#failure || !this.#following) return Promise.resolve(list);
    return new Promise((resolve) => {
      this.#take = resolve;
    });
  }

  /** @returns whether somebody waited for it */
  #hand(list: List | undefined): boolean {
    const take = this.#take;
    this.#take = undefined;
    if (take) take(list);
    else this.#newest = list;
    return take !== undefined;
  }

  async #ask(): Promise<List> {
    const { api, clock, signal, waitSeconds, onLetters } = this.#options;
    const answered = await api.call(
      'nextTasks',
      { query: { wait: String(waitSeconds), ...(onLetters && { letters: String(this.#letters) }) } },
      { signal },
    );
    this.#named(answered);
    const { tasks } = answered;
    const answer = JSON.stringify(tasks);
    if (tasks.length > 0 && answer === this.#lastAnswer) await pause(clock, REPEATED_MS, signal);
    this.#lastAnswer = answer;
    return tasks;
  }

  #named({ directoryVersion, letters }: { directoryVersion?: number; letters?: number }): void {
    const { onDirectory, onLetters } = this.#options;
    if (directoryVersion !== undefined) onDirectory?.(directoryVersion);
    if (letters === undefined) return;
    this.#letters = letters;
    onLetters?.(letters);
  }

  /** One stream after another, until the node has to ask. Never rejects. */
  async #follow(): Promise<void> {
    const { clock, signal } = this.#options;
    while (!signal.aborted) {
      try {
        const { wasHeldBack, wasEarly, spreadMs } = await this.#readStream();
        this.#earlyEnds = wasEarly ? this.#earlyEnds + 1 : 0;
        if (this.#earlyEnds >= PATIENCE) this.#asksUntil = clock.now() + ASKING_MS;
        const isAskedFor = this.#take !== undefined;
        if ((wasHeldBack && isAskedFor) || this.#earlyEnds >= PATIENCE) return;
        await pause(clock, returnAfterMs(spreadMs, this.#earlyEnds, this.#jitter), signal);
      } catch (error) {
        if (isProblem(error, 'routeUnknown')) this.#asksUntil = Number.POSITIVE_INFINITY;
        else this.#failure = { error };
        return;
      }
    }
  }

  /** Until the stream ends. Throws what `api` has not repeated, for want of a stream. */
  async #readStream(): Promise<StreamEnd> {
    const { api, clock, signal } = this.#options;
    const ending = new AbortController();
    const ended = AbortSignal.any([signal, ending.signal]);
    let wasHeldBack = false;
    let cancel = () => {};
    // Only while an answer is due: a coordinator that is away holds nothing back.
    const onAttempt = (isUnderWay: boolean) => {
      cancel();
      if (!isUnderWay) return;
      cancel = clock.schedule(clock.now() + FIRST_LINE_MS, () => {
        wasHeldBack = true;
        ending.abort();
      });
    };
    let streamId = '';
    let spreadMs = 0;
    let wasEarly = true;
    let isAnswering = false;
    const answer = () => {
      if (isAnswering) return;
      isAnswering = true;
      void api
        .call('answerStream', { params: { streamId } }, { signal: ended })
        .then(({ open }) => {
          if (!open) ending.abort();
        })
        .catch(() => {}) // the stream itself shows what is the matter
        .finally(() => {
          isAnswering = false;
        });
    };
    let lines: AsyncIterable<unknown> | undefined;
    try {
      onAttempt(true);
      const stream = await api.call('taskStream', {}, { signal: ended, onAttempt });
      lines = stream;
      for await (const line of stream) {
        cancel();
        this.#named(line);
        switch (line.type) {
          case 'opened':
            ({ streamId, spreadMs } = line);
            break;
          case 'tasks':
            // Whoever takes up a task makes requests, which are an answer; a node that is busy does not.
            if (!this.#hand(line.tasks) && line.tasks.length > 0) answer();
            break;
          case 'heartbeat':
            ({ spreadMs } = line);
            wasEarly = false;
            answer();
            break;
          default:
            line satisfies never;
        }
      }
    } catch (error) {
      const isOver = signal.aborted || wasHeldBack;
      const isBroken = lines !== undefined && isProblem(error) && PASSING.has(error.code);
      if (!isOver && !isBroken) throw error;
    } finally {
      cancel();
      ending.abort();
    }
    return { wasHeldBack, wasEarly, spreadMs };
  }
}

interface StreamEnd {
  readonly wasHeldBack: boolean;
  /** It had not lived to the first heartbeat. */
  readonly wasEarly: boolean;
  readonly spreadMs: number;
}

/** After these a stream that had begun may be begun again. */
const PASSING: ReadonlySet<string> = new Set([...TRANSIENT, 'coordinatorMisbehaved']);

/**
 * When a node whose stream broke opens the next: at a moment of the spread that the coordinator has named, which grows
 * with the number of its streams, so that a thousand nodes do not return at once; later if streams keep ending early.
 */
export function returnAfterMs(spreadMs: number, earlyEnds: number, jitter: RandomNumbers): number {
  const again = earlyEnds > 1 ? backoffMs(earlyEnds - 1, DEFAULT_PAUSES, jitter) : 0;
  return Math.round(spreadMs * jitter.unit()) + again;
}
