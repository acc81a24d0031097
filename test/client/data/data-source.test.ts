import { mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { CSV_BYTES_MAX } from '../../../client/data/csv.ts';
import { type DataSource, loadExamples } from '../../../client/data/data-source.ts';

let folder: string;
const at = (name: string) => join(folder, name);
const columns = { features: ['a', 'b'], target: { column: 'y', type: 'number' } } as const;

/** IDX: magic number, sizes, values. */
const idx = (shape: number[], values: number[]) =>
  Uint8Array.of(0, 0, 8, shape.length, ...shape.flatMap((size) => [0, 0, 0, size]), ...values);

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hanse-'));
  await writeFile(at('table.csv'), 'y,a,b\n1,2,3\n4,5,6\n7,8,9\n');
  await writeFile(at('header.csv'), 'y,a,b\n');
  await writeFile(at('images'), idx([3, 1, 2], [0, 255, 51, 0, 255, 255]));
  await writeFile(at('labels'), idx([3], [2, 0, 1]));
  await writeFile(at('two-labels'), idx([2], [2, 0]));
  await writeFile(at('rows.json'), '[2, 0]');
  await writeFile(at('no-rows.json'), '[]');
  await writeFile(at('far-rows.json'), '[0, 3]');
  await writeFile(at('odd-rows.json'), '[0.5]');
});

afterAll(() => rm(folder, { recursive: true }));

test('a table, with the columns named', async () => {
  await expect(loadExamples({ data: `csv:${at('table.csv')}`, columns })).resolves.toEqual({
    name: 'table.csv',
    count: 3,
    inputShape: [2],
    features: Float32Array.of(2, 3, 5, 6, 8, 9),
    targetShape: [1],
    targets: Float32Array.of(1, 4, 7),
    columns: { features: ['a', 'b'], target: 'y' },
  });
});

test('images and labels in IDX, flattened and scaled to [0, 1]', async () => {
  await expect(loadExamples({ data: `idx:${at('images')},${at('labels')}` })).resolves.toEqual({
    name: 'images',
    count: 3,
    inputShape: [2],
    features: Float32Array.of(0, 1, 0.2, 0, 1, 1),
    targetShape: [],
    targets: Int32Array.of(2, 0, 1),
  });
});

test('a table too large to be read as text is told by its size, before it is read', async () => {
  await writeFile(at('huge.csv'), '');
  await truncate(at('huge.csv'), CSV_BYTES_MAX + 1);
  await expect(loadExamples({ data: `csv:${at('huge.csv')}`, columns })).rejects.toMatchObject({
    code: 'dataMalformed',
    detail: { reason: expect.stringContaining(`at most ${CSV_BYTES_MAX}`) },
  });
});

test('chosen rows, in their order', async () => {
  const rows = at('rows.json');
  const table = await loadExamples({ data: `csv:${at('table.csv')}`, columns, rows });
  expect(table).toMatchObject({ count: 2, features: Float32Array.of(8, 9, 2, 3) });
  const images = await loadExamples({ data: `idx:${at('images')},${at('labels')}`, rows });
  expect(images).toMatchObject({ count: 2, targets: Int32Array.of(1, 2) });
  const digits = await loadExamples({ data: 'mnist:test', rows });
  expect(digits).toMatchObject({ name: 'MNIST test', count: 2, inputShape: [784] });
});

test.each<[what: string, source: () => DataSource, code: string]>([
  ['a source of no kind', () => ({ data: 'parquet:x' }), 'usage'],
  ['a source without a kind', () => ({ data: at('table.csv') }), 'usage'],
  ['a part of MNIST that is not there', () => ({ data: 'mnist:validation' }), 'usage'],
  ['images without labels', () => ({ data: `idx:${at('images')}` }), 'usage'],
  ['a table without columns', () => ({ data: `csv:${at('table.csv')}` }), 'usage'],
  ['a file that is not there', () => ({ data: `csv:${at('none.csv')}`, columns }), 'dataFileMissing'],
  ['images that are not there', () => ({ data: `idx:${at('none')},${at('labels')}` }), 'dataFileMissing'],
  ['a folder', () => ({ data: `csv:${folder}`, columns }), 'dataFileMissing'],
  ['text where IDX is promised', () => ({ data: `idx:${at('table.csv')},${at('labels')}` }), 'dataMalformed'],
  ['fewer labels than images', () => ({ data: `idx:${at('images')},${at('two-labels')}` }), 'dataMalformed'],
  ['rows that are not there', () => ({ data: 'mnist:test', rows: at('none.json') }), 'dataFileMissing'],
  ['no rows', () => ({ data: 'mnist:test', rows: at('no-rows.json') }), 'dataEmpty'],
  [
    'rows that are no numbers of rows',
    () => ({ data: 'mnist:test', rows: at('odd-rows.json') }),
    'invalidFormat',
  ],
  [
    'rows beyond the table',
    () => ({ data: `csv:${at('table.csv')}`, columns, rows: at('far-rows.json') }),
    'dataMalformed',
  ],
  [
    'rows beyond the images',
    () => ({ data: `idx:${at('images')},${at('labels')}`, rows: at('far-rows.json') }),
    'dataMalformed',
  ],
])('%s is refused by name', async (_what, source, code) => {
  await expect(loadExamples({ data: `csv:${at('table.csv')}`, columns })).resolves.toMatchObject({
    count: 3,
  });
  await expect(loadExamples(source())).rejects.toMatchObject({ code });
});

test('a table of no lines is loaded, and found empty when a job looks at it', async () => {
  await expect(loadExamples({ data: `csv:${at('header.csv')}`, columns })).resolves.toMatchObject({
    count: 0,
  });
});
