// covers: client/web/files/text-encoding.ts, client/web/files/label-counts.ts
import { expect, test } from 'vitest';
import { readCsvTable } from '../../../../client/web/files/csv-table.ts';
import { decodeText } from '../../../../client/web/files/text-encoding.ts';

const utf8 = (text: string) => new TextEncoder().encode(text);
const read = (text: string | Uint8Array, choice = {}, isPart = false) =>
  readCsvTable(typeof text === 'string' ? utf8(text) : text, 'a.csv', choice, isPart);
const fault = (reason: string) =>
  expect.objectContaining({ code: 'dataMalformed', message: expect.stringContaining(reason) });

test('a table: numbers to train on, the last column as label, everything said', () => {
  const { examples, preview } = read('a,b,y\n1,2,0\n3,4,1\n');
  expect(examples).toMatchObject({ count: 2, inputShape: [2], targetShape: [] });
  expect([[...examples.features], [...examples.targets]]).toEqual([
    [1, 2, 3, 4],
    [0, 1],
  ]);
  expect(preview.labels).toEqual([
    { label: '0', count: 1 },
    { label: '1', count: 1 },
  ]);
  expect(preview.notes).toEqual([
    { type: 'encoding', encoding: 'utf-8', isGuess: false },
    { type: 'delimiter', delimiter: ',', isGuess: true },
  ]);
  expect(preview.sample).toEqual([
    ['1', '2', '0'],
    ['3', '4', '1'],
  ]);
});

test('a byte order mark, another delimiter and words as labels are found out and said', () => {
  const bytes = Uint8Array.of(0xef, 0xbb, 0xbf, ...utf8('a;y\n1;yes\n2;no\n'));
  const { examples, preview } = read(bytes);
  expect(preview.columns[0]?.name).toBe('a');
  expect([...examples.targets]).toEqual([1, 0]);
  expect(preview.notes).toEqual([
    { type: 'byteOrderMark' },
    { type: 'encoding', encoding: 'utf-8', isGuess: false },
    { type: 'delimiter', delimiter: ';', isGuess: true },
    { type: 'labelsNumbered', labels: ['no', 'yes'] },
  ]);
});

test('GBK is guessed, and said to be a guess; what was asked for is none', () => {
  // "年龄,标签" in GBK.
  const head = Uint8Array.of(0xc4, 0xea, 0xc1, 0xe4, 0x2c, 0xb1, 0xea, 0xc7, 0xa9);
  const bytes = Uint8Array.of(...head, ...utf8('\n30,0\n40,1\n'));
  const { preview } = read(bytes);
  expect(preview.columns.map(({ name }) => name)).toEqual(['年龄', '标签']);
  expect(preview.notes[0]).toEqual({ type: 'encoding', encoding: 'gbk', isGuess: true });
  expect(read(bytes, { encoding: 'gbk' }).preview.notes[0]).toMatchObject({ isGuess: false });
  expect(() => read(bytes, { encoding: 'utf-8' })).toThrow(fault('it is not utf-8'));
  expect(() => decodeText(Uint8Array.of(0x81, 0xff, 0x00), 'x')).toThrow(
    fault('neither in UTF-8 nor in GBK'),
  );
  expect(() => decodeText(Uint8Array.of(1, 0, 2), 'x')).toThrow(fault('neither'));
  expect(decodeText(Uint8Array.of(0xff, 0xfe, 0x61, 0x00), 'x').text).toBe('a');
});

test('the wrong delimiter is said, and a choice of it is no guess', () => {
  expect(() => read('a;b;y\n1;2;0\n', { delimiter: ',' })).toThrow(fault('one column only'));
  expect(() => read('a,b\n1,2,3\n', { delimiter: ',' })).toThrow(fault('3 cells where the header has 2'));
  expect(read('a|y\n1|0\n', { delimiter: '|' }).preview.notes.at(-1)).toMatchObject({ isGuess: false });
});

test('a table of very many columns costs no more than its cells, and is told in few words', () => {
  const line = (cell: (at: number) => string) =>
    Array.from({ length: 200_000 }, (_, at) => cell(at)).join(',');
  const names = line((at) => `c${at}`);
  const mixed = line((at) => (at % 2 === 1 ? '1' : 'x'));
  const { examples, preview } = read(`${names}\n${mixed}\n${line(() => '2')}\n`);
  expect(examples.inputShape).toEqual([99_999]);
  expect(preview.notes.filter(({ type }) => type === 'mixedTypes')).toHaveLength(50);
  expect(() => read(`${names},c7\n${mixed},1\n`)).toThrow(fault('two columns "c7"'));
});

test('mixed types, gaps and missing labels are said; a column that is asked for has to be whole', () => {
  const text = 'a,b,c,y\n1,x,,0\n2,5,3,\n3,6,4,1\n';
  const { examples, preview } = read(text);
  expect(preview.columns.map(({ type, missing }) => [type, missing])).toEqual([
    ['number', 0],
    ['mixed', 0],
    ['number', 1],
    ['number', 1],
  ]);
  expect(preview.notes).toContainEqual({ type: 'mixedTypes', column: 'b' });
  expect(preview.notes).toContainEqual({ type: 'missingLabels', rows: 1 });
  expect([examples.count, [...examples.features]]).toEqual([2, [1, 3]]);
  expect(() => read(text, { columns: ['a', 'b'] })).toThrow(fault('line 2: no number in column "b"'));
  expect(() => read(text, { columns: ['gone'] })).toThrow(fault('no column "gone"'));
  expect(() => read(text, { label: 'gone' })).toThrow(fault('no column "gone"'));
  expect(() => read('a,y\n1,\n2,\n')).toThrow(expect.objectContaining({ code: 'dataEmpty' }));
  expect(() => read('a,y\nx,1\n')).toThrow(fault('no column of numbers'));
  expect(() => read('a,a,y\n1,1,1\n')).toThrow(fault('two columns "a"'));
  expect(() => read('a,y\n')).toThrow(expect.objectContaining({ code: 'dataEmpty' }));
});

test('values are never named, and markup is text', () => {
  const { preview } = read('a,<img src=x onerror=alert(1)>\n1,0\n');
  expect(preview.columns[1]?.name).toBe('<img src=x onerror=alert(1)>');
  const error = (() => {
    try {
      read('a,b,y\n1,secret,0\n', { columns: ['b'] });
    } catch (thrown) {
      return String(thrown);
    }
    return '';
  })();
  expect(error).toContain('line 2');
  expect(error).not.toContain('secret');
});

test('numbers that are no classes are what a model is to predict; a part ends with its last whole line', () => {
  expect(read('a,y\n1,0.5\n2,1\n').examples).toMatchObject({ targetShape: [1] });
  expect(read('a,y\n1,0\n2,1\n3,', {}, true).examples.count).toBe(2);
});

test('columns that are left out, for a word or a gap, are named; those that nobody asked for are not', () => {
  const table = 'name,age,bmi,y\nann,30,22,0\nbob,40,,1\n';
  const { examples, preview } = read(table);
  expect(examples.inputShape).toEqual([1]);
  expect(preview.notes).toContainEqual({ type: 'columnsUnused', columns: ['name', 'bmi'] });
  const types = (choice: object) => read(table, choice).preview.notes.map(({ type }) => type);
  expect(types({})).toContain('columnsUnused');
  expect(types({ columns: ['age'] })).not.toContain('columnsUnused');
});
