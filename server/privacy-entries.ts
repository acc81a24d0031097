/**
 * What the log tells of privacy: that a job reserves it, and what each opened attempt has spent. SPEC.md 13.12.
 *
 * These entries are of no events of their own. They follow from those of the job, wholly, so that the log can be checked against the
 * records: one event comes to one entry as it is (`audit-entries.ts`), and perhaps to one of these behind it.
 */
import { type JobEpsilon, jobEpsilon } from '../protocol/audit/job-epsilon.ts';
import { encodeLeaf } from '../protocol/audit/leaf.ts';
import { loggedEpsilon } from '../protocol/audit/logged-epsilon.ts';
import { HanseError } from '../protocol/problem.ts';
import { type AuditEvent, type AuditType, PRIVACY_STREAM } from '../schemas/audit-event.ts';
import type { JobEvent } from '../schemas/job-event.ts';
import { auditEnvelope } from './audit-envelope.ts';
import type { LogEntry } from './audit-log.ts';
import type { Store, StoredEvent } from './store/store.ts';

/** The name of the cursor that has the first position whose jobs have such entries. */
export const PRIVACY_SOURCE = 'privacy';

const JOB = 'job/';
/** Events of a job that are read together. */
const PAGE = 1000;

/** Of events of these types, what the store has beside the type. */
type Created = Extract<JobEvent, { type: 'jobCreated' }>;
type Opening = Extract<JobEvent, { type: 'secretsOpened' | 'aggregated' }>;

interface PrivateJob {
  readonly jobId: string;
  readonly promise: JobEpsilon;
  /** Sequences of the events that have opened a sum. */
  readonly opened: number[];
}

/** Takes events in the order of their streams; one that comes again comes to the same. */
export class PrivacyFold {
  readonly #coordinatorKey: string;
  readonly #from: number;
  /** By stream; null: it promises nothing, or is older. */
  readonly #jobs = new Map<string, PrivateJob | null>();

  /** @param coordinatorKey hex @param from the first position whose jobs have such entries */
  constructor(coordinatorKey: string, from: number) {
    this.#coordinatorKey = coordinatorKey;
    this.#from = from;
  }

  /** Whether the event can only be told of once those before it in its stream were taken. */
  lacks({ stream, type }: StoredEvent): boolean {
    return isOpening(type) && stream.startsWith(JOB) && !this.#jobs.has(stream);
  }

  /** What the event comes to besides; in most cases nothing. */
  eventOf(event: StoredEvent): AuditEvent | undefined {
    const { stream, type, data } = event;
    if (type === 'jobCreated') {
      if (!stream.startsWith(JOB)) return undefined;
      const job = this.#jobOf(event);
      this.#jobs.set(stream, this.#jobs.get(stream) ?? job);
      return job ? this.#reserved(event, job) : undefined;
    }
    if (!isOpening(type)) return undefined;
    const job = this.#jobs.get(stream);
    const opening = { ...(data as Opening), type } as Opening;
    // Of a secure round the sum is out once its secrets are.
    if (!job || (opening.type === 'aggregated' && opening.record !== undefined)) return undefined;
    return this.#spent(event, job, opening);
  }

  #jobOf({ stream, position, data }: StoredEvent): PrivateJob | null {
    if (position < this.#from) return null;
    const promise = promiseOf(data as Created);
    return promise ? { jobId: stream.slice(JOB.length), promise, opened: [] } : null;
  }

  #reserved(event: StoredEvent, { jobId, promise }: PrivateJob): AuditEvent {
    const { unit, delta, mechanism, promised, stated } = promise;
    const activity = `urn:hanse:job:${jobId}`;
    const epsilon = loggedEpsilon(promised);
    // Here and below in the order of the canonical form.
    const said = { delta, epsilon, jobId, mechanism, prov: { activity }, stated, unit };
    return this.#event(event, 'privacy.reserved', activity, said);
  }

  #spent(
    event: StoredEvent,
    { jobId, promise, opened: before }: PrivateJob,
    { round, attempt }: Opening,
  ): AuditEvent {
    if (event.sequence > (before.at(-1) ?? 0)) before.push(event.sequence);
    const opened = before.indexOf(event.sequence) + 1;
    const { unit, delta, after } = promise;
    const activity = `urn:hanse:round:${jobId}/${round}/${attempt}`;
    const epsilon = loggedEpsilon(after(opened));
    const said = { attempt, delta, epsilon, jobId, opened, prov: { activity }, round, unit };
    return this.#event(event, 'privacy.spent', activity, said);
  }

  #event({ stream, sequence, at }: StoredEvent, type: AuditType, subject: string, data: object): AuditEvent {
    const id = `${PRIVACY_STREAM}${stream.slice(JOB.length)}/${sequence}`;
    return auditEnvelope(this.#coordinatorKey, { id, type, subject, time: at, data });
  }
}

/** The same for whoever takes events from anywhere on: what it lacks is read from the store. */
export class PrivacyEntries {
  readonly #fold: PrivacyFold;
  readonly #store: Pick<Store, 'read'>;

  constructor(store: Pick<Store, 'read'>, fold: PrivacyFold) {
    this.#store = store;
    this.#fold = fold;
  }

  /** One, or none. @throws what the store throws */
  async of(event: StoredEvent): Promise<LogEntry[]> {
    if (this.#fold.lacks(event)) await this.#takeBefore(event);
    const said = this.#fold.eventOf(event);
    return said ? [{ bytes: encodeLeaf(said) }] : [];
  }

  async #takeBefore({ stream, sequence }: StoredEvent): Promise<void> {
    for (let after = 0; after < sequence - 1; ) {
      const page = await this.#store.read(stream, after, Math.min(PAGE, sequence - 1 - after));
      for (const event of page) this.#fold.eventOf(event);
      after = page.at(-1)?.sequence ?? sequence;
    }
  }
}

/** Whether an entry of privacy may stand behind that of an event of this type. */
export function mayTellOfPrivacy({ type }: Pick<StoredEvent, 'type'>): boolean {
  return type === 'jobCreated' || isOpening(type);
}

function isOpening(type: string): boolean {
  return type === 'secretsOpened' || type === 'aggregated';
}

/** A manifest that comes to no figures is told by whoever verifies the job: the log goes on. */
function promiseOf(created: Created): JobEpsilon | undefined {
  try {
    return jobEpsilon(created.manifest);
  } catch (error) {
    if (error instanceof HanseError || error instanceof RangeError || error instanceof TypeError)
      return undefined;
    throw error;
  }
}
