// covers: client/commands/join-plan.ts
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { hanse } from '../../fixtures/command-line.ts';
import { TERMS_YAML } from '../../fixtures/data-terms.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hanse-config-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

test('init writes a file once; check finds what is missing, then nothing', async () => {
  const file = join(folder, 'node.yaml');
  expect(await hanse(['config', 'init', file, '--json'])).toMatchObject({ exitCode: 0, json: { file } });
  const written = await readFile(file, 'utf8');
  expect(await hanse(['config', 'init', file, '--json'])).toMatchObject({
    exitCode: 2,
    json: { problem: { code: 'usage' } },
  });
  expect(await readFile(file, 'utf8')).toBe(written);
  const before = await hanse(['config', 'check', file, '--json']);
  expect(before).toMatchObject({
    exitCode: 1,
    json: { file, faults: [{ code: 'configInvalid', pointer: '/data/0/source' }] },
  });
  await writeFile(join(folder, 'patients.csv'), 'risk,age,bmi\n1,2,3\n');
  expect(await hanse(['config', 'check', file, '--json'])).toMatchObject({
    exitCode: 0,
    json: { faults: [] },
  });
});

test('check tells every fault by line, place and reason, with a remedy', async () => {
  const file = join(folder, 'bad.yaml');
  await writeFile(file, 'identity: me.json\nlimit:\n  threads: 2\npolicy: { minimum_cohort: 2 }\ndata: []\n');
  const { exitCode, out, err } = await hanse(['config', 'check', file]);
  expect(exitCode).toBe(1);
  expect(out.split('\n')).toEqual([
    `${file}:2: configInvalid: /limit is no key of this file; did you mean limits?`,
    `${file}:4: configInvalid: /policy/minimum_cohort is no key of this file; did you mean minimumCohort?`,
    expect.stringMatching(/bad.yaml:5: configInvalid: \/data must/),
    '',
  ]);
  expect(err).toContain('remedy');
  const missing = await hanse(['config', 'check', join(folder, 'none.yaml'), '--json']);
  expect(missing).toMatchObject({ exitCode: 1, json: { problem: { code: 'dataFileMissing' } } });
});

test('the data are opened: a column that is not there is named with its file and line', async () => {
  const file = join(folder, 'columns.yaml');
  await writeFile(join(folder, 'table.csv'), 'a,y\n1,2\n');
  const set = (target: string) =>
    `{ name: p, version: "1", ${TERMS_YAML}, source: "csv:table.csv", columns: { features: [a], target: ${target} } }`;
  await writeFile(file, `identity: i.json\ndata: [${set('label')}]\n`);
  const { exitCode, out } = await hanse(['config', 'check', file]);
  expect(exitCode).toBe(1);
  expect(out).toContain(
    `${file}:2: configInvalid: /data/0/columns does not fit ${join(folder, 'table.csv')}, line 1`,
  );
  await writeFile(file, `identity: i.json\ndata: [${set('y')}]\n`);
  expect(await hanse(['config', 'check', file])).toMatchObject({
    exitCode: 0,
    out: expect.stringContaining('1 data set, '),
  });
});

test('join takes all from the file or all from its options', async () => {
  const file = join(folder, 'bad.yaml');
  const mixed = await hanse(['join', '--config', file, '--threads', '2', '--json']);
  expect(mixed).toMatchObject({ exitCode: 2, json: { problem: { code: 'usage' } } });
  const broken = await hanse(['join', '--config', file, '--json']);
  expect(broken).toMatchObject({
    exitCode: 1,
    json: { problem: { code: 'configInvalid', particulars: { file, line: 2, pointer: '/limit' } } },
  });
});
