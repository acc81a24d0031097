/**
 * A periodic report of an auditor: all of its numbers, from verified entries alone. SPEC.md 13.15. Pure; the same log and period
 * give the same report. How it is shown is `client/audit/report-page.ts`.
 */
import type { AnswerTable } from '../answer.ts';
import type { Period } from '../period.ts';
import { Denials } from '../questions/denials.ts';
import { PolicyChanges } from '../questions/policy-changes.ts';
import type { VerifiedEntry } from '../verified-entries.ts';
import type { Series } from './day-series.ts';
import { FederationActivity } from './federation-activity.ts';
import { JobActivity } from './job-activity.ts';

export interface PeriodReport {
  readonly period: Period;
  /** Of the period. */
  readonly entries: number;
  readonly days: Series;
  readonly spending: Series;
  /** By name. */
  readonly tables: Readonly<Record<string, AnswerTable>>;
  /** Jobs that are not remembered. */
  readonly jobsLeftOut: number;
}

export class PeriodReportFold {
  readonly #period: Period;
  readonly #federation: FederationActivity;
  readonly #jobs: JobActivity;
  readonly #denials: Denials;
  readonly #policies: PolicyChanges;

  constructor(period: Period) {
    this.#period = period;
    this.#federation = new FederationActivity(period);
    this.#jobs = new JobActivity(period);
    this.#denials = new Denials(period);
    this.#policies = new PolicyChanges(period);
  }

  take(entry: VerifiedEntry): void {
    this.#federation.take(entry);
    this.#jobs.take(entry);
    this.#denials.take(entry);
    this.#policies.take(entry);
  }

  /** When all entries have gone by. */
  report(): PeriodReport {
    const denials = this.#denials.answer().tables;
    const policies = this.#policies.answer().tables;
    const tables: Record<string, AnswerTable> = { ...this.#federation.tables, ...this.#jobs.tables };
    for (const table of denials) tables[table.name === 'policies' ? 'deniedBy' : table.name] = table;
    for (const table of policies) tables[`${table.name}Policies`] = table;
    return {
      ...{ period: this.#period, entries: this.#federation.entries, tables },
      ...{ days: this.#federation.days, spending: this.#jobs.spending, jobsLeftOut: this.#jobs.leftOut },
    };
  }
}
