/** What a coordinator finds out about a ledger: older copies, second nodes, and nothing about honest ones. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { forkOf } from '../../../protocol/dp/ledger-comparison.ts';
import { parse } from '../../../protocol/parse.ts';
import { LedgerReport, REPORTED_JOBS_MAX } from '../../../schemas/privacy-ledger.ts';

const hashOf = (n: number) => n.toString(16).padStart(64, '0');
const jobOf = (n: number) => `job-${n.toString(16).padStart(16, '0')}`;
const headOf = (count: number, hash = count) => ({ count, hash: hashOf(hash) });

test('a ledger that only grows, and draws before it sends, is never suspected', () => {
  const steps = fc.array(fc.record({ job: fc.nat(3), isSent: fc.boolean(), isReported: fc.boolean() }));
  fc.assert(
    fc.property(steps, (all) => {
      const [drawn, accepted] = [new Map<string, number>(), new Map<string, number>()];
      let count = 0;
      let known: ReturnType<typeof headOf> | null = null;
      for (const { job, isSent, isReported } of all) {
        const jobId = jobOf(job);
        drawn.set(jobId, (drawn.get(jobId) ?? 0) + 1);
        count += 1;
        if (isSent) accepted.set(jobId, (accepted.get(jobId) ?? 0) + 1);
        if (!isReported) continue;
        const draws = [...drawn].map(([id, made]) => ({ jobId: id, draws: made }));
        const report = parse(LedgerReport, { head: headOf(count), draws }, 'report');
        expect(forkOf(report, known, accepted)).toBeUndefined();
        known = report.head;
      }
    }),
  );
});

describe('found out', () => {
  const draws = [{ jobId: jobOf(1), draws: 3 }];

  test.each<[what: string, head: ReturnType<typeof headOf>, accepted: [string, number][]]>([
    ['an older copy', headOf(9), []],
    ['another ledger of the same length', headOf(10, 11), []],
    ['an update without a draw', headOf(12), [[jobOf(1), 4]]],
    ['updates of a job that it does not know', headOf(12), [[jobOf(2), 1]]],
  ])('%s', (_what, head, accepted) => {
    expect(forkOf({ head: headOf(10), draws }, headOf(10), new Map([[jobOf(1), 3]]))).toBeUndefined();
    expect(forkOf({ head, draws }, headOf(10), new Map(accepted))).toMatch(/before|from which/);
  });
});

test('a report without room for all jobs is not taken for one that lacks draws', () => {
  const draws = Array.from({ length: REPORTED_JOBS_MAX }, (_, n) => ({ jobId: jobOf(n), draws: 1 }));
  const accepted = new Map([[jobOf(REPORTED_JOBS_MAX + 1), 2]]);
  expect(forkOf({ head: headOf(5), draws }, null, accepted)).toBeUndefined();
  expect(forkOf({ head: headOf(5), draws: draws.slice(1) }, null, accepted)).toBeDefined();
});
