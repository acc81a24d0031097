/**
 * What befalls real processes between two messages of a secure round ends in the sum of those who are left, or in an abort
 * with a name; nobody answers twice. `npm run faults` runs every row and writes `sim/fuzz/results/secure-fault-table.md`;
 * here each fault is done once, and something to each phase.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ROW_MS } from './fault-bench.ts';
import { isBuilt } from './hanse-process.ts';
import { SecureFaultBench } from './secure-fault-bench.ts';
import { judgeSecure } from './secure-fault-judge.ts';
import { writeSecureReport } from './secure-fault-report.ts';
import {
  runSecureRow,
  SECURE_FAULTS,
  SECURE_PHASES,
  SECURE_ROWS,
  type SecureFault,
  type SecureFaultPhase,
  type SecureRowResult,
  trafficOf,
} from './secure-fault-table.ts';

const isWhole = process.env.HANSE_FAULTS === 'whole';

const PART: readonly (readonly [SecureFault, SecureFaultPhase])[] = [
  ['coordinator killed', 'aggregating'],
  ['coordinator killed before it acknowledges', 'collecting'],
  ['participant killed', 'sharing'],
  ['participant killed before it is acknowledged', 'advertising'],
  ['two participants killed', 'consenting'],
  ['two participants killed', 'unmasking'],
  ['two participants away', 'opening'],
  ['participant stopped', 'releasing'],
];
const ROWS = isWhole ? SECURE_ROWS : PART;

test('each fault, and each phase', () => {
  expect(new Set(ROWS.map(([fault]) => fault))).toEqual(new Set(SECURE_FAULTS));
  expect(new Set(ROWS.map(([, phase]) => phase))).toEqual(new Set(SECURE_PHASES));
});

test('the report has a cell for each row', () => {
  const folder = mkdtempSync(join(tmpdir(), 'hanse-report-'));
  const row = { course: {}, endings: [], model: 'a', seconds: 1, fault: 'participant killed' } as const;
  const rows: SecureRowResult[] = [
    { ...row, phase: 'sharing', first: 'bcd' },
    { ...row, phase: 'consenting', first: 'abcd' },
  ];
  writeSecureReport(rows, folder);
  const table = readFileSync(join(folder, 'secure-fault-table.md'), 'utf8');
  expect(table).toMatch(/\| participant killed \| not run \| bcd \| not run \| = \| not run/);
  expect(table).toMatch(
    /\| participant killed before it is acknowledged \|(?: not run \|){5} {2}\| {2}\| {2}\|\n/,
  );
  expect(JSON.parse(readFileSync(join(folder, 'secure-fault-table.json'), 'utf8')).results).toEqual(rows);
  rmSync(folder, { recursive: true });
});

describe.skipIf(!isBuilt || process.platform === 'win32')(
  'faults of secure rounds (needs the build: npm test makes it)',
  () => {
    const results: SecureRowResult[] = [];
    let bench: SecureFaultBench;

    beforeAll(async () => {
      bench = await SecureFaultBench.open();
    });
    afterAll(() => bench?.end());

    test.each(ROWS)(
      '%s: %s',
      async (fault, phase) => {
        results.push(await runSecureRow(bench, fault, phase));
      },
      2 * ROW_MS,
    );

    test('the judge is not blind', async () => {
      await bench.recover();
      const { federation } = bench;
      const jobId = await bench.createSecureJob(60);
      const job = await federation.jobAtEnd(jobId);
      const records = (await federation.records()).filter(({ stream }) => stream === `job/${jobId}`);
      const names = await bench.names();
      const traffic = trafficOf(bench, jobId);
      const fair = judgeSecure(job, records, names, traffic);
      const course = { '1/1': 'abcd', '2/1': 'abcd' };
      expect(fair).toEqual({ course, endings: ['1/1 released', '2/1 released'] });
      expect(await bench.plainModel(course)).toBe(job.model);
      // With other updates it is another model: that they are equal says something.
      expect(await bench.plainModel({ '1/1': 'bcd', '2/1': 'abcd' })).not.toBe(job.model);

      const changed = (type: string, change: object) =>
        records.map((record) =>
          record.type === type ? { ...record, data: { ...(record.data as object), ...change } } : record,
        );
      const opening = records.find(({ type }) => type === 'cohortSelected') ?? { data: {} };
      const { secure } = opening.data as { secure?: object };
      expect(() => judgeSecure(job, changed('cohortSelected', { secure }), names, traffic)).toThrow('nonce');
      expect(() => judgeSecure(job, changed('aggregated', { updates: 3 }), names, traffic)).toThrow('summed');
      const [node] = [...names].find(([, name]) => name === 'a') ?? [];
      expect(() => judgeSecure(job, changed('consentGiven', { node }), names, traffic)).toThrow('a second');
      expect(() => judgeSecure(job, records.slice(1), names, traffic)).toThrow('is next');

      // Three answers are enough, and nobody says whose comes last: two at least are recorded in both rounds.
      const recorded = (round: number) =>
        records
          .filter(
            ({ type, data }) => type === 'answerAccepted' && (data as { round: number }).round === round,
          )
          .map(({ data }) => names.get((data as { node: string }).node));
      const inBoth = recorded(1).find((name) => recorded(2).includes(name)) ?? '';
      const [first, second] = traffic.answers.get(inBoth) ?? [];
      if (!first || !second) throw new Error('two answers in two rounds');
      const saying = (...answers: (typeof first)[]) => ({
        ...traffic,
        answers: new Map(traffic.answers).set(inBoth, answers),
      });
      const other = '0'.repeat(64);
      const judged = (...answers: (typeof first)[]) => judgeSecure(job, records, names, saying(...answers));
      expect(judged(first, first, second)).toEqual(fair);
      expect(() => judged(first, { ...first, sha256: other }, second)).toThrow('answered twice in 1/1');
      expect(() => judged(first, { ...first, place: '1/2' }, second)).toThrow('two attempts from one model');
      expect(() => judged(first)).toThrow('has not sent the answer of 2/1');
      const receipts = new Map([['a', [{ jobId, place: '1/1', sha256: other }]]]);
      expect(() => judgeSecure(job, records, names, { ...traffic, receipts })).toThrow('not counted');
    });

    test.skipIf(!isWhole)('every row is in the results', () => {
      expect(results).toHaveLength(SECURE_ROWS.length);
      writeSecureReport(results);
    });
  },
);
