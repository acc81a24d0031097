/**
 * What the records of one job say happened, kept by a second pair of eyes: the rules of SPEC.md 8.1 and 8.3 once more,
 * as accounts and not as a reducer, so that a mistake in `protocol/round.ts` is not repeated here.
 *
 * Throws `Violation` at the first record that should not be there.
 */

import { isLastingDecline } from '../../protocol/lasting-decline.ts';
import type { NodeId, Sha256 } from '../../schemas/ids.ts';
import type { JobManifest } from '../../schemas/job.ts';
import type { JobEvent } from '../../schemas/job-event.ts';
import type { StoredEvent } from '../../server/store/store.ts';
import { type Course, isSecureRecord, SecureAccount, thresholdFor } from './secure-account.ts';
import { Violation } from './violation.ts';

export interface Attempt {
  readonly round: number;
  readonly attempt: number;
  readonly cohort: readonly NodeId[];
  /** In the time of the world, milliseconds. */
  readonly openedAt: number;
  readonly updates: Map<NodeId, Sha256>;
  readonly declined: Set<NodeId>;
  /** Where updates are masked: who has said what. */
  readonly secure?: SecureAccount;
  /** When the present phase was entered, in the time of the world. */
  enteredAt: number;
  isClosed: boolean;
  candidate?: Sha256;
  /** Whether metrics have come, or their deadline has passed. */
  isEvaluated: boolean;
}

/** How an attempt ended: by a release, or by an abort with a name. */
export type Ending = 'released' | 'cohortTooSmall' | { readonly failed: string };

export class JobLedger {
  readonly manifest: JobManifest;
  /** Of the last release; the initial one before it. */
  model: Sha256;
  round = 1;
  attempt = 1;
  sequence = 0;
  outcome: 'finished' | 'failed' | undefined;
  current: Attempt | undefined;
  readonly endings = new Map<string, Ending>();
  /** Every update in the records, as `<round>/<attempt>/<node>`. */
  readonly counted = new Map<string, Sha256>();
  /** Every message of a secure attempt in the records, as `<record> <round>/<attempt>/<node>`. */
  readonly said = new Set<string>();
  /** The model that each attempt started from, as `<round>/<attempt>`. */
  readonly startedFrom = new Map<string, Sha256>();

  /** Who has declined for a reason that holds for every attempt, and has not reported anew since. */
  readonly #unsuited = new Set<NodeId>();
  readonly #isClockSteady: boolean;

  /**
   * @param expected what the author of the job has asked for
   * @param isClockSteady nobody sets the clock by which the coordinator tells deadlines
   */
  constructor(expected: JobManifest, isClockSteady: boolean) {
    this.manifest = expected;
    this.#isClockSteady = isClockSteady;
    this.model = expected.initialModel;
  }

  /**
   * @param at the time of the world
   * @returns the attempt whose updates have just been turned into a model, for somebody to recompute it
   */
  enter(record: StoredEvent, at: number): Attempt | undefined {
    this.sequence += 1;
    if (record.sequence !== this.sequence)
      throw new Violation('records without gaps', `event ${record.sequence} where ${this.sequence} is next`);
    if (this.outcome) throw new Violation('nothing after the end', `${record.type} after ${this.outcome}`);
    const event = { type: record.type, ...(record.data as object) } as JobEvent;
    if (event.type === 'jobCreated') {
      if (this.sequence !== 1) throw new Violation('one beginning', `jobCreated as event ${this.sequence}`);
      return undefined;
    }
    if (event.type === 'jobCancelled') throw new Violation('nobody cancelled', 'jobCancelled');
    if (event.type === 'nodeReported') {
      if (!this.#unsuited.delete(event.node))
        throw new Violation('only what changes something', `${event.node} reported, which was not apart`);
      return undefined;
    }
    if (event.round !== this.round || event.attempt !== this.attempt)
      throw new Violation(
        'states move forward',
        `${event.type} of ${event.round}/${event.attempt} in ${this.round}/${this.attempt}`,
      );
    if (event.type === 'cohortSelected') {
      this.#open(event, at);
      return undefined;
    }
    const { current } = this;
    if (!current) throw new Violation('a cohort comes first', `${event.type} while recruiting`);
    return this.#enterInto(current, event, at);
  }

  /** Whom the present attempt waits for. */
  get awaited(): readonly NodeId[] {
    const { current } = this;
    if (!current || current.isClosed) return [];
    const { secure, cohort, updates, declined } = current;
    return secure?.awaited ?? cohort.filter((node) => !updates.has(node) && !declined.has(node));
  }

  #enterInto(
    current: Attempt,
    event: Exclude<JobEvent, { type: 'jobCreated' | 'jobCancelled' | 'nodeReported' | 'cohortSelected' }>,
    at: number,
  ): Attempt | undefined {
    if (current.secure && isSecureRecord(event.type) && 'node' in event) {
      const phase = current.secure.phase;
      this.said.add(`${event.type} ${event.round}/${event.attempt}/${event.node}`);
      if (event.type === 'updateAccepted') {
        if (event.signature === undefined)
          throw new Violation('nothing plain leaves', `an update of ${event.node} without a signature`);
        current.updates.set(event.node, event.sha256);
        this.counted.set(`${event.round}/${event.attempt}/${event.node}`, event.sha256);
      }
      this.#follow(current, current.secure.say(event.type, event.node), phase, at);
      return undefined;
    }
    switch (event.type) {
      case 'updateAccepted':
        this.#collecting(current, event.node, event.type);
        current.updates.set(event.node, event.sha256);
        this.counted.set(`${event.round}/${event.attempt}/${event.node}`, event.sha256);
        this.#closeIfComplete(current);
        return undefined;
      case 'keysAdvertised':
      case 'sharesAccepted':
      case 'consentGiven':
      case 'answerAccepted':
        throw new Violation('plain sums', `${event.type} of ${event.round}/${event.attempt}`);
      case 'secretsOpened':
        if (!current.secure) throw new Violation('plain sums', 'secrets are opened');
        current.secure.open(event.answers);
        current.isClosed = true;
        return undefined;
      case 'taskDeclined':
        if (current.secure) {
          const { phase } = current.secure;
          const course = current.secure.decline(event.node);
          current.declined.add(event.node);
          if (isLastingDecline(event.code)) this.#unsuited.add(event.node);
          this.#follow(current, course, phase, at);
          return undefined;
        }
        this.#collecting(current, event.node, event.type);
        current.declined.add(event.node);
        if (isLastingDecline(event.code)) this.#unsuited.add(event.node);
        this.#closeIfComplete(current);
        return undefined;
      case 'deadlinePassed':
        if (event.phase === 'evaluating') this.#evaluate(current, 'the deadline of evaluating');
        else if (current.secure) {
          const course = current.secure.passDeadline(event.phase, this.#isClockSteady ? at : undefined);
          this.#follow(current, course, event.phase, at);
        } else this.#close(current, at);
        return undefined;
      case 'aggregated':
        if (!current.isClosed || current.candidate)
          throw new Violation('aggregated once, when complete', 'aggregated');
        if (event.updates !== current.updates.size)
          throw new Violation(
            'each update once',
            `${event.updates} summed, ${current.updates.size} accepted`,
          );
        if ((event.record !== undefined) !== (current.secure !== undefined))
          throw new Violation('a record of each secure round', `record ${event.record}`);
        current.candidate = event.model;
        current.isEvaluated = event.evaluateBy === null;
        return current;
      case 'aggregationFailed':
        this.#end({ failed: event.code });
        return undefined;
      case 'evaluated':
        this.#evaluate(current, 'metrics');
        return undefined;
      case 'evaluationDeclined':
        if (!current.candidate || current.isEvaluated)
          throw new Violation('evaluated once', `${event.node} declines to measure`);
        if (isLastingDecline(event.code)) this.#unsuited.add(event.node);
        return undefined;
      case 'evaluationGivenUp':
        this.#evaluate(current, 'giving up');
        return undefined;
      case 'releaseWithheld':
        if (!current.isEvaluated)
          throw new Violation('withheld once it is to be released', 'withheld before');
        return undefined;
      case 'released':
        if (!current.isEvaluated || current.candidate !== event.model)
          throw new Violation('released is what was aggregated', `${event.model} released`);
        this.model = event.model;
        this.#end('released');
        return undefined;
      default:
        event satisfies never;
        throw new Error('unreachable');
    }
  }

  #open(event: Extract<JobEvent, { type: 'cohortSelected' }>, at: number): void {
    const { cohort, round, attempt } = event;
    const { size, extra = 0 } = this.manifest.cohort;
    const isSecure = this.manifest.aggregation === 'secure';
    if (isSecure !== (event.secure !== undefined))
      throw new Violation('as the job says', `${isSecure ? 'no' : 'a'} description of a secure round`);
    const minimum = Math.max(this.manifest.cohort.minimum, isSecure ? thresholdFor(size + extra) : 0);
    if (this.current) throw new Violation('one cohort an attempt', `a second one in ${round}/${attempt}`);
    if (cohort.length < minimum || cohort.length > size + extra || new Set(cohort).size !== cohort.length)
      throw new Violation('a cohort of minimum to size', `${cohort.length} nodes`);
    const unsuited = cohort.find((node) => this.#unsuited.has(node));
    if (unsuited !== undefined)
      throw new Violation('who cannot take part is not asked again', `${unsuited} in ${round}/${attempt}`);
    const accounts = { updates: new Map(), declined: new Set<NodeId>() };
    const secure = event.secure && {
      secure: new SecureAccount(this.manifest, cohort, event.secure.descriptor.deadlines),
    };
    const moments = { openedAt: at, enteredAt: at };
    const open = { ...moments, ...accounts, ...secure, isClosed: false, isEvaluated: false };
    this.current = { round, attempt, cohort, ...open };
    this.startedFrom.set(`${round}/${attempt}`, this.model);
  }

  /** @param before the phase in which the record was written */
  #follow(current: Attempt, course: Course, before: string, at: number): void {
    if (course === 'cohortTooSmall') this.#end(course);
    else if (course === 'unmaskingFailed') this.#end({ failed: course });
    else if (current.secure?.phase !== before) current.enteredAt = at;
  }

  #collecting({ isClosed, cohort, updates, declined }: Attempt, node: NodeId, what: string): void {
    if (isClosed) throw new Violation('nothing after the close', `${what} of ${node}`);
    if (!cohort.includes(node)) throw new Violation('only the cohort', `${what} of ${node}`);
    if (updates.has(node) || declined.has(node))
      throw new Violation('one word of each node', `${what} of ${node}, which has answered`);
  }

  #closeIfComplete(current: Attempt): void {
    const { cohort, updates, declined } = current;
    if (cohort.length - declined.size < this.manifest.cohort.minimum) this.#end('cohortTooSmall');
    else {
      const isFull = updates.size === this.manifest.cohort.size;
      current.isClosed = isFull || updates.size + declined.size === cohort.length;
    }
  }

  #close(current: Attempt, at: number): void {
    if (current.isClosed) throw new Violation('one close', 'the deadline after the close');
    const early = current.openedAt + 1000 * this.manifest.deadlines.collectSeconds - at;
    // A little less than the deadline: it was set before the record of the cohort was written.
    if (this.#isClockSteady && early > 100)
      throw new Violation('time to deliver', `closed ${early} ms before the deadline`);
    if (current.updates.size < this.manifest.cohort.minimum) this.#end('cohortTooSmall');
    else current.isClosed = true;
  }

  #evaluate(current: Attempt, what: string): void {
    if (!current.candidate || current.isEvaluated) throw new Violation('evaluated once', what);
    current.isEvaluated = true;
  }

  #end(ending: Ending): void {
    this.endings.set(`${this.round}/${this.attempt}`, ending);
    this.current = undefined;
    const { rounds, maxAttempts } = this.manifest;
    if (ending === 'released') {
      this.attempt = 1;
      if (this.round === rounds) this.outcome = 'finished';
      else this.round += 1;
    } else if (this.attempt === maxAttempts) this.outcome = 'failed';
    else this.attempt += 1;
  }
}
