/**
 * Whether an audit finds what it is there to find: an honest job and each planted fault, over several seeds.
 */
import type { AuditReport, AuditTest } from './audit-report.ts';
import { FOUND_BY, PLANTED_BREAKS, type PlantedBreak } from './planted-break.ts';

/** The least and the greatest over all seeds. */
export type Range = readonly [least: number, most: number];

export interface FaultSummary {
  /** Null: nothing was planted. */
  readonly fault: PlantedBreak | null;
  readonly audits: number;
  /** Audits in which not all tests alarmed that are there to find the fault; of honest jobs, those in which any did. */
  readonly failures: number;
  /** In how many audits each test alarmed. */
  readonly alarms: Readonly<Record<AuditTest, number>>;
  /** Variance of the noise over the promised one. */
  readonly variance: Range;
  readonly commonShare: Range;
  readonly lowerBound: Range;
  readonly estimate: Range;
}

export const SELF_TESTS: readonly (PlantedBreak | null)[] = [null, ...PLANTED_BREAKS];

/** Whether the tests that are there to find the fault have alarmed; where there is none, whether none has. */
export function isRight(fault: PlantedBreak | null, alarms: readonly AuditTest[]): boolean {
  return fault ? FOUND_BY[fault].every((test) => alarms.includes(test)) : alarms.length === 0;
}

/** @param reports at least one, all with the same fault */
export function summaryOf(fault: PlantedBreak | null, reports: readonly AuditReport[]): FaultSummary {
  const count = (test: AuditTest) => reports.filter(({ alarms }) => alarms.includes(test)).length;
  const range = (figure: (report: AuditReport) => number): Range => {
    const figures = reports.map((report) => Number(figure(report).toFixed(4)));
    return [Math.min(...figures), Math.max(...figures)];
  };
  return {
    fault,
    audits: reports.length,
    failures: reports.filter(({ alarms }) => !isRight(fault, alarms)).length,
    alarms: {
      variance: count('variance'),
      correlation: count('correlation'),
      canaries: count('canaries'),
    },
    variance: range((report) => report.variance.ratio),
    commonShare: range((report) => report.correlation.commonShare),
    lowerBound: range((report) => report.canaries.epsilon),
    estimate: range((report) => report.estimate.epsilon),
  };
}
