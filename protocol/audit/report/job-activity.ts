/**
 * What the jobs of a log did in a period, and what they have taken of privacy in it, for each unit. Epsilons of jobs are added up: that
 * is more than is lost in truth, and never less, as jobs may be about the data of others. Pure.
 */
import type { AuditData } from '../../../schemas/audit-event.ts';
import { type AnswerTable, type Cells, RowBook } from '../answer.ts';
import { JobBook, outcomeOf } from '../job-book.ts';
import { Participants } from '../participants.ts';
import { dayOf, isWithin, type Period } from '../period.ts';
import type { VerifiedEntry } from '../verified-entries.ts';
import { DaySeries, type Series } from './day-series.ts';

interface JobCells extends Cells {
  readonly job: string;
  readonly name: string;
  readonly purpose: string;
  by: string;
  attempts: number;
  released: number;
  failed: number;
  updates: number;
  declined: number;
  outcome: string;
  readonly unit: string;
  reserved: number | null;
  spentBefore: number;
  spent: number;
  accuracy: number | null;
  model: string | null;
}

interface EpsilonCells extends Cells {
  readonly unit: string;
  jobs: number;
  reserved: number;
  spent: number;
}

const COUNTED: Readonly<Record<string, 'attempts' | 'released' | 'failed' | 'updates' | 'declined'>> = {
  'round.opened': 'attempts',
  'round.released': 'released',
  'round.failed': 'failed',
  'round.updateAccepted': 'updates',
  'round.declined': 'declined',
};

export class JobActivity {
  readonly #period: Period;
  readonly #jobs = new JobBook();
  readonly #participants = new Participants();
  readonly #rows = new RowBook<JobCells>();
  readonly #withheld = new RowBook();
  readonly #epsilon = new RowBook<EpsilonCells>(16);
  readonly #spending = new DaySeries();

  constructor(period: Period) {
    this.#period = period;
  }

  take(entry: VerifiedEntry): void {
    this.#participants.take(entry);
    const { type, leaf, event } = entry;
    const isAsked = isWithin(this.#period, event.time);
    const jobId = (event.data as { readonly jobId?: string }).jobId ?? '';
    const spent = this.#jobs.of(jobId)?.spent?.epsilon ?? 0;
    const job = this.#jobs.take(entry);
    if (!job || !isAsked) return;
    const cells = this.#rows.at(jobId, leaf, () => ({
      ...{ job: jobId, name: job.name, purpose: job.purpose },
      by: this.#participants.organisationOf(job.by) ?? job.by,
      ...{ attempts: 0, released: 0, failed: 0, updates: 0, declined: 0, outcome: '' },
      ...{ unit: job.unit, reserved: job.reserved?.epsilon ?? null, spentBefore: spent, spent },
      ...{ accuracy: null, model: null },
    }));
    const column = COUNTED[type];
    if (cells) {
      if (column !== undefined) cells[column] += 1;
      if (type === 'round.evaluated') cells.accuracy = job.accuracy ?? null;
      cells.outcome = outcomeOf(job);
      if (type === 'round.released') cells.model = job.model ?? null;
    }
    if (type === 'round.unreleased') this.#withhold(entry);
    if (type === 'privacy.reserved') {
      const { epsilon, unit } = event.data as AuditData<'privacy.reserved'>;
      if (cells) cells.reserved = epsilon;
      const total = this.#epsilon.at(unit, leaf, () => ({ unit, jobs: 0, reserved: 0, spent: 0 }));
      if (total) Object.assign(total, { jobs: total.jobs + 1, reserved: total.reserved + epsilon });
    }
    if (type === 'privacy.spent') {
      const { epsilon, unit } = event.data as AuditData<'privacy.spent'>;
      const more = Math.max(0, epsilon - spent);
      if (cells) cells.spent = epsilon;
      const total = this.#epsilon.at(unit, leaf, () => ({ unit, jobs: 0, reserved: 0, spent: 0 }));
      if (total) total.spent += more;
      this.#spending.add(dayOf(event.time), unit, more);
    }
  }

  #withhold({ leaf, event }: VerifiedEntry): void {
    const { jobId, round, attempt, cosigned, needed } = event.data as AuditData<'round.unreleased'>;
    this.#withheld.add(leaf, { time: event.time, job: jobId, round, attempt, cosigned, needed });
  }

  /** Epsilon by day and unit: what was spent on it. */
  get spending(): Series {
    return this.#spending.series();
  }

  get tables(): Readonly<Record<'jobs' | 'epsilon' | 'withheld', AnswerTable>> {
    return {
      jobs: this.#rows.table('jobs', 'Jobs of which entries of this period tell; counts are of this period'),
      epsilon: this.#epsilon.table(
        'epsilon',
        'Epsilon that jobs have reserved and spent in this period, added up over jobs',
      ),
      withheld: this.#withheld.table(
        'withheld',
        'Rounds whose release had to wait, as too few witnesses had cosigned',
      ),
    };
  }

  /** Jobs that are not remembered. */
  get leftOut(): number {
    return this.#jobs.leftOut;
  }
}
