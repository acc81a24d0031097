/**
 * Which stored content somebody may fetch, and which a job of theirs may name: whoever names content in a job sees it from then on,
 * and hashes of models stand in the log, which every member reads. SPEC.md sections 6.2 and 9.1.
 */
import type { Clock } from '../protocol/clock.ts';
import type { Sha256 } from '../schemas/ids.ts';
import type { AccessControl } from './access/access-control.ts';
import type { Principal } from './access/principal.ts';
import type { ReadableContent } from './readable-content.ts';

/** As long as an author is given from the upload to the job, and as many contents as one has on the way. */
const HOLDS_MS = 86_400_000;
const MOST_HELD = 1000;

export class NameableContent {
  readonly #accessControl: AccessControl;
  readonly #readable: ReadableContent;
  readonly #clock: Clock;
  /** Until when, by organisation and content: what its members have sent whole, so that they have it. The oldest comes first. */
  readonly #held = new Map<string, Map<Sha256, number>>();

  constructor(around: {
    readonly accessControl: AccessControl;
    readonly readable: ReadableContent;
    readonly clock: Clock;
  }) {
    this.#accessControl = around.accessControl;
    this.#readable = around.readable;
    this.#clock = around.clock;
  }

  /** A job that the caller sees names it, and it is not withheld. */
  mayFetch(caller: Principal, sha256: Sha256): boolean {
    if (!this.#readable.mayFetch(sha256, caller)) return false;
    for (const jobId of this.#readable.jobsOf(sha256))
      if (this.#accessControl.seesJob(caller, jobId)) return true;
    return false;
  }

  /** A member of this organisation has sent all of it. */
  hold(organisationId: string, sha256: Sha256): void {
    const held = this.#held.get(organisationId) ?? new Map<Sha256, number>();
    held.delete(sha256);
    held.set(sha256, this.#clock.now() + HOLDS_MS);
    const [oldest] = held.keys();
    if (held.size > MOST_HELD && oldest !== undefined) held.delete(oldest);
    this.#held.set(organisationId, held);
  }

  /** What no job has named so far is for whoever knows its hash, which stands nowhere. */
  mayName(caller: Principal, sha256: Sha256): boolean {
    const isNamed = this.#readable.has(sha256) || this.#readable.wasWithdrawn(sha256);
    return !isNamed || this.#holds(caller, sha256) || this.mayFetch(caller, sha256);
  }

  #holds({ organisationId }: Principal, sha256: Sha256): boolean {
    return (this.#held.get(organisationId)?.get(sha256) ?? 0) > this.#clock.now();
  }
}
