import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { savedQuery, saveQuery } from '../../../client/audit/saved-queries.ts';

let folder: string;
let file: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'hanse-saved-'));
  file = join(folder, 'me.json.queries');
});
afterAll(() => rmSync(folder, { recursive: true }));

const refusal = (code: string) => expect.objectContaining({ code });

test('queries are found by their names; one takes the place of another of its name', async () => {
  await expect(savedQuery(file, 'refusals')).rejects.toEqual(refusal('dataFileMissing'));
  await saveQuery(file, 'refusals', { outcome: 'failed' });
  await saveQuery(file, 'refusals', { outcome: 'refused' });
  await saveQuery(file, 'scans', { dataSet: 'scans' });
  expect(await savedQuery(file, 'refusals')).toEqual({ outcome: 'refused' });
  expect(await savedQuery(file, 'scans')).toEqual({ dataSet: 'scans' });
  for (const name of ['other', 'constructor'])
    await expect(savedQuery(file, name)).rejects.toEqual(refusal('invalidFormat'));
  expect(statSync(file).mode & 0o777).toBe(0o600);
});

test('a file that says something else is refused, and stays', async () => {
  const right = readFileSync(file, 'utf8');
  for (const wrong of [
    right.slice(1),
    right.replace('"version": 1', '"version": 2'),
    right.replace('"refused"', '"allowed"'),
    right.replace('"outcome"', '"anything"'),
    right.replace('"scans":', '"__proto__":'),
  ]) {
    writeFileSync(file, wrong);
    await expect(savedQuery(file, 'refusals')).rejects.toEqual(refusal('invalidFormat'));
    await expect(saveQuery(file, 'more', {})).rejects.toEqual(refusal('invalidFormat'));
    expect(readFileSync(file, 'utf8')).toBe(wrong);
  }
  writeFileSync(file, right);
  expect(await savedQuery(file, 'refusals')).toEqual({ outcome: 'refused' });
});
