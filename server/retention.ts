/**
 * How long the coordinator keeps what participants have sent it. SPEC.md 8.4.
 *
 * Shares and answers of a secure attempt go as soon as it is over: what they were for has been done. Updates, masked or
 * plain, are kept for a while, so that a sum can be made again, and go then, whether the round was released or not. What
 * is removed is told by an event of the stream `retention`, of updates by the audit log too (13.16); who asks for the sum later is told `notRecomputable`.
 *
 * Content is known by its hash, and the same bytes may stand for several things: what a job names as its graph, model, sum
 * or record stays, as does what another attempt holds that is under way or kept for longer, and what is arriving. Nothing
 * depends on what this remembers: a start reads the events of all jobs, and removes what should have gone already, also
 * where a kill came between, or a copy of the folder has brought it back.
 */
import { type Static, Type } from 'typebox';
import type { Clock } from '../protocol/clock.ts';
import { parse } from '../protocol/parse.ts';
import { hasEnded } from '../protocol/round.ts';
import type { JobState, StoredMessage } from '../protocol/round-state.ts';
import { Attempt, JobId, Round, Sha256 } from '../schemas/ids.ts';
import { EVENT_VERSION } from '../schemas/job-event.ts';
import type { AuditNotes } from './audit-notes.ts';
import { hashesIn } from './orphaned-content.ts';
import type { BlobStore } from './store/blob-store.ts';
import type { Store } from './store/store.ts';

const STREAM = 'retention';

/** Pause after a failure of the storage. */
const RETRY_MS = 60_000;

const ContentRemoved = Type.Object(
  {
    jobId: JobId,
    round: Round,
    attempt: Attempt,
    what: Type.Union([Type.Literal('messages'), Type.Literal('updates')]),
    /** How many there were, and their bytes; what something else names is among them, and stays. */
    contents: Type.Integer({ minimum: 1 }),
    bytes: Type.Integer({ minimum: 0 }),
  },
  { additionalProperties: false },
);
type ContentRemoved = Static<typeof ContentRemoved>;

/** As far as is looked at. */
const Message = Type.Object({ round: Round, attempt: Attempt, sha256: Sha256, bytes: Type.Integer() });

/** What each event of a message is; of the others whatever has the form of a hash is named for good. */
const PART_OF: Readonly<Record<string, ContentRemoved['what']>> = {
  sharesAccepted: 'messages',
  answerAccepted: 'messages',
  updateAccepted: 'updates',
};

/** Hold hashes, keys and nonces, and no content. */
const NAMING_NOTHING: ReadonlySet<string> = new Set(['cohortSelected', 'keysAdvertised', 'consentGiven']);

/** A job whose events are followed. */
export interface FollowedJob {
  readonly jobId: string;
  readonly state: JobState;
}

export interface RetentionSurroundings {
  readonly store: Store;
  readonly blobs: Pick<BlobStore, 'list' | 'delete'>;
  readonly clock: Clock;
  /** Content that stays, whatever the events of jobs say of it. */
  readonly isNeeded: (sha256: Sha256) => boolean;
  /** Told of updates before the event is written; absent: nobody wants to know. */
  readonly notes?: Pick<AuditNotes, 'record'> | undefined;
  readonly report: (error: unknown, doing: string) => void;
}

/** What an attempt has left of one kind. */
interface Part {
  readonly job: FollowedJob;
  readonly round: number;
  readonly attempt: number;
  readonly what: ContentRemoved['what'];
  readonly contents: StoredMessage[];
  /** When the attempt ended; undefined while it is under way. */
  endedAt: number | undefined;
  /** Its contents are no longer held for it. */
  isLetGo: boolean;
}

interface Followed {
  readonly job: FollowedJob;
  /** Events that have been read. */
  sequence: number;
  lastAt: string;
  /** The attempt that was under way when the job was last looked at. */
  present: string | undefined;
}

export class Retention {
  readonly #around: RetentionSurroundings;
  readonly #keepMs: number;
  readonly #jobs = new Map<JobId, Followed>();
  /** Jobs of which an attempt has ended since their events were read. */
  readonly #unread = new Set<Followed>();
  readonly #parts = new Map<string, Part>();
  /** By how many parts each content is held. */
  readonly #holds = new Map<Sha256, number>();
  readonly #named = new Set<Sha256>();
  /** Parts of which an event has told; undefined while the stream is in doubt. */
  #told: { readonly keys: Set<string>; length: number } | undefined;
  readonly #arriving = new Map<Sha256, number>();
  /** What has arrived while content is being removed. */
  readonly #arrived = new Set<Sha256>();
  readonly #removing = new Map<Sha256, Promise<void>>();
  #isAtWork = false;
  #work: Promise<void> = Promise.resolve();
  #cancel: (() => void) | undefined;
  #isClosed = false;

  /** @param keepMs how long updates are kept after the end of their attempt; infinite: for good */
  constructor(around: RetentionSurroundings, keepMs: number) {
    this.#around = around;
    this.#keepMs = keepMs;
  }

  /** At the start, before anything arrives. A failure is reported, and tried again. */
  async open(jobs: Iterable<FollowedJob>): Promise<void> {
    for (const job of jobs) this.#unread.add(this.#follow(job));
    await this.#inTurn(() => this.#stored());
  }

  /** To be called after every event of a job: cheap, unless an attempt has ended. */
  jobChanged(job: FollowedJob): void {
    const followed = this.#follow(job);
    const present = presentOf(job.state);
    if (followed.present === present) return;
    const hasBegun = followed.present !== undefined;
    followed.present = present;
    if (!hasBegun) return;
    this.#unread.add(followed);
    void this.#inTurn();
  }

  /** Content that is being stored, and the event that names it: neither is removed meanwhile. */
  async storing<Result>(sha256: Sha256, work: () => Promise<Result>): Promise<Result> {
    while (this.#removing.has(sha256)) await this.#removing.get(sha256);
    this.#arriving.set(sha256, (this.#arriving.get(sha256) ?? 0) + 1);
    try {
      return await work();
    } finally {
      if (this.#isAtWork) this.#arrived.add(sha256);
      lower(this.#arriving, sha256);
    }
  }

  /** Lets a removal that is under way end. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#cancel?.();
    await this.#work;
  }

  #follow(job: FollowedJob): Followed {
    const known = this.#jobs.get(job.jobId);
    if (known) return known;
    const followed = { job, sequence: 0, lastAt: job.state.createdAt, present: presentOf(job.state) };
    this.#jobs.set(job.jobId, followed);
    return followed;
  }

  /** @param stored names of all that is there, where that is cheaper than to remove what may not be; absent: unknown */
  #inTurn(stored?: () => AsyncIterable<Sha256>): Promise<void> {
    this.#work = this.#work.then(async () => {
      if (this.#isClosed) return;
      this.#isAtWork = true;
      try {
        await this.#removeDue(stored);
      } catch (error) {
        this.#around.report(error, 'removing what is kept no longer');
        this.#wake(this.#around.clock.now() + RETRY_MS);
      }
      this.#isAtWork = false;
      this.#arrived.clear();
    });
    return this.#work;
  }

  #stored(): AsyncIterable<Sha256> {
    return this.#around.blobs.list();
  }

  async #removeDue(stored?: () => AsyncIterable<Sha256>): Promise<void> {
    for (const followed of [...this.#unread]) {
      this.#unread.delete(followed); // first: another attempt of it may end meanwhile
      await this.#readOn(followed).catch((error: unknown) => {
        this.#unread.add(followed);
        throw error;
      });
    }
    this.#told ??= await this.#readTold();
    const now = this.#around.clock.now();
    let next = Number.POSITIVE_INFINITY;
    const due: Part[] = [];
    for (const part of this.#parts.values()) {
      part.endedAt ??= this.#endOf(part);
      if (part.endedAt === undefined) continue;
      const at = part.endedAt + (part.what === 'updates' ? this.#keepMs : 0);
      if (at > now) next = Math.min(next, at);
      else due.push(part);
    }
    const free = this.#letGo(due);
    if (stored) {
      for await (const sha256 of stored()) if (free.has(sha256)) await this.#remove(sha256);
    } else for (const sha256 of free) await this.#remove(sha256);
    await this.#tell(due);
    for (const part of due) this.#parts.delete(keyOf(part));
    this.#wake(next);
  }

  async #readOn(followed: Followed): Promise<void> {
    const stream = `job/${followed.job.jobId}`;
    for (const { type, data, sequence, at } of await this.#around.store.read(stream, followed.sequence)) {
      const what = PART_OF[type];
      const isKept = what === 'updates' && this.#keepMs === Number.POSITIVE_INFINITY;
      if (what && !isKept) {
        const { round, attempt, sha256, bytes } = parse(Message, data, stream);
        this.#partOf(followed.job, round, attempt, what).contents.push({ sha256, bytes });
        this.#holds.set(sha256, (this.#holds.get(sha256) ?? 0) + 1);
      } else if (!NAMING_NOTHING.has(type)) for (const sha256 of hashesIn(data)) this.#named.add(sha256);
      followed.sequence = sequence;
      followed.lastAt = at;
    }
  }

  #partOf(job: FollowedJob, round: number, attempt: number, what: ContentRemoved['what']): Part {
    const wanted = { job, round, attempt, what, contents: [], endedAt: undefined, isLetGo: false };
    const part = this.#parts.get(keyOf(wanted)) ?? wanted;
    this.#parts.set(keyOf(part), part);
    return part;
  }

  #endOf({ job, round, attempt }: Part): number | undefined {
    const { state, jobId } = job;
    if (presentOf(state) === `${round}/${attempt}`) return undefined;
    const summary = state.history.findLast((one) => one.round === round && one.attempt === attempt);
    // An attempt that was cancelled has no summary, and its end was the last event of its job.
    return Date.parse(summary?.endedAt ?? this.#jobs.get(jobId)?.lastAt ?? state.createdAt);
  }

  /** What nothing else needs of these parts. */
  #letGo(parts: readonly Part[]): ReadonlySet<Sha256> {
    for (const part of parts) {
      if (!part.isLetGo) for (const { sha256 } of part.contents) lower(this.#holds, sha256);
      part.isLetGo = true;
    }
    const present = new Set<Sha256>();
    for (const { job } of this.#jobs.values()) for (const sha256 of heldBy(job.state)) present.add(sha256);
    const free = new Set<Sha256>();
    for (const { contents } of parts)
      for (const { sha256 } of contents) {
        const isHeld = this.#holds.has(sha256) || this.#named.has(sha256) || present.has(sha256);
        if (!isHeld) free.add(sha256);
      }
    return free;
  }

  async #remove(sha256: Sha256): Promise<void> {
    const { blobs, isNeeded } = this.#around;
    if (this.#arriving.has(sha256) || this.#arrived.has(sha256) || isNeeded(sha256)) return;
    const removal = blobs.delete(sha256);
    this.#removing.set(
      sha256,
      removal.catch(() => {}),
    );
    try {
      await removal;
    } finally {
      this.#removing.delete(sha256);
    }
  }

  async #tell(parts: readonly Part[]): Promise<void> {
    const { store, clock } = this.#around;
    const told = this.#told;
    const news = parts.filter((part) => !told?.keys.has(keyOf(part)));
    if (!told || news.length === 0) return;
    const events = news.map(({ job, round, attempt, what, contents }) => {
      const bytes = contents.reduce((sum, content) => sum + content.bytes, 0);
      const data: ContentRemoved = {
        jobId: job.jobId,
        round,
        attempt,
        what,
        contents: contents.length,
        bytes,
      };
      return { type: 'contentRemoved', version: EVENT_VERSION, data };
    });
    await this.#note(news.filter(({ what }) => what === 'updates'));
    this.#told = undefined; // until it is known whether the events are there
    await store.append(STREAM, told.length, events, new Date(clock.now()));
    for (const part of news) told.keys.add(keyOf(part));
    this.#told = { keys: told.keys, length: told.length + events.length };
  }

  /** In the log, before the event that tells of it: a kill in between leaves an entry too many, and none too few. */
  async #note(parts: readonly Part[]): Promise<void> {
    if (parts.length === 0) return;
    const contents = parts.flatMap((part) => part.contents);
    const bytes = contents.reduce((sum, content) => sum + content.bytes, 0);
    const until = new Date(Math.max(...parts.map(({ endedAt = 0 }) => endedAt))).toISOString();
    const data = { what: 'updates', count: contents.length, bytes, until } as const;
    await this.#around.notes?.record({ type: 'retention.enforced', data });
  }

  async #readTold() {
    const events = await this.#around.store.read(STREAM);
    const keys = new Set<string>();
    for (const { data } of events) {
      const { jobId, ...part } = parse(ContentRemoved, data, STREAM);
      keys.add(keyOf({ job: { jobId }, ...part }));
    }
    return { keys, length: events.length };
  }

  #wake(at: number): void {
    this.#cancel?.();
    this.#cancel = undefined;
    if (at === Number.POSITIVE_INFINITY || this.#isClosed) return;
    this.#cancel = this.#around.clock.schedule(at, () => void this.#inTurn());
  }
}

/** What its present attempt holds, and what the job stands at. */
function* heldBy(state: JobState): Iterable<Sha256> {
  const { accepted, secure, candidate, model, strategyState } = state;
  for (const { sha256 } of accepted.values()) yield sha256;
  for (const messages of [secure?.shares, secure?.answers])
    for (const { sha256 } of messages?.values() ?? []) yield sha256;
  yield* [model, strategyState, candidate?.model, candidate?.strategyState].filter(
    (sha256) => sha256 != null,
  );
  yield* Object.values(candidate?.secure ?? {});
}

function presentOf(state: JobState): string | undefined {
  return hasEnded(state) ? undefined : `${state.round}/${state.attempt}`;
}

function keyOf({
  job,
  round,
  attempt,
  what,
}: Pick<Part, 'round' | 'attempt' | 'what'> & { readonly job: Pick<FollowedJob, 'jobId'> }): string {
  return `${job.jobId}/${round}/${attempt}/${what}`;
}

function lower(counts: Map<Sha256, number>, sha256: Sha256): void {
  const left = (counts.get(sha256) ?? 0) - 1;
  if (left > 0) counts.set(sha256, left);
  else counts.delete(sha256);
}
