/**
 * Whether the entries of a log agree with each other, read in order: SPEC.md 13.5, 13.8. It keeps what the rounds of jobs are
 * checked by afterwards (`job-audit.ts`), and of everything else no more than where its stream has come to. Pure.
 *
 * Contradictions are `leafContradicts`:
 *   an event twice, or out of the order of its stream; a note that is not the next one, or in another stream than theirs
 *   an event of another coordinator than the one whose log it is, or in the stream of another job
 *   a round of a job that was not created; a second aggregation of an attempt
 *   privacy that is reserved twice or too late, or spent by what has not opened a sum, or twice
 *   a release of another model than was aggregated, twice, or out of turn
 */
import {
  type AuditData,
  type AuditEvent,
  type AuditType,
  NOTES,
  PRIVACY_STREAM,
} from '../../schemas/audit-event.ts';
import type { UpdateReceipt } from '../../schemas/update-receipt.ts';
import { HanseError } from '../problem.ts';
import type { Findings } from './findings.ts';
import { decodeLeaf, isNote, typeOf } from './leaf.ts';
import type { LoggedAttempt, LoggedJob } from './logged-job.ts';
import { endPrivacy, takePrivacy } from './privacy-audit.ts';

export interface LogAuditOptions {
  /** Only the rounds of this job are kept. */
  readonly job?: string | undefined;
  readonly receipts?: readonly UpdateReceipt[];
}

type RoundData = Pick<AuditData<'round.failed'>, 'jobId' | 'round' | 'attempt'>;

/** Of the stream of a job; others have names of their own. */
const JOB_STREAM = 'job/';

export class LogAudit {
  readonly jobs = new Map<string, LoggedJob>();
  /** Founded in the log. */
  federation: AuditData<'federation.created'> | undefined;
  readonly #origin: string;
  readonly #findings: Findings;
  readonly #job: string | undefined;
  /** By their keys: those that were not met yet. */
  readonly #receipts: Map<string, UpdateReceipt>;
  /** The last place of each stream. */
  readonly #places = new Map<string, number>();
  #source: string | undefined;
  /** Whether a job has reserved privacy. */
  #isReserving = false;
  /** Entries since the last note that are no events: each may have been one. */
  #unread = 0;

  /** @param origin of the log */
  constructor(origin: string, findings: Findings, { job, receipts = [] }: LogAuditOptions = {}) {
    this.#origin = origin;
    this.#findings = findings;
    this.#job = job;
    this.#receipts = new Map(receipts.map((receipt) => [receiptKey(receipt), receipt]));
  }

  /** The event, if nothing is wrong with it. @param bytes of the entry; attacker-controlled, though signed */
  add(leaf: number, bytes: Uint8Array): AuditEvent | undefined {
    try {
      const event = this.#read(bytes);
      this.#take(leaf, event, this.#placed(event));
      return event;
    } catch (error) {
      this.#findings.add(error, leaf);
      return undefined;
    }
  }

  /** When all entries were added. */
  end(): void {
    for (const job of this.jobs.values()) endPrivacy(job, this.#findings);
    for (const { jobId, round, attempt, sha256 } of this.#receipts.values())
      this.#findings.add(new HanseError('receiptMissing', { jobId, round, attempt, sha256 }));
  }

  #read(bytes: Uint8Array): AuditEvent {
    try {
      return decodeLeaf(bytes);
    } catch (error) {
      this.#unread += 1;
      throw error;
    }
  }

  /** @returns the stream of the event */
  #placed({ id, source }: AuditEvent): string {
    const [, stream = '', digits = ''] = /^(.+)\/(0|[1-9]\d{0,15})$/.exec(id) ?? [];
    const place = Number(digits);
    if (stream === '' || !Number.isSafeInteger(place)) throw contradicts('its id names no place of a stream');
    const last = this.#places.get(stream);
    if (place <= (last ?? -1))
      throw contradicts(`it is event ${place} of ${stream}, of which later ones went before`);
    this.#places.set(stream, place);
    if (stream === NOTES) this.#follows(place, last ?? 0);
    this.#source ??= source;
    if (source !== this.#source) throw contradicts('it is of another coordinator than those before it');
    const [, key = ''] = /^hanse\/coordinator\/([0-9a-f]{16})$/.exec(this.#origin) ?? [];
    if (!source.startsWith(`urn:hanse:coordinator:${key}`))
      throw contradicts('it is of another coordinator than the log');
    return stream;
  }

  /** Streams have events that the log has not; notes are nowhere else. */
  #follows(note: number, last: number): void {
    const skipped = note - last - 1;
    const isKnown = skipped >= 0 && skipped <= this.#unread;
    this.#unread = 0;
    if (!isKnown) throw contradicts(`it is note ${note}, and the one before it is ${last}`);
  }

  #take(leaf: number, event: AuditEvent, stream: string): void {
    const type = typeOf(event);
    const data = event.data as Partial<RoundData>;
    const isOfJob = type.startsWith('round.') || type.startsWith('job.');
    if (isOfJob && stream !== `${JOB_STREAM}${data.jobId}`)
      throw contradicts(`a ${type} in the stream ${stream}`);
    if (isNote(event) !== (stream === NOTES)) throw contradicts(`a ${type} in the stream ${stream}`);
    const isOfPrivacy = type.startsWith('privacy.');
    if (isOfPrivacy ? stream !== `${PRIVACY_STREAM}${data.jobId}` : stream.startsWith(PRIVACY_STREAM))
      throw contradicts(`a ${type} in the stream ${stream}`);
    if (type === 'federation.created') {
      if (this.federation) throw contradicts('a federation is founded twice');
      this.federation = event.data as AuditData<'federation.created'>;
      if (event.source !== `urn:hanse:coordinator:${this.federation.coordinatorKey}`)
        throw contradicts('a federation of another coordinator');
    }
    if (!isOfJob && !isOfPrivacy) return;
    if (type === 'job.created') this.#create(leaf, event.data as AuditData<'job.created'>);
    else {
      const job = this.jobs.get(data.jobId ?? '');
      if (!job) throw contradicts(`the job ${data.jobId} was not created`);
      if (type.startsWith('round.')) this.#takeRound(leaf, type, event.data as RoundData, job);
      if (isOfPrivacy) {
        this.#isReserving = true;
        takePrivacy(leaf, event, job);
      }
    }
  }

  #create(leaf: number, { jobId, manifestSha256 }: AuditData<'job.created'>): void {
    if (this.jobs.has(jobId)) throw contradicts(`the job ${jobId} was created before`);
    const privacy = { opened: 0, isDue: this.#isReserving, spent: [] };
    this.jobs.set(jobId, { jobId, manifestSha256, leaf, attempts: new Map(), released: 0, privacy });
  }

  #takeRound(leaf: number, type: AuditType, data: RoundData, job: LoggedJob): void {
    const { round, attempt } = data;
    const key = `${round}/${attempt}`;
    const known = job.attempts.get(key);
    if (type === 'round.opened') {
      if (known) throw contradicts(`attempt ${key} was opened before`);
      if (round !== job.released + 1) throw contradicts(`round ${round} after round ${job.released}`);
      job.attempts.set(key, { round, attempt, accepted: [], isOpened: false, isSpent: false, leaf });
      return;
    }
    if (!known) throw contradicts(`attempt ${key} was not opened`);
    switch (type) {
      case 'round.updateAccepted': {
        const update = data as AuditData<'round.updateAccepted'>;
        if (known.aggregated) throw contradicts(`an update after attempt ${key} was aggregated`);
        this.#receipts.delete(receiptKey(update));
        if (this.#job === undefined || this.#job === job.jobId) known.accepted.push(update.sha256);
        return;
      }
      case 'round.secretsOpened':
        open(known, job);
        return;
      case 'round.aggregated':
        if (known.aggregated) throw contradicts(`attempt ${key} was aggregated before`);
        open(known, job);
        known.aggregated = { ...(data as AuditData<'round.aggregated'>), leaf };
        return;
      case 'round.released': {
        const { model } = data as AuditData<'round.released'>;
        if (round !== job.released + 1) throw contradicts(`round ${round} is released after ${job.released}`);
        if (model !== known.aggregated?.model)
          throw contradicts(`a model is released that attempt ${key} has not come to`);
        job.released = round;
        known.released = { leaf };
        return;
      }
      default:
        return;
    }
  }
}

function open(attempt: LoggedAttempt, { privacy }: LoggedJob): void {
  if (!attempt.isOpened) privacy.opened += 1;
  attempt.isOpened = true;
}

function receiptKey({ jobId, round, attempt, sha256, bytes }: UpdateReceipt): string {
  return [jobId, round, attempt, sha256, bytes].join(' ');
}

function contradicts(reason: string): HanseError<'leafContradicts'> {
  return new HanseError('leafContradicts', { reason });
}
