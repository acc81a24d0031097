/**
 * What a job has released, as it happens: metrics of its rounds, for the page. One held request for each job in which
 * this tab takes part.
 */
import { hasEnded } from '../../protocol/round.ts';
import type { JobStatus, RoundSummary } from '../../schemas/job.ts';
import type { CoordinatorApi } from '../coordinator-api.ts';

/** How long the coordinator may hold a request. */
const WAIT_SECONDS = '25';

export class JobNews {
  readonly #api: CoordinatorApi;
  readonly #signal: AbortSignal;
  readonly #released: (jobId: string, round: RoundSummary) => void;
  readonly #watched = new Set<string>();
  readonly #names = new Map<string, string>();

  /** @param released told once for each round that was released since its job is watched */
  constructor(
    api: CoordinatorApi,
    signal: AbortSignal,
    released: (jobId: string, round: RoundSummary) => void,
  ) {
    this.#api = api;
    this.#signal = signal;
    this.#released = released;
  }

  /** What the job is called; its id where nobody can say. Watches it from now on. */
  async nameOf(jobId: string): Promise<string> {
    const known = this.#names.get(jobId);
    if (known !== undefined) return known;
    try {
      const status = await this.#ask(jobId, undefined);
      this.#names.set(jobId, status.manifest.name);
      if (!this.#watched.has(jobId)) void this.#watch(status);
      return status.manifest.name;
    } catch {
      return jobId;
    }
  }

  async #watch(first: JobStatus): Promise<void> {
    const { jobId } = first;
    this.#watched.add(jobId);
    const told = new Set(first.rounds.map(keyOf));
    try {
      for (let status = first; !this.#signal.aborted; status = await this.#ask(jobId, status.sequence)) {
        for (const round of status.rounds) {
          if (told.has(keyOf(round))) continue;
          told.add(keyOf(round));
          if (round.outcome === 'released') this.#released(jobId, round);
        }
        if (hasEnded(status)) return;
      }
    } catch {
      this.#watched.delete(jobId); // begun again with the next task
      this.#names.delete(jobId);
    }
  }

  #ask(jobId: string, after: number | undefined): Promise<JobStatus> {
    const query = after === undefined ? {} : { after: String(after), wait: WAIT_SECONDS };
    return this.#api.call('getJob', { params: { jobId }, query }, { signal: this.#signal });
  }
}

function keyOf({ round, attempt }: RoundSummary): string {
  return `${round}/${attempt}`;
}
