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

test.each([
  [
    ['--participants', '5', '--drop', '2'],
    '--drop 2: the demo wants the updates of four fifths of 5, so that at most 1 may be lost',
  ],
  [
    ['--participants', '5', '--drop', '1', '--plain'],
    '--drop is about secure rounds: of at least 3, without --plain',
  ],
  [['--participants', '2', '--drop', '1'], '--drop is about secure rounds: of at least 3, without --plain'],
])('%j is refused before anything is started', async (options, reason) => {
  const folder = await mkdtemp(join(tmpdir(), 'hanse-'));
  const file = join(folder, 'file');
  await writeFile(file, '');
  const ask = (...more: string[]) => hanse(['demo', ...more, '--data-dir', file, '--json']);
  expect((await ask(...options)).json).toMatchObject({ problem: { code: 'usage', particulars: { reason } } });
  // One of five may be lost; what is refused then is the folder.
  const allowed = await ask('--participants', '5', '--drop', '1');
  expect(allowed.json).toMatchObject({ problem: { code: 'storageFailed' } });
  await rm(folder, { recursive: true });
});
