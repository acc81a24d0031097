/**
 * A running node whose key is replaced goes on with the next one. SPEC.md section 4.7.
 *
 * A round that has chosen the old key waits for the old key. So the node changes over when nothing is under way; if it
 * always is, when the old key is refused.
 */
import { type Clock, pause } from '../protocol/clock.ts';
import { isProblem } from '../protocol/problem.ts';
import type { Identity } from './identity.ts';
import type { ParticipantEvent } from './participant-event.ts';

/** Time for a node to tell that it declines, after its owner has been told. */
const DECLINING_MS = 2000;

type Find = (identity: Identity) => Promise<Identity | undefined>;

/** The time of one key. */
export class KeyHandover {
  readonly #identity: Identity;
  readonly #find: Find;
  readonly #clock: Clock;
  readonly #time = new AbortController();
  readonly #underWay = new Set<string>();
  #successor: Identity | undefined;

  /** @param find the identity that has taken the place of this one, if its key is at hand */
  constructor(identity: Identity, find: Find, clock: Clock) {
    this.#identity = identity;
    this.#find = find;
    this.#clock = clock;
  }

  /** Aborted when the node is to go on with its successor. */
  get signal(): AbortSignal {
    return this.#time.signal;
  }

  get successor(): Identity | undefined {
    return this.#successor;
  }

  /** The directory says that this node has taken the place of the one whose time it is. */
  async announced(nodeId: string): Promise<void> {
    const found = await this.#find(this.#identity);
    if (found?.nodeId !== nodeId) return; // changed by somebody who keeps the key elsewhere
    this.#successor = found;
    this.#changeOver();
  }

  /** What happens to the node tells when nothing is under way. */
  observe(event: ParticipantEvent): void {
    if (!('task' in event)) return;
    const { type, jobId, round, attempt } = event.task;
    const key = `${type}/${jobId}/${round}/${attempt}`;
    if (event.type === 'preparing') this.#underWay.add(key);
    else if (event.type === 'declined') void this.#end(key, DECLINING_MS);
    else if (event.type !== 'training') void this.#end(key, 0);
  }

  async #end(key: string, afterMs: number): Promise<void> {
    if (afterMs > 0) await pause(this.#clock, afterMs, this.signal);
    this.#underWay.delete(key);
    this.#changeOver();
  }

  #changeOver(): void {
    if (this.#successor && this.#underWay.size === 0) this.#time.abort();
  }
}

export interface KeyLife {
  /** Takes part with one key, until the signal of its handover aborts or the node is to end. */
  live(identity: Identity, handover: KeyHandover): Promise<void>;
  readonly find: Find;
  readonly clock: Clock;
  /** Ends the node. */
  readonly signal: AbortSignal;
}

/**
 * Lives with one key after the other.
 * @returns the last of them
 * @throws what `live` throws; `keyRetired` only where no successor is at hand
 */
export async function throughKeys(
  first: Identity,
  { live, find, clock, signal }: KeyLife,
): Promise<Identity> {
  for (let identity = first; ; ) {
    const handover = new KeyHandover(identity, find, clock);
    let next: Identity | undefined;
    try {
      await live(identity, handover);
      next = handover.successor;
    } catch (error) {
      next = isProblem(error, 'keyRetired') ? await find(identity) : undefined;
      if (!next) throw error;
    }
    if (signal.aborted || !next) return identity;
    identity = next;
  }
}
