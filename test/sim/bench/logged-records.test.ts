import { expect, test } from 'vitest';
import { fsckDataDir } from '../../../server/audit-fsck/fsck.ts';
import { writeLoggedRecords } from '../../../sim/bench/logged-records.ts';
import { withScratchFolder } from '../../../sim/bench/scratch-folder.ts';

test.each([1, 1500])('records of %d events are what a coordinator would have logged', async (size) => {
  await withScratchFolder(async (folder) => {
    await writeLoggedRecords(folder, size);
    expect(await fsckDataDir(folder)).toMatchObject({ size, findings: [], ok: true });
  });
});
