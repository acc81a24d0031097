/**
 * Updates that are being received: of each node one at a time for an attempt, so that nobody can have many stored of
 * which one will count.
 *
 * The same update may come twice at once. Why: a node whose connection broke sends it again, perhaps before this side
 * has noticed. A node that was started anew sends another; it is asked to wait until the first has come or gone.
 */
import { HanseError } from '../protocol/problem.ts';

/** Of one update: one whose connection broke unnoticed, and the one that takes its place. */
const COPIES = 2;

export class IncomingUpdates {
  readonly #underWay = new Map<string, { readonly sha256: string; count: number }>();

  /**
   * Runs `work` unless another update, or this one twice, has the place.
   * @param place the node and what it sends for
   * @throws `overloaded`, which lets the sender ask again later
   */
  async receive<Result>(place: string, sha256: string, work: () => Promise<Result>): Promise<Result> {
    const incoming = this.#underWay.get(place) ?? { sha256, count: 0 };
    if (incoming.sha256 !== sha256 || incoming.count >= COPIES) throw new HanseError('overloaded');
    incoming.count += 1;
    this.#underWay.set(place, incoming);
    try {
      return await work();
    } finally {
      incoming.count -= 1;
      if (incoming.count === 0) this.#underWay.delete(place);
    }
  }
}
