/**
 * What the records of one secure attempt say happened: the rules of SPEC.md 8.1 and 11.7 once more, as an account of who
 * has said what, so that a mistake in `protocol/secagg/secure-phases.ts` is not repeated here.
 *
 * Throws `Violation` at the first record that should not be there.
 */
import type { NodeId } from '../../schemas/ids.ts';
import type { JobManifest } from '../../schemas/job.ts';
import { type RoundDescriptor, SecurePhase } from '../../schemas/secagg.ts';
import { Violation } from './violation.ts';

/** What follows from a record for the attempt as a whole. */
export type Course = 'goes on' | 'cohortTooSmall' | 'unmaskingFailed';

const PHASES: readonly SecurePhase[] = SecurePhase.anyOf.map((phase) => phase.const);

/** The phase of each message. */
const HOME = {
  keysAdvertised: 'advertising',
  sharesAccepted: 'sharing',
  updateAccepted: 'collecting',
  consentGiven: 'consenting',
  answerAccepted: 'unmasking',
} as const satisfies Record<string, SecurePhase>;

export type SecureRecord = keyof typeof HOME;

export function isSecureRecord(type: string): type is SecureRecord {
  return Object.hasOwn(HOME, type);
}

export class SecureAccount {
  readonly threshold: number;
  readonly #cohort: readonly NodeId[];
  readonly #size: number;
  readonly #least: number;
  readonly #deadlines: RoundDescriptor['deadlines'];
  readonly #said = new Map<SecurePhase, Set<NodeId>>(PHASES.map((phase) => [phase, new Set()]));
  readonly #declined = new Set<NodeId>();
  #phase: SecurePhase = 'advertising';
  #isOverdue = false;
  #isOpened = false;

  constructor(
    { cohort: { size, extra = 0, minimum } }: JobManifest,
    cohort: readonly NodeId[],
    deadlines: RoundDescriptor['deadlines'],
  ) {
    this.threshold = thresholdFor(size + extra);
    this.#size = size;
    this.#least = Math.max(minimum, this.threshold);
    this.#cohort = cohort;
    this.#deadlines = deadlines;
  }

  get phase(): SecurePhase {
    return this.#phase;
  }

  /** The sum may be made: the secrets are known that it takes. */
  get isOpened(): boolean {
    return this.#isOpened;
  }

  /** U3, once it is fixed. */
  get survivors(): ReadonlySet<NodeId> | undefined {
    return this.#isBehind('collecting') ? this.#list('collecting') : undefined;
  }

  /** Whoever still owes the present phase something. */
  get awaited(): NodeId[] {
    if (this.#isOverdue || this.#isOpened) return [];
    return this.#asked().filter((node) => !this.#list(this.#phase).has(node) && !this.#declined.has(node));
  }

  say(type: SecureRecord, node: NodeId): Course {
    const home = HOME[type];
    if (this.#isBehind(home) || this.#isOverdue || this.#isOpened)
      throw new Violation('nothing after the close', `${type} of ${node}`);
    if (this.#phase !== home) throw new Violation('phases in their order', `${type} while ${this.#phase}`);
    this.#requireAsked(type, node);
    const said = this.#list(home);
    if (said.has(node) || this.#declined.has(node))
      throw new Violation('one word of each node', `${type} of ${node}, which has answered`);
    said.add(node);
    return this.#settle();
  }

  /** What has been told to nobody yet is taken back; what others rely on stays. */
  decline(node: NodeId): Course {
    if (this.#isOpened) throw new Violation('nothing after the close', `${node} declines`);
    this.#requireAsked('taskDeclined', node);
    const said = this.#list(this.#phase);
    if (this.#declined.has(node) || (this.#phase === 'unmasking' && said.has(node)))
      throw new Violation('one word of each node', `${node} declines, which has answered`);
    this.#declined.add(node);
    if (this.#phase === 'advertising' || this.#phase === 'sharing') said.delete(node);
    return this.#settle();
  }

  /** @param at the time of the coordinator, which nobody sets; undefined where somebody does */
  passDeadline(phase: string, at: number | undefined): Course {
    if (phase !== this.#phase || this.#isOverdue || this.#isOpened)
      throw new Violation('one close', `the deadline of ${phase} while ${this.#phase}`);
    const early = Date.parse(this.#deadlines[this.#phase]) - (at ?? Number.POSITIVE_INFINITY);
    if (early > 0) throw new Violation('time to deliver', `${phase} closed ${early} ms before its deadline`);
    if (this.#phase !== 'unmasking') return this.#close();
    if (this.#list('unmasking').size < this.threshold) return 'unmaskingFailed';
    this.#isOverdue = true;
    return 'goes on';
  }

  /** @param answers by whose help */
  open(answers: readonly NodeId[]): void {
    const given = this.#list('unmasking');
    if (this.#phase !== 'unmasking' || this.#isOpened)
      throw new Violation('opened once, after answers', `while ${this.#phase}`);
    const distinct = new Set(answers);
    if (distinct.size < this.threshold || answers.some((node) => !given.has(node)))
      throw new Violation('as many answers as the threshold', `${distinct.size} of ${this.threshold}`);
    this.#isOpened = true;
  }

  #settle(): Course {
    const said = this.#list(this.#phase);
    const asked = this.#asked();
    const able = asked.filter((node) => !this.#declined.has(node)).length;
    const possible = asked.filter((node) => said.has(node) || !this.#declined.has(node)).length;
    // Those who are asked for updates, or for consents, are those who have to open the sum.
    const mustHelp = this.#phase === 'collecting' || this.#phase === 'consenting';
    if (possible < this.#needed() || (mustHelp && able < this.threshold)) return this.#failure();
    if (this.#phase === 'unmasking') return 'goes on';
    const suffices =
      (this.#phase === 'collecting' && said.size >= this.#size) ||
      (this.#phase === 'consenting' && said.size >= this.threshold);
    return suffices || this.awaited.length === 0 ? this.#close() : 'goes on';
  }

  #close(): Course {
    const said = this.#list(this.#phase);
    const able = [...said].filter((node) => !this.#declined.has(node)).length;
    const isTooFew = said.size < this.#needed() || (this.#phase === 'collecting' && able < this.threshold);
    if (isTooFew) return this.#failure();
    this.#phase = PHASES[PHASES.indexOf(this.#phase) + 1] ?? this.#phase;
    return 'goes on';
  }

  #failure(): Course {
    return this.#phase === 'unmasking' ? 'unmaskingFailed' : 'cohortTooSmall';
  }

  #needed(): number {
    return this.#isBehind('collecting') ? this.threshold : this.#least;
  }

  #requireAsked(what: string, node: NodeId): void {
    if (!this.#cohort.includes(node)) throw new Violation('only the cohort', `${what} of ${node}`);
    if (!this.#asked().includes(node)) throw new Violation('only who kept up', `${what} of ${node}`);
  }

  /** Those whose message of the phase before has come; survivors alone are asked for consents and for answers. */
  #asked(): NodeId[] {
    if (this.#phase === 'advertising') return [...this.#cohort];
    const before = this.#phase === 'unmasking' ? 'collecting' : PHASES[PHASES.indexOf(this.#phase) - 1];
    return [...this.#list(before ?? 'advertising')];
  }

  #isBehind(phase: SecurePhase): boolean {
    return PHASES.indexOf(this.#phase) > PHASES.indexOf(phase);
  }

  #list(phase: SecurePhase): Set<NodeId> {
    return this.#said.get(phase) as Set<NodeId>;
  }
}

/** t, SPEC.md 11.2: more than half of all, with a sixth of them to spare. */
export function thresholdFor(participants: number): number {
  return Math.floor((2 * participants) / 3) + 1;
}
