/**
 * What a node is doing, folded from the events that its owner sees: for `hanse node status`. Pure but for its memory.
 */
import { PROBLEMS } from '../protocol/problem.ts';
import type { JobOfNode, JobSpending, NodeStatus } from '../schemas/node-status.ts';
import type { ParticipantEvent } from './participant-event.ts';

type Activity = Pick<JobOfNode, 'doing' | 'round' | 'problem'>;
type Situation = Pick<NodeStatus, 'state' | 'why' | 'until' | 'since' | 'trouble' | 'jobs'>;

const IDLE: Activity = { doing: null, round: null, problem: null };
const TROUBLE_MS = 60_000;

export class NodeJournal {
  readonly #jobs = new Map<string, Activity>();
  #waiting: { readonly why: string; readonly until: string | null } | undefined;
  #state: 'starting' | 'ready' | 'waiting' | 'leaving' = 'starting';
  #since: number;
  #trouble: { readonly what: string; readonly at: number } | undefined;

  /** @param at milliseconds since 1970-01-01 UTC, here and below */
  constructor(at: number) {
    this.#since = at;
  }

  observe(event: ParticipantEvent, at: number): void {
    switch (event.type) {
      case 'ready':
        this.#enter('ready', at);
        break;
      case 'waiting':
        this.#waiting = { why: WAITING[event.why], until: event.until };
        this.#enter('waiting', at);
        break;
      case 'preparing':
        this.#note(event.task, { doing: 'preparing' });
        break;
      case 'training':
        this.#note(event.task, { doing: 'training' });
        break;
      case 'contributed':
      case 'evaluated':
        this.#note(event.task, { doing: null, problem: null });
        break;
      case 'missed':
        this.#note(event.task, { doing: null });
        break;
      case 'declined':
        this.#note(event.task, { doing: null, problem: `${event.problem.code}: ${event.problem.message}` });
        break;
      case 'notCosigned':
        this.troubled(`${event.problem.code}: ${event.problem.message}`, at);
        break;
      case 'logAlarm':
        // Without its detail, which has whole checkpoints.
        this.troubled(`${event.problem.code}: ${PROBLEMS[event.problem.code].cause}`, at);
        break;
      // What happens to directory, letters and log is no work.
      case 'cosigned':
      case 'directoryPinned':
      case 'directoryChanged':
      case 'letterReceived':
      case 'letterRefused':
      case 'letterDelayed':
        break;
      default:
        event satisfies never;
    }
  }

  /** Something is wrong that is of no task: a request had to be repeated, a log cannot be cosigned. */
  troubled(what: string, at: number): void {
    this.#trouble = { what, at };
  }

  leaving(at: number): void {
    this.#enter('leaving', at);
  }

  /** @param spending by job; the one that was active last comes last */
  situation(spending: Readonly<Record<string, JobSpending>>, at: number): Situation {
    const jobs = Object.entries(spending).map(([jobId, spent]) => ({
      jobId,
      ...spent,
      ...(this.#jobs.get(jobId) ?? IDLE),
    }));
    const begun = [...this.#jobs].filter(([jobId]) => !Object.hasOwn(spending, jobId));
    for (const [jobId, activity] of begun) jobs.unshift({ jobId, ...UNSPENT, ...activity });
    const isWorking = [...this.#jobs.values()].some(({ doing }) => doing !== null);
    const trouble = this.#trouble && at - this.#trouble.at < TROUBLE_MS ? this.#trouble.what : null;
    const waiting = this.#state === 'waiting' ? this.#waiting : undefined;
    return {
      state: isWorking && this.#state === 'ready' ? 'working' : this.#state,
      why: waiting?.why ?? (isWorking ? 'the end of its tasks' : WHY[this.#state]),
      until: waiting?.until ?? null,
      since: new Date(this.#since).toISOString(),
      trouble,
      jobs,
    };
  }

  #enter(state: 'ready' | 'waiting' | 'leaving', at: number): void {
    if (this.#state === 'leaving') return;
    this.#state = state;
    this.#since = at;
  }

  #note(
    { jobId, round }: { readonly jobId: string; readonly round: number },
    change: Partial<Activity>,
  ): void {
    this.#jobs.set(jobId, { ...(this.#jobs.get(jobId) ?? IDLE), round, ...change });
    const idle = [...this.#jobs].find(([, { doing }]) => doing === null);
    if (this.#jobs.size > REMEMBERED && idle) this.#jobs.delete(idle[0]);
  }
}

const REMEMBERED = 100;

const UNSPENT: JobSpending = { name: '', milliseconds: 0, steps: 0, rounds: 0, bytesUp: 0, bytesDown: 0 };

const WAITING = {
  hours: 'the policy of its owner: outside its hours',
  paused: 'its owner, who has paused it: hanse node resume',
} as const;

const WHY = {
  starting: 'an answer of the coordinator',
  ready: 'being chosen for a round',
  waiting: 'its owner',
  leaving: 'the end of what is under way',
} as const;
