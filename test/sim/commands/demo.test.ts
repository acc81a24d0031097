import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { hanse } from '../../fixtures/command-line.ts';

// A demo from beginning to end: test/e2e/demo.test.ts.

test('a folder that cannot be made is told by name, and nothing is started', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'hanse-'));
  const file = join(folder, 'file');
  await writeFile(file, '');
  for (const [path, reason] of [
    [file, 'EEXIST'],
    [join(file, 'below'), 'ENOTDIR'],
  ]) {
    const refused = await hanse(['demo', '--participants', '2', '--data-dir', path ?? '', '--json']);
    expect(refused).toMatchObject({
      exitCode: 1,
      json: { problem: { code: 'storageFailed', particulars: { path, reason } } },
    });
  }
  expect(await readdir(folder)).toEqual(['file']);
  await rm(folder, { recursive: true });
});
