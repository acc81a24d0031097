/**
 * Whose turn it is, where several jobs want one engine. Start-time fair queueing: Goyal, Vin, Cheng, SIGCOMM 1996,
 * section 2; with what a turn costs known only when it is over, as in stride scheduling (Waldspurger 1995).
 *
 * Each job has a tag, in units of cost per weight: where it stands. A turn goes to the job that waits with the least tag,
 * and moves that on by its cost / weight. Virtual time is the tag of the latest turn; who comes, or comes back, begins
 * there and not behind, or beside the foremost of those that wait: it takes nothing for the time in which it wanted
 * nothing, and however many come, nobody who waits is passed over. For two jobs that wait all the time,
 *
 *   | used_i / weight_i - used_j / weight_j |  <=  most_i / weight_i + most_j / weight_j,
 *
 * `most` being the dearest turn of each: shares become equal, and nobody waits longer than for so much. Pure.
 */

export interface Shares {
  /** Tag of the latest turn. */
  readonly virtual: number;
  readonly tags: ReadonlyMap<string, number>;
}

export const NO_SHARES: Shares = { virtual: 0, tags: new Map() };

/** Turns that cost nothing would never end. */
const LEAST_COST = 1e-3;

/** Jobs that do not wait, but whose latest turn was dear. */
const REMEMBERED = 64;

/**
 * A job begins to wait, or waits on: that changes nothing.
 * @param waiting others that have arrived
 */
export function arrive(shares: Shares, key: string, waiting: Iterable<string>): Shares {
  const own = shares.tags.get(key);
  if (own !== undefined && own > shares.virtual) return shares;
  let foremost = Number.POSITIVE_INFINITY;
  for (const other of waiting)
    if (other !== key) foremost = Math.min(foremost, shares.tags.get(other) ?? shares.virtual);
  const isNew = own === undefined || own < shares.virtual;
  const tag = isNew && foremost < Number.POSITIVE_INFINITY ? foremost : shares.virtual;
  return tag === own ? shares : withTag(shares, key, Math.max(tag, shares.virtual));
}

/**
 * The one of those that wait whose turn it is; of equals the first.
 * @param waiting each has arrived
 */
export function nextTurn(shares: Shares, waiting: Iterable<string>): string | undefined {
  let best: string | undefined;
  let least = Number.POSITIVE_INFINITY;
  for (const key of waiting) {
    const tag = shares.tags.get(key) ?? shares.virtual;
    if (tag < least) [best, least] = [key, tag];
  }
  return best;
}

/** A turn has begun. */
export function begin(shares: Shares, key: string): Shares {
  return { ...shares, virtual: Math.max(shares.virtual, shares.tags.get(key) ?? 0) };
}

/** A turn is over. @param cost at least 0 @param weight more than 0; twice as much gets twice as much */
export function charge(shares: Shares, key: string, cost: number, weight = 1): Shares {
  const tag = (shares.tags.get(key) ?? shares.virtual) + Math.max(cost, LEAST_COST) / weight;
  return withTag(shares, key, tag);
}

/** Tags behind the virtual time say nothing any more, and of those before it so many are kept as are of any use. */
export function forgetBehind(shares: Shares, keep: (key: string) => boolean): Shares {
  const before = [...shares.tags].filter(([key, tag]) => tag > shares.virtual && !keep(key));
  const foremost = before.sort(([, a], [, b]) => b - a).slice(0, REMEMBERED);
  return { ...shares, tags: new Map([...[...shares.tags].filter(([key]) => keep(key)), ...foremost]) };
}

function withTag(shares: Shares, key: string, tag: number): Shares {
  return { ...shares, tags: new Map(shares.tags).set(key, tag) };
}
