import { expect, test } from 'vitest';
import { hanse } from '../../fixtures/command-line.ts';

const refused = async (...words: string[]) => {
  const { exitCode, json } = await hanse(['audit', 'export', ...words, '--json']);
  return [exitCode, (json as { problem: { code: string } }).problem.code];
};

test('is told a folder, or a page and its job', async () => {
  expect(await refused()).toEqual([2, 'usage']);
  expect(await refused('folder', '-o', 'pack.html')).toEqual([2, 'usage']);
  expect(await refused('-o', 'pack.html')).toEqual([2, 'usage']);
  // With these it looks for the data directory.
  const nowhere = ['--data-dir', 'nowhere'];
  expect(await refused('folder', ...nowhere)).toEqual([1, 'dataDirMissing']);
  expect(await refused('-o', 'pack.html', '--job', 'job-0123456789abcdef', ...nowhere)).toEqual([
    1,
    'dataDirMissing',
  ]);
});
