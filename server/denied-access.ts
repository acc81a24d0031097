/**
 * Requests that were refused for who has sent them, counted for the audit log: an entry for each of them would let anybody fill it.
 * SPEC.md 13.11.
 *
 * There is one entry for each actor and minute, with how many and why. An actor is a member whose signature was right; whoever has
 * none is `anonymous`, all of them together. Members beyond the first sixteen of a minute are `others`, together too: no minute has
 * more than eighteen entries. What was counted since the last entry is lost with a process that is killed.
 */
import type { Clock } from '../protocol/clock.ts';
import type { ProblemCode } from '../protocol/problem.ts';
import type { NodeId } from '../schemas/ids.ts';
import type { AuditNotes } from './audit-notes.ts';
import type { Report } from './seldom-report.ts';

const WINDOW_MS = 60_000;
const MOST_MEMBERS = 16;

/** For who has asked, and what that may do; not for what was asked. */
const DENIALS: ReadonlySet<ProblemCode> = new Set<ProblemCode>([
  'signatureMissing',
  'signatureInvalid',
  'signatureExpired',
  'requestReplayed',
  'memberUnknown',
  'memberRevoked',
  'keyRetired',
  'accessRefused',
  'notInCohort',
  'approvalPending',
  'enrolmentRefused',
  'admissionInvalid',
  'organisationKeyMismatch',
  'inviteUnknown',
  'inviteExpired',
  'inviteSpent',
  'linkUnknown',
  'linkExpired',
  'linkSpent',
  'passkeyUnknown',
  'passkeyRefused',
  'sessionEnded',
  'sessionStale',
  'originRefused',
  'tokenRefused',
  'credentialsAmbiguous',
]);

const ANONYMOUS = 'anonymous';
const OTHERS = 'others';

/** Policies of which an entry tells by name; more of them are told of together. */
const MOST_POLICIES = 32;

interface Counts {
  readonly codes: Map<ProblemCode, number>;
  /** By id of a policy that forbids. */
  readonly policies: Map<string, number>;
}

export interface DeniedAccessOptions {
  readonly notes: AuditNotes;
  readonly clock: Clock;
  readonly report: Report;
}

export class DeniedAccess {
  readonly #options: DeniedAccessOptions;
  /** By id of the member, `anonymous` or `others`. */
  #counts = new Map<string, Counts>();
  /** When the window began. */
  #since = 0;
  #cancel = () => {};
  #isClosed = false;
  #working = Promise.resolve();

  constructor(options: DeniedAccessOptions) {
    this.#options = options;
  }

  /**
   * @param member whose signature the request has; undefined where there is none, or a wrong one
   * @param forbiddenBy ids of the policies that have decided; none where nothing permits it
   */
  count(code: ProblemCode, member: NodeId | undefined, forbiddenBy: readonly string[] = []): void {
    if (this.#isClosed || !DENIALS.has(code)) return;
    const now = this.#options.clock.now();
    // A clock that was set back makes the window longer, and no more of them.
    if (this.#counts.size === 0 || now < this.#since) this.#begin(now);
    const { codes, policies } = this.#countsOf(member ?? ANONYMOUS);
    increase(codes, code);
    for (const policy of forbiddenBy)
      increase(policies, policies.has(policy) || policies.size < MOST_POLICIES ? policy : OTHERS);
  }

  /** Nothing is counted any more; resolves once what was counted is in the log, or was reported. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#end();
    await this.#working;
  }

  #begin(now: number): void {
    this.#cancel();
    this.#since = now;
    this.#cancel = this.#options.clock.schedule(now + WINDOW_MS, () => this.#end());
  }

  #countsOf(actor: string): Counts {
    const known = this.#counts.get(actor);
    if (known) return known;
    const members =
      this.#counts.size - Number(this.#counts.has(ANONYMOUS)) - Number(this.#counts.has(OTHERS));
    if (actor !== ANONYMOUS && actor !== OTHERS && members >= MOST_MEMBERS) return this.#countsOf(OTHERS);
    const counts: Counts = { codes: new Map(), policies: new Map() };
    this.#counts.set(actor, counts);
    return counts;
  }

  #end(): void {
    this.#cancel();
    const counted = this.#counts;
    const since = new Date(this.#since).toISOString();
    this.#counts = new Map();
    this.#working = Promise.all([this.#working, this.#record(counted, since)]).then(() => {});
  }

  /** Never rejects. */
  async #record(counted: ReadonlyMap<string, Counts>, since: string): Promise<void> {
    const { notes, report } = this.#options;
    const recorded = [...counted].map(([actor, counts]) => {
      const codes = Object.fromEntries(counts.codes);
      const count = [...counts.codes.values()].reduce((sum, one) => sum + one, 0);
      const policies = counts.policies.size > 0 ? { policies: Object.fromEntries(counts.policies) } : {};
      const isMember = actor !== ANONYMOUS && actor !== OTHERS;
      return notes.record({
        type: 'access.denied',
        data: { actor: isMember ? 'member' : actor, since, count, codes, ...policies },
        ...(isMember && { hidden: { member: actor } }),
      });
    });
    const [failed] = (await Promise.allSettled(recorded)).filter(({ status }) => status === 'rejected');
    if (failed?.status === 'rejected') report(failed.reason, 'noting denied requests in the log');
  }
}

function increase<Key>(counts: Map<Key, number>, key: Key): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}
