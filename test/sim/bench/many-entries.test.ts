// covers: sim/bench/rows/audit-report.ts
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { verifyExport } from '../../../client/audit/verify-export.ts';
import { writeManyEntries } from '../../../sim/bench/many-entries.ts';
import { withScratchFolder } from '../../../sim/bench/scratch-folder.ts';

test.each([1, 1500])('a log of %d entries is one that is verified', async (size) => {
  await withScratchFolder(async (folder) => {
    const log = join(folder, 'log');
    await writeManyEntries(log, size);
    expect(await verifyExport(log, { content: false })).toMatchObject({ size, findings: [], verified: true });
  });
});
