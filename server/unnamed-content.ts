/**
 * How much content a member may have stored that no job names: graphs and models are sent before the job that names
 * them, and one who never creates that job must not fill the disk. SPEC.md 9.1.
 *
 * In memory only: what a member stored counts until a job names it, or for a day. What stays unnamed is removed by a
 * later start: `orphaned-content.ts`.
 */
import type { Clock } from '../protocol/clock.ts';
import { HanseError } from '../protocol/problem.ts';
import type { Sha256 } from '../schemas/ids.ts';

export interface UnnamedLimits {
  /** Bytes of one member that no job names. */
  readonly unnamedBytes: number;
  /** How long content counts. */
  readonly unnamedCountsMs: number;
}

/** One content of one member. */
interface Entry {
  storedBytes: number;
  /** Until when what is stored counts. */
  until: number;
  /** Copies that are on their way; each has its place on the disk. */
  readonly arriving: Set<{ readonly bytes: number }>;
}

export class UnnamedContent {
  readonly #clock: Clock;
  readonly #limits: UnnamedLimits;
  readonly #isNamed: (sha256: Sha256) => boolean;
  readonly #owners = new Map<string, Map<Sha256, Entry>>();

  constructor(clock: Clock, limits: UnnamedLimits, isNamed: (sha256: Sha256) => boolean) {
    this.#clock = clock;
    this.#limits = limits;
    this.#isNamed = isNamed;
  }

  /** Whether there is room. Throws `contentQuota`. */
  check(owner: string, sha256: Sha256, bytes: number): void {
    if (this.#isNamed(sha256)) return;
    const { unnamedBytes: limitBytes } = this.#limits;
    let used = 0;
    let wanted = bytes;
    for (const [other, entry] of this.#of(owner))
      if (other === sha256) wanted = bytesOf(entry, bytes);
      else used += bytesOf(entry);
    if (used + wanted > limitBytes) throw new HanseError('contentQuota', { limitBytes, usedBytes: used });
  }

  /**
   * Stores content and counts it, from the first byte on.
   * @param bytes that it has, or may have at most
   * @throws `contentQuota`, and what `store` throws: nothing is counted then that was not before
   */
  async storing<Stored extends { readonly size: number }>(
    owner: string,
    sha256: Sha256,
    bytes: number,
    store: () => Promise<Stored>,
  ): Promise<Stored> {
    this.check(owner, sha256, bytes);
    const entry = this.#entry(owner, sha256);
    const arrival = { bytes };
    entry.arriving.add(arrival);
    try {
      const stored = await store();
      entry.storedBytes = stored.size;
      entry.until = this.#clock.now() + this.#limits.unnamedCountsMs;
      return stored;
    } finally {
      entry.arriving.delete(arrival);
      this.#of(owner);
    }
  }

  /** Whether somebody has stored this a while ago, or is about to: the job that names it may come. */
  counts(sha256: Sha256): boolean {
    for (const owner of [...this.#owners.keys()]) if (this.#of(owner).has(sha256)) return true;
    return false;
  }

  #entry(owner: string, sha256: Sha256): Entry {
    const entries = this.#of(owner);
    const entry = entries.get(sha256) ?? { storedBytes: 0, until: 0, arriving: new Set() };
    entries.set(sha256, entry);
    this.#owners.set(owner, entries);
    return entry;
  }

  /** What counts now; all else is forgotten. */
  #of(owner: string): Map<Sha256, Entry> {
    const entries = this.#owners.get(owner) ?? new Map<Sha256, Entry>();
    for (const [sha256, { until, arriving }] of entries) {
      const isOver = arriving.size === 0 && until <= this.#clock.now();
      if (isOver || this.#isNamed(sha256)) entries.delete(sha256);
    }
    if (entries.size === 0) this.#owners.delete(owner);
    return entries;
  }
}

/** @param more of another copy */
function bytesOf({ storedBytes, arriving }: Entry, more = 0): number {
  let bytes = more;
  for (const arrival of arriving) bytes += arrival.bytes;
  return Math.max(storedBytes, bytes);
}
