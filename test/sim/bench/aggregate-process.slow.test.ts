import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { planCodec } from '../../../protocol/ring/width.ts';
import { addFloats, addUpdates, peakBytes } from '../../../sim/bench/aggregate-process.ts';
import { withScratchFolder } from '../../../sim/bench/scratch-folder.ts';
import { updateFile } from '../../fixtures/vector-files.ts';

test('sealed updates from files are added and opened; what is no update is not passed over', async () => {
  const codec = planCodec({ clipNorm: 1, cohortMax: 4, weightMax: 1, counters: 0 });
  await withScratchFolder(async (folder) => {
    const file = join(folder, 'update');
    await writeFile(file, updateFile([0.1, 0.2, 0.3], 1, codec));
    const order = { codec, length: 3, files: [file], updates: 4 };
    expect(await addUpdates(order)).toBeGreaterThanOrEqual(0);
    await expect(addUpdates({ ...order, updates: 5 })).rejects.toMatchObject({ code: 'ringOverflow' });
    await expect(addUpdates({ ...order, length: 30 })).rejects.toMatchObject({ code: 'invalidLength' });
    expect(await addFloats({ length: 3, updates: 4 })).toBeGreaterThanOrEqual(0);
  });
});

test('the peak of memory is no less than what is used now, and remembers what is used no more', () => {
  const before = peakBytes();
  expect(before).toBeGreaterThanOrEqual(process.memoryUsage.rss() * 0.9);
  const touched = new Uint8Array(before).fill(1);
  expect(peakBytes()).toBeGreaterThan(before + 0.5 * touched.length);
});
