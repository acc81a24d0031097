// covers: protocol/audit/report/job-activity.ts, protocol/audit/report/federation-activity.ts
import { expect, test } from 'vitest';
import { ALL, type Period, parsePeriod } from '../../../../protocol/audit/period.ts';
import { PeriodReportFold } from '../../../../protocol/audit/report/period-report.ts';
import { asked, nodeId, PlantedEntries, sha256 } from '../../../fixtures/planted-entries.ts';

const since = '2026-11-01T00:00:00.000Z';

/** A job goes from the last day of October into November. */
function world() {
  const log = new PlantedEntries('2026-10-31T00:00:00.000Z');
  log.add('admin.started', { software: 'hanse/1', origin: 'o' });
  log.member('a', 'clinic-a');
  log.member('b', 'clinic-b');
  const job = log.job('triage', 'b');
  log.add('privacy.reserved', {
    ...{ jobId: job, unit: 'example', delta: 1e-5, mechanism: 'gaussian', epsilon: 1, stated: 1 },
  });
  log.round(job, 1, ['a', 'b'], { epsilon: 0.25, opened: 1 });
  while (log.entries.length < 24) log.add('witness.silent', { witness: 'w', since });
  const november = log.entries.length;
  const model = log.round(job, 2, ['a', 'b'], { epsilon: 0.5, opened: 2 });
  const of = { jobId: job, round: 3, attempt: 1 };
  log.add('round.opened', { ...of, size: 2, deadline: since });
  const withheld = log.add('round.unreleased', {
    ...of,
    code: 'aggregatedUnreleased',
    cosigned: 1,
    needed: 2,
  });
  log.add('model.downloaded', { jobId: job, round: 2, model, count: 3 });
  log.add('model.downloaded', { jobId: job, round: 2, model, count: 1 });
  log.add('access.denied', {
    actor: 'anonymous',
    since,
    count: 5,
    codes: { signatureMissing: 5 },
    policies: { p: 2 },
  });
  log.add(
    'reading.session',
    { first: 1, last: 9, count: 9, since, until: since },
    { hidden: { reader: nodeId('a') } },
  );
  const revoked = log.add('member.revoked', { nodeId: nodeId('a'), reason: 'gone', by: nodeId('b') });
  const policy = { policy: sha256('w'), witnesses: 2, needed: 2 };
  const adopted = log.add('witness.policyAdopted', policy);
  return { log, job, november, withheld, revoked, adopted };
}

function reportOf(log: PlantedEntries, period: Period = ALL) {
  const report = asked(new PeriodReportFold(period), log.entries).report();
  const rows = (name: string) => report.tables[name]?.rows.map(({ cells }) => cells) ?? [];
  const leaves = (name: string) => report.tables[name]?.rows.map(({ leaves: of }) => of.leaves) ?? [];
  return { report, rows, leaves };
}

test('tells of a month what happened in it, and what was spent before', () => {
  const { log, job, november, withheld, revoked, adopted } = world();
  const { report, rows, leaves } = reportOf(log, parsePeriod('2026-11'));
  expect(report.entries).toBe(log.entries.length - november);
  expect(rows('jobs')).toMatchObject([
    {
      ...{ job, name: 'triage', by: 'clinic-b', attempts: 2, released: 1, updates: 2, failed: 0 },
      ...{ unit: 'example', reserved: 1, spentBefore: 0.25, spent: 0.5, outcome: '2 rounds released' },
    },
  ]);
  expect(rows('epsilon')).toEqual([{ unit: 'example', jobs: 0, reserved: 0, spent: 0.25 }]);
  expect(report.spending).toMatchObject({
    spans: ['2026-11-01'],
    kinds: [{ name: 'example', amounts: [0.25] }],
  });
  expect(leaves('withheld')).toEqual([[withheld]]);
  expect(rows('downloads')).toMatchObject([{ job, round: 2, members: 4 }]);
  expect(rows('denials')).toMatchObject([{ code: 'signatureMissing', requests: 5 }]);
  expect(rows('deniedBy')).toMatchObject([{ policy: 'p', requests: 2 }]);
  expect(rows('readings')).toMatchObject([{ reader: nodeId('a'), entries: 9 }]);
  expect(rows('organisations')).toEqual([{ organisation: 'clinic-a', came: 0, went: 1 }]);
  expect(leaves('members')).toEqual([[revoked]]);
  expect(leaves('witnessesPolicies')).toEqual([[adopted]]);
  expect(rows('coordinator')).toEqual([]);
});

test('months add up to the whole', () => {
  const { log } = world();
  const [october, november, all] = ['2026-10', '2026-11', 'all'].map((name) =>
    reportOf(log, parsePeriod(name)),
  );
  const counts = (of: typeof all) =>
    Object.fromEntries(of?.rows('types').map(({ type, entries }) => [String(type), Number(entries)]) ?? []);
  const [first, second, whole] = [counts(october), counts(november), counts(all)];
  for (const [type, entries] of Object.entries(whole))
    expect((first[type] ?? 0) + (second[type] ?? 0), type).toBe(entries);
  expect(all?.report.entries).toBe(log.entries.length);
  expect(all?.rows('epsilon')).toEqual([{ unit: 'example', jobs: 1, reserved: 1, spent: 0.5 }]);
  expect(all?.rows('alarms').length).toBeGreaterThan(0);
});

test('nothing of a period in which nothing happened', () => {
  const { log } = world();
  const { report } = reportOf(log, parsePeriod('1999'));
  expect(report.entries).toBe(0);
  expect(Object.values(report.tables).flatMap(({ rows }) => rows)).toEqual([]);
});
