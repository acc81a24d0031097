/**
 * How many requests of one member may be under way at once: no member holds all that the coordinator has. SPEC.md 9.1.
 *
 * A node that works needs a stream of tasks and a few requests for each of its jobs; what is beyond that is refused as
 * `overloaded`, which members take as a reason to ask again a little later.
 */
import { HanseError } from '../../protocol/problem.ts';
import type { NodeId } from '../../schemas/ids.ts';

/** Requests of one member at once, its stream of tasks and those that wait for something to happen among them. */
export const REQUESTS_PER_MEMBER = 64;

export class RequestsInFlight {
  readonly #most: number;
  readonly #counts = new Map<NodeId, number>();

  constructor(most = REQUESTS_PER_MEMBER) {
    this.#most = most;
  }

  /**
   * @param node whose limits count: the first key of a member
   * @returns to be called when the request has ended, however it did; calling it again does nothing
   * @throws `overloaded`
   */
  enter(node: NodeId): () => void {
    const count = this.#counts.get(node) ?? 0;
    if (count >= this.#most) throw new HanseError('overloaded');
    this.#counts.set(node, count + 1);
    let hasLeft = false;
    return () => {
      if (hasLeft) return;
      hasLeft = true;
      const left = (this.#counts.get(node) ?? 0) - 1;
      if (left > 0) this.#counts.set(node, left);
      else this.#counts.delete(node);
    };
  }

  /** Members of whom a request is under way. */
  get members(): number {
    return this.#counts.size;
  }
}
