/**
 * Which entries of a log stand behind a statement: all of them are counted, the first so many are named. Pure.
 */

/** Of one statement. */
const NAMED = 100;

export interface ToldLeaves {
  /** Of all entries. */
  readonly count: number;
  /** Indices, ascending: the first of them, at most a hundred. */
  readonly leaves: readonly number[];
  /** Index of the last one; null where there is none. */
  readonly last: number | null;
}

export class LeafSet {
  #count = 0;
  #last: number | null = null;
  readonly #named = new Set<number>();
  readonly #most: number;

  /** @param most indices that are named */
  constructor(most = NAMED) {
    this.#most = most;
  }

  get count(): number {
    return this.#count;
  }

  /** @param leaf one that is named counts once, and so does the last one */
  add(leaf: number): void {
    if (leaf === this.#last || this.#named.has(leaf)) return;
    this.#count += 1;
    this.#last = Math.max(leaf, this.#last ?? 0);
    if (this.#named.size < this.#most) this.#named.add(leaf);
  }

  told(): ToldLeaves {
    return { count: this.#count, leaves: [...this.#named].sort((a, b) => a - b), last: this.#last };
  }
}

/** `12-15, 20 and 8 more to 4711`. */
export function leavesInWords({ count, leaves, last }: ToldLeaves, ranges = 6): string {
  const found: [first: number, last: number][] = [];
  let named = 0;
  for (const leaf of leaves) {
    const open = found.at(-1);
    if (open && leaf === open[1] + 1) open[1] = leaf;
    else if (found.length === ranges) break;
    else found.push([leaf, leaf]);
    named += 1;
  }
  const words = found.map(([from, to]) => (from === to ? `${from}` : `${from}-${to}`)).join(', ');
  return named === count ? words : `${words} and ${count - named} more to ${last}`;
}
