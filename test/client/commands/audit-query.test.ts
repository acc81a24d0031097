/** `hanse audit query` of a folder, and what its options mean. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { auditQueryCommand } from '../../../client/commands/audit-query.ts';
import { encodeLeaf } from '../../../protocol/audit/leaf.ts';
import { AGREED, JOB, leafOf } from '../../fixtures/asked-log.ts';
import { exportOf, writeExport } from '../../fixtures/exported-log.ts';
import { recordingIo } from '../../fixtures/recording-io.ts';

let folder: string;
let exported: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'hanse-query-'));
  exported = join(folder, 'exported');
  const failed = (round: number) =>
    leafOf('round.failed', { jobId: JOB.jobId, round, attempt: 1, code: 'cohortTooSmall' });
  const job = { ...JOB, name: '=HYPERLINK("evil")' };
  const events = [leafOf('agreement.concluded', AGREED), leafOf('job.created', job), failed(1), failed(2)];
  writeExport(exported, await exportOf(events.map(encodeLeaf)));
});
afterAll(() => rmSync(folder, { recursive: true }));

const refusal = (code: string) => expect.objectContaining({ code });
const command = auditQueryCommand(async () => expect.fail('no data directory was named'));

async function asked(options: object): Promise<readonly string[]> {
  const io = recordingIo();
  const identity = join(folder, 'me.json');
  await command.run({ args: [exported], options: { limit: 20, identity, ...options } as never }, io);
  return io.lines;
}

test('rows as a table, the newest first, and how many', async () => {
  const lines = await asked({ dataSet: 'scans' });
  expect(lines.map((line) => line.trim().split(/\s+/)[0])).toEqual(['3', '2', '1', '0', '4']);
  expect((await asked({ type: 'round.*', limit: 1 }))[0]).toContain('round 2');
  expect((await asked({ type: 'round.*', limit: 1, order: 'oldest' }))[0]).toContain('round 1');
  expect(await asked({ since: '2026-01-02' })).toEqual(['nothing fits']);
  expect((await asked({ since: '2026-01-01', until: '2026-01-02' })).length).toBe(5);
});

test('as CSV, without anything that a spreadsheet computes', async () => {
  const lines = await asked({ type: 'job.created', csv: true, all: true });
  expect(lines[0]).toMatch(/^"index","time","type"/);
  expect(lines[1]).toContain(`"'=HYPERLINK(""evil"")`);
});

test('conditions that were saved, narrowed by those given besides', async () => {
  await asked({ job: JOB.jobId, save: 'ours' });
  expect((await asked({ saved: 'ours' })).at(-1)).toBe('3 entries, each proved');
  expect((await asked({ saved: 'ours', outcome: 'failed' })).at(-1)).toBe('2 entries, each proved');
  await expect(asked({ saved: 'theirs' })).rejects.toEqual(refusal('invalidFormat'));
});

test('times that are none, and two places at once, are refused', async () => {
  await expect(asked({ since: 'yesterday' })).rejects.toEqual(refusal('invalidFormat'));
  await expect(asked({ dataDir: folder })).rejects.toEqual(refusal('usage'));
});
