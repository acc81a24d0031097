/**
 * Who reads the entries of the audit log, for that log: an entry for each session of a reader, and not for each request, which would
 * be new entries to read. SPEC.md 13.11.
 *
 * A session ends when its reader has asked for nothing for five minutes, after an hour at the latest, or when the coordinator stops.
 * One that is under way is lost with a process that is killed.
 */
import type { Clock } from '../protocol/clock.ts';
import type { NodeId } from '../schemas/ids.ts';
import type { AuditNotes } from './audit-notes.ts';
import type { Report } from './seldom-report.ts';

const QUIET_MS = 300_000;
const LONGEST_MS = 3_600_000;

export interface ReadingSessionsOptions {
  readonly notes: AuditNotes;
  readonly clock: Clock;
  readonly report: Report;
}

interface Session {
  readonly since: number;
  until: number;
  /** Indices of entries. */
  first: number;
  last: number;
  /** Of entries that were sent, also of those that were sent before. */
  count: number;
  cancel: () => void;
}

export class ReadingSessions {
  readonly #options: ReadingSessionsOptions;
  /** No more than there are members: to end one for another would let many of them fill the log by turns. */
  readonly #sessions = new Map<NodeId, Session>();
  #isClosed = false;
  #working = Promise.resolve();

  constructor(options: ReadingSessionsOptions) {
    this.#options = options;
  }

  /** @param first index of an entry @param count of entries from there on, at least one */
  read(reader: NodeId, first: number, count: number): void {
    if (this.#isClosed) return;
    const { clock } = this.#options;
    const now = clock.now();
    const session = this.#sessionOf(reader, now, first);
    // Whatever the clock does, nothing ends before it has begun.
    session.until = Math.max(session.until, now);
    session.first = Math.min(session.first, first);
    session.last = Math.max(session.last, first + count - 1);
    session.count += count;
    session.cancel();
    session.cancel = clock.schedule(now + QUIET_MS, () => this.#end(reader));
  }

  /** Nothing is counted any more; resolves once all sessions are in the log, or were reported. */
  async close(): Promise<void> {
    this.#isClosed = true;
    for (const reader of [...this.#sessions.keys()]) this.#end(reader);
    await this.#working;
  }

  #sessionOf(reader: NodeId, now: number, first: number): Session {
    const known = this.#sessions.get(reader);
    if (known && now - known.since < LONGEST_MS) return known;
    if (known) this.#end(reader);
    const session = { since: now, until: now, first, last: first, count: 0, cancel: () => {} };
    this.#sessions.set(reader, session);
    return session;
  }

  #end(reader: NodeId): void {
    const session = this.#sessions.get(reader);
    if (!session) return;
    session.cancel();
    this.#sessions.delete(reader);
    this.#working = Promise.all([this.#working, this.#record(reader, session)]).then(() => {});
  }

  /** Never rejects. */
  async #record(reader: NodeId, { first, last, count, since, until }: Session): Promise<void> {
    const { notes, report } = this.#options;
    const [begun, ended] = [since, until].map((at) => new Date(at).toISOString()) as [string, string];
    try {
      await notes.record({
        type: 'reading.session',
        data: { first, last, count, since: begun, until: ended },
        hidden: { reader },
      });
    } catch (error) {
      report(error, 'noting who reads the log');
    }
  }
}
