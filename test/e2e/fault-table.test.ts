/**
 * What befalls real processes and connections at every phase of a round ends in a result or in an abort with a name, and
 * loses nothing that was acknowledged. `npm run faults` runs every row and writes `sim/fuzz/results/fault-table.md`;
 * here each fault is done once, and something to each phase.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { FaultBench, ROW_MS } from './fault-bench.ts';
import { judge } from './fault-judge.ts';
import { writeReport } from './fault-report.ts';
import { FAULTS, type Fault, PHASES, type Phase, type RowResult, runRow } from './fault-table.ts';
import { isBuilt } from './hanse-process.ts';

const isWhole = process.env.HANSE_FAULTS === 'whole';

const PART: readonly (readonly [Fault, Phase])[] = [
  ['coordinator killed', 'aggregation'],
  ['coordinator stopped', 'waiting'],
  ['coordinator clock forward', 'model release'],
  ['coordinator clock back', 'enrolling'],
  ['participant killed', 'training'],
  ['participant stopped', 'update upload'],
  ['participant clock forward', 'task fetch'],
  ['participant clock back', 'model download'],
  ['connection cut', 'update upload'],
  ['delivered twice', 'acknowledged'],
  ['delivered late', 'evaluation'],
  ['slow reader', 'model download'],
];
const WHOLE = FAULTS.flatMap((fault) => PHASES.map((phase) => [fault, phase] as const));
const ROWS = isWhole ? WHOLE : PART;

test('each fault, and each phase', () => {
  expect(new Set(ROWS.map(([fault]) => fault))).toEqual(new Set(FAULTS));
  expect(new Set(ROWS.map(([, phase]) => phase))).toEqual(new Set(PHASES));
});

test('the report has a cell for each row', () => {
  const folder = mkdtempSync(join(tmpdir(), 'hanse-report-'));
  const row = { updates: 4, model: 'a', seconds: 1 };
  const rows: RowResult[] = [
    { ...row, fault: 'slow reader', phase: 'waiting', isUndisturbed: true, endings: ['1/1 released'] },
    {
      ...{ ...row, fault: 'connection cut', phase: 'waiting', isUndisturbed: false },
      endings: ['1/1 cohortTooSmall', '1/2 released'],
    },
  ];
  writeReport(rows, folder);
  const table = readFileSync(join(folder, 'fault-table.md'), 'utf8');
  expect(table).toMatch(/\| slow reader \| not run \| = \| not run/);
  expect(table).toMatch(/\| connection cut \| not run \| 1\/1: cohortTooSmall \| not run/);
  expect(JSON.parse(readFileSync(join(folder, 'fault-table.json'), 'utf8')).results).toEqual(rows);
  rmSync(folder, { recursive: true });
});

describe.skipIf(!isBuilt || process.platform === 'win32')(
  'faults (needs the build: npm test makes it)',
  () => {
    const results: RowResult[] = [];
    let bench: FaultBench;

    beforeAll(async () => {
      bench = await FaultBench.open();
    });
    afterAll(() => bench?.end());

    test.each(ROWS)(
      '%s: %s',
      async (fault, phase) => {
        results.push(await runRow(bench, fault, phase));
      },
      ROW_MS,
    );

    test('the judge is not blind', async () => {
      const jobId = await bench.createJob(20, async () => {});
      const { manifest, phase } = await bench.federation.jobAtEnd(jobId);
      expect(phase).toBe('finished');
      const records = (await bench.federation.records()).filter(({ stream }) => stream === `job/${jobId}`);
      const blobs = join(bench.federation.dataDir, 'blobs');
      const receipts = bench.proxies.a.receipts.filter((receipt) => receipt.jobId === jobId);
      expect(receipts).toHaveLength(2);
      const fair = judge(manifest, records, blobs, receipts);
      expect(fair).toMatchObject({ endings: ['1/1 released', '2/1 released'], updates: 4 });
      const [first, second] = receipts as [(typeof receipts)[0], (typeof receipts)[0]];
      // An update that was acknowledged and is not counted; one counted elsewhere; a sum of other updates; no end.
      const lost = { ...first, sha256: '0'.repeat(64) };
      expect(() => judge(manifest, records, blobs, [lost])).toThrow('not counted');
      expect(() => judge(manifest, records, blobs, [{ ...first, place: second.place }])).toThrow(
        'not counted',
      );
      const swapped = records.map((record) =>
        record.type === 'updateAccepted' && (record.data as typeof first).sha256 === first.sha256
          ? { ...record, data: { ...(record.data as object), sha256: second.sha256 } }
          : record,
      );
      expect(() => judge(manifest, swapped, blobs, [])).toThrow('its updates make it');
      expect(() => judge(manifest, records.slice(0, -1), blobs, receipts)).toThrow('has not ended');
    });

    test.skipIf(!isWhole)('every row is in the results', () => {
      expect(results).toHaveLength(WHOLE.length);
      writeReport(results);
    });
  },
);
