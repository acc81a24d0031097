import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { checkNodeConfig } from '../../../client/config/node-config.ts';
import { TERMS_YAML } from '../../fixtures/data-terms.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hanse-data-faults-'));
  const files = {
    'good.csv': 'risk,age,bmi\n1,2,3\n4,5,6\n',
    'words.csv': 'risk,age,bmi\n1,2,3\n4,old,6\n',
    'short.csv': 'risk,age,bmi\n1,2\n',
    'empty.csv': 'risk,age,bmi\n',
    'rows.json': '[1]',
    'far.json': '[7]',
    'none.json': '[]',
    'odd.json': '{"a": 1}',
    'images.idx': 'no IDX',
  };
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Of a configuration whose data begin on line 3; the source is on line 4, rows on 5, columns on 6. */
async function check(source: string, columns = '{ features: [age, bmi], target: risk }', rows = 'rows.json') {
  const file = join(folder, 'node.yaml');
  const data = `data:\n  - { name: p, version: "1", ${TERMS_YAML},\n      source: "${source}",\n      rows: ${rows},\n      `;
  await writeFile(
    file,
    `identity: me.json\n${data}${source.startsWith('csv') ? `columns: ${columns}` : ''} }\n`,
  );
  return checkNodeConfig(file, { opensData: true });
}

test('data that join would read have no fault', async () => {
  expect((await check('csv:good.csv')).faults).toEqual([]);
});

test.each<[what: string, given: Parameters<typeof check>, pointer: string, line: number, reason: RegExp]>([
  [
    'no such feature',
    ['csv:good.csv', '{ features: [age, size], target: risk }'],
    'columns',
    6,
    /good.csv, line 1: no column "size"/,
  ],
  [
    'no such target',
    ['csv:good.csv', '{ features: [age], target: label }'],
    'columns',
    6,
    /good.csv, line 1: no column "label"/,
  ],
  [
    'a feature that is no number',
    ['csv:words.csv'],
    'source',
    4,
    /words.csv, line 3: no number in column "age"/,
  ],
  [
    'a target that is no class',
    ['csv:good.csv', '{ features: [age], target: risk, classes: [a, b] }'],
    'source',
    4,
    /good.csv, line 2: none of the classes/,
  ],
  ['a line that is too short', ['csv:short.csv'], 'source', 4, /short.csv, line 2: 2 cells/],
  ['a table of no rows', ['csv:empty.csv', undefined, 'far.json'], 'rows', 5, /./],
  ['a row that is not there', ['csv:good.csv', undefined, 'far.json'], 'rows', 5, /far.json/],
  ['no rows', ['csv:good.csv', undefined, 'none.json'], 'rows', 5, /no rows/],
  ['rows that are no list', ['csv:good.csv', undefined, 'odd.json'], 'rows', 5, /odd.json/],
  ['a file that is no IDX', ['idx:images.idx,images.idx'], 'source', 4, /images.idx/],
])('%s', async (_what, given, key, line, reason) => {
  const { config, faults } = await check(...given);
  expect(config).toBeUndefined();
  expect(faults).toEqual([{ pointer: `/data/0/${key}`, line, reason: expect.stringMatching(reason) }]);
  expect(JSON.stringify(faults)).not.toContain('old');
});
