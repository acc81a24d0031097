import { describe, expect, test } from 'vitest';
import type { AuditReport, AuditTest } from '../../../sim/privacy-audit/audit-report.ts';
import { describeSummary } from '../../../sim/privacy-audit/describe-report.ts';
import { isRight, SELF_TESTS, summaryOf } from '../../../sim/privacy-audit/self-test.ts';

function report(alarms: AuditTest[], ratio: number): AuditReport {
  return {
    alarms,
    variance: { ratio },
    correlation: { commonShare: 0 },
    canaries: { epsilon: 10 * ratio },
    estimate: { epsilon: 2 },
  } as unknown as AuditReport;
}

describe('an audit of audits', () => {
  test('an honest job is to alarm nobody, a fault those that are there to find it, at least', () => {
    expect(SELF_TESTS).toEqual([null, 'noise10', 'halved', 'noclip', 'seed']);
    expect([isRight(null, []), isRight(null, ['canaries'])]).toEqual([true, false]);
    expect([isRight('halved', ['variance']), isRight('halved', [])]).toEqual([true, false]);
    expect([isRight('noise10', ['variance']), isRight('noise10', ['variance', 'canaries'])]).toEqual([
      false,
      true,
    ]);
    // Ten times the same noise is one sample for ten: its variance may well be off.
    expect(isRight('seed', ['variance', 'correlation'])).toBe(true);
    expect(isRight('noclip', ['variance', 'correlation'])).toBe(false);
  });

  test('counts alarms and failures, and tells the ends of each figure', () => {
    const summary = summaryOf('halved', [report(['variance'], 0.25), report([], 0.26)]);
    expect(summary).toMatchObject({ audits: 2, failures: 1, variance: [0.25, 0.26], lowerBound: [2.5, 2.6] });
    expect(summary.alarms).toEqual({ variance: 1, correlation: 0, canaries: 0 });
    expect(describeSummary(summary)).toBe(
      'halved: found by variance 1/2; noise 0.250 to 0.260 of what was promised, epsilon >= 2.50 to 2.60: WRONG in 1 of 2',
    );
    expect(describeSummary(summaryOf(null, [report([], 1)]))).toBe(
      'honest: found by nothing; noise 1.000 of what was promised, epsilon >= 10.00: right',
    );
  });
});
