/**
 * How many updates the coordinator has accepted of each node, by jobs that promise privacy and have not ended: each was
 * preceded by a draw from a privacy budget. Of each stream only what is new is read.
 */
import type { JobId, NodeId } from '../schemas/ids.ts';
import type { Store } from './store/store.ts';

interface Counted {
  sequence: number;
  readonly updates: Map<NodeId, number>;
}

export class AcceptedUpdates {
  readonly #store: Pick<Store, 'read'>;
  readonly #jobs = new Map<JobId, Counted>();

  constructor(store: Pick<Store, 'read'>) {
    this.#store = store;
  }

  /** @param jobs of which to tell; all others are forgotten */
  async of(nodeId: NodeId, jobs: readonly JobId[]): Promise<Map<JobId, number>> {
    for (const known of [...this.#jobs.keys()]) if (!jobs.includes(known)) this.#jobs.delete(known);
    const accepted = new Map<JobId, number>();
    for (const jobId of jobs) {
      const { updates } = await this.#count(jobId);
      const count = updates.get(nodeId);
      if (count !== undefined) accepted.set(jobId, count);
    }
    return accepted;
  }

  async #count(jobId: JobId): Promise<Counted> {
    const known = this.#jobs.get(jobId) ?? { sequence: 0, updates: new Map<NodeId, number>() };
    this.#jobs.set(jobId, known);
    for (const { sequence, data } of await this.#store.read(`job/${jobId}`, known.sequence)) {
      if (sequence <= known.sequence) continue; // counted by another who asked meanwhile
      known.sequence = sequence;
      const event = data as { readonly type?: string; readonly node?: NodeId };
      if (event.type === 'updateAccepted' && event.node !== undefined)
        known.updates.set(event.node, (known.updates.get(event.node) ?? 0) + 1);
    }
    return known;
  }
}
