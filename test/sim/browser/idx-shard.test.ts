import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { idxImages, idxLabels } from '../../../client/data/idx.ts';
import { readIdxRows } from '../../../client/data/idx-file.ts';
import { loadMnist } from '../../../client/data/mnist.ts';
import { idxShard } from '../../../sim/browser/idx-shard.ts';

test('a part of MNIST, written as IDX files and read again, is the same to the bit', async () => {
  const part = await loadMnist('train', Uint32Array.of(7, 59_999, 0));
  const { images, labels } = idxShard(part);
  const folder = mkdtempSync(join(tmpdir(), 'hanse-shard-'));
  try {
    writeFileSync(join(folder, 'images'), images);
    writeFileSync(join(folder, 'labels'), labels);
    const read = await readIdxRows(join(folder, 'images'));
    expect(read.shape).toEqual([3, 28, 28]);
    expect(idxImages(read, 'flat')).toEqual({ inputShape: part.inputShape, features: part.features });
    expect(idxLabels(await readIdxRows(join(folder, 'labels')), 'labels')).toEqual(part.targets);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
