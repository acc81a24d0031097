/**
 * What has changed in policies: who may do what (SPEC.md 4.10), and who has to have cosigned the log (13.13). SPEC.md 13.15. Pure.
 */
import type { AuditData } from '../../../schemas/audit-event.ts';
import { type Cells, RowBook } from '../answer.ts';
import { Participants } from '../participants.ts';
import { ALL, isWithin, type Period } from '../period.ts';
import type { VerifiedEntry } from '../verified-entries.ts';
import type { Answer, Question } from './question.ts';

interface ChangeCells extends Cells {
  readonly time: string;
  readonly version: number | null;
  readonly by: string | null;
  readonly organisation: string | null;
  /** Ids of nodes. */
  readonly approvedBy: string | null;
  readonly why: string | null;
  readonly before: string | null;
  readonly after: string;
  readonly diff: string | null;
}

interface AdoptedCells extends Cells {
  readonly time: string;
  readonly before: string | null;
  readonly after: string;
  readonly witnesses: number;
  readonly needed: number;
}

/** Of versions that were proposed: as many as are remembered until they are adopted. */
const NOTES = 1000;

export class PolicyChanges implements Question {
  readonly #period: Period;
  readonly #participants = new Participants();
  readonly #access = new RowBook<ChangeCells>();
  readonly #steps = new RowBook();
  readonly #witnessing = new RowBook<AdoptedCells>();
  /** Why a version was proposed. */
  readonly #notes = new Map<number, string>();
  /** In force, and adopted last, also before the period. */
  #policies: string | null = null;
  #witnesses: string | null = null;
  #again = 0;

  constructor(period: Period = ALL) {
    this.#period = period;
  }

  take(entry: VerifiedEntry): void {
    this.#participants.take(entry);
    switch (entry.type) {
      case 'witness.policyAdopted':
        this.#adopt(entry);
        return;
      case 'policy.changed':
        this.#change(entry);
        return;
      case 'policy.proposed':
      case 'policy.approved':
      case 'policy.withdrawn':
        this.#step(entry);
        return;
      case 'admin.started':
        this.#start(entry);
        return;
      default:
    }
  }

  #isAsked({ event }: VerifiedEntry): boolean {
    return isWithin(this.#period, event.time);
  }

  #adopt(entry: VerifiedEntry): void {
    const { time, data } = entry.event;
    const { policy, witnesses, needed } = data as AuditData<'witness.policyAdopted'>;
    const before = this.#witnesses;
    this.#witnesses = policy;
    if (!this.#isAsked(entry)) return;
    if (before === policy) this.#again += 1;
    else this.#witnessing.add(entry.leaf, { time, before, after: policy, witnesses, needed });
  }

  #change(entry: VerifiedEntry): void {
    const { time, data } = entry.event;
    const { version, before, after, diff, by, approvedBy } = data as AuditData<'policy.changed'>;
    this.#policies = after;
    if (!this.#isAsked(entry)) return;
    const organisation = this.#participants.organisationOf(by) ?? null;
    const approved = approvedBy.length === 0 ? null : approvedBy.join(' ');
    const why = this.#notes.get(version) ?? null;
    this.#access.add(entry.leaf, {
      ...{ time, version, by, organisation, approvedBy: approved, why, before, after, diff },
    });
  }

  #step(entry: VerifiedEntry): void {
    const { event, type, leaf } = entry;
    const {
      version,
      by,
      note = null,
    } = event.data as Pick<AuditData<'policy.approved'>, 'version' | 'by'> &
      Partial<AuditData<'policy.proposed'>>;
    if (note !== null && this.#notes.size < NOTES) this.#notes.set(version, note);
    if (!this.#isAsked(entry)) return;
    const organisation = this.#participants.organisationOf(by) ?? null;
    this.#steps.add(leaf, { time: event.time, what: type, version, by, organisation, why: note });
  }

  /** Those of a newer version of the coordinator may be others, though nobody has decided so. */
  #start(entry: VerifiedEntry): void {
    const { time, data } = entry.event;
    const { policies, software } = data as AuditData<'admin.started'>;
    const before = this.#policies;
    if (policies === undefined || policies === before) return;
    this.#policies = policies;
    if (!this.#isAsked(entry)) return;
    const none = { version: null, by: null, organisation: null, approvedBy: null };
    const why = `in force at a start of ${software}`;
    this.#access.add(entry.leaf, { time, ...none, why, before, after: policies, diff: null });
  }

  answer(): Answer {
    const again = `${this.#again} further entries adopt the policy of witnesses that was in force before them`;
    return {
      isKnown: true,
      tables: [
        this.#access.table('access', 'Changes of who may do what'),
        this.#steps.table('steps', 'What was proposed, approved and withdrawn'),
        this.#witnessing.table('witnesses', 'Changes of who has to have cosigned the log'),
      ],
      notes: this.#again === 0 ? [] : [again],
    };
  }
}
