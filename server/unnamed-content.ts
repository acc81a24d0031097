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

interface Entry {
  readonly bytes: number;
  readonly until: number;
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
    for (const [other, entry] of this.#of(owner)) if (other !== sha256) used += entry.bytes;
    if (used + bytes > limitBytes) throw new HanseError('contentQuota', { limitBytes, usedBytes: used });
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
    const earlier = this.#of(owner).get(sha256);
    this.#count(owner, sha256, Math.max(bytes, earlier?.bytes ?? 0));
    try {
      const stored = await store();
      this.#count(owner, sha256, stored.size);
      return stored;
    } catch (error) {
      const entries = this.#of(owner);
      if (earlier) entries.set(sha256, earlier);
      else entries.delete(sha256);
      throw error;
    }
  }

  #count(owner: string, sha256: Sha256, bytes: number): void {
    const entries = this.#of(owner);
    entries.set(sha256, { bytes, until: this.#clock.now() + this.#limits.unnamedCountsMs });
    this.#owners.set(owner, entries);
  }

  /** What counts now. */
  #of(owner: string): Map<Sha256, Entry> {
    const entries = this.#owners.get(owner) ?? new Map<Sha256, Entry>();
    for (const [sha256, { until }] of entries)
      if (until <= this.#clock.now() || this.#isNamed(sha256)) entries.delete(sha256);
    if (entries.size === 0) this.#owners.delete(owner);
    return entries;
  }
}
