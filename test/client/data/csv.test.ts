import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type CsvSchema, parseCsv } from '../../../client/data/csv.ts';

const bytes = (text: string) => new TextEncoder().encode(text);
const houses: CsvSchema = { features: ['rooms', 'area'], target: { column: 'price', type: 'number' } };
const species: CsvSchema = {
  features: ['length'],
  target: { column: 'kind', type: 'class', classes: ['setosa', 'virginica'] },
};

describe('parseCsv', () => {
  test('takes the columns of the schema in its order and leaves the others', () => {
    const examples = parseCsv(
      bytes('area,name,price,rooms\n70,"A, the first",1.5,3\n-2e1,B,.5,+4\n'),
      houses,
      'f',
    );
    expect(examples).toEqual({
      name: 'f',
      count: 2,
      inputShape: [2],
      features: Float32Array.of(3, 70, 4, -20),
      targetShape: [1],
      targets: Float32Array.of(1.5, 0.5),
      columns: { features: ['rooms', 'area'], target: 'price' },
    });
  });

  test('labels classes by their place in the schema, whichever of them occur', () => {
    const examples = parseCsv(bytes('kind,length\r\nvirginica,1\r\nvirginica,2\r\n'), species, 'f');
    expect(examples.targets).toEqual(Int32Array.of(1, 1));
    expect(examples.targetShape).toEqual([]);
  });

  test('numbers persons in the order in which they appear, and keeps nothing else of them', () => {
    const schema = { ...species, person: 'patient' };
    const table = (third: string) =>
      bytes(`kind,length,patient\nsetosa,1,Ada\nsetosa,2, Bob \nvirginica,3,${third}\nsetosa,4,Bob\n`);
    const examples = parseCsv(table('Ada'), schema, 'f');
    expect(examples.persons).toEqual(Uint32Array.of(0, 1, 0, 1));
    expect(JSON.stringify(examples)).not.toContain('Ada');
    expect(() => parseCsv(table(''), schema, 'f')).toThrow(/line 4: nobody in column "patient"/);
    expect(parseCsv(table(''), species, 'f')).not.toHaveProperty('persons');
    expect(() => parseCsv(table('Ada'), { ...species, person: 'name' }, 'f')).toThrow(/no column "name"/);
  });

  test('reads back any table of finite numbers', () => {
    const number = fc.float({ noNaN: true, noDefaultInfinity: true });
    fc.assert(
      fc.property(fc.array(fc.tuple(number, number, number)), (rows) => {
        const text = ['rooms,area,price', ...rows.map((row) => row.join(','))].join('\n');
        const { count, features, targets } = parseCsv(bytes(text), houses, 'f');
        expect(count).toBe(rows.length);
        // -0 is written as "0"
        expect([...features]).toEqual(rows.flatMap(([rooms, area]) => [rooms + 0, area + 0]));
        expect([...targets]).toEqual(rows.map(([, , price]) => price + 0));
      }),
    );
  });

  test('skips a byte order mark and empty lines', () => {
    expect(parseCsv(bytes('\ufeffkind,length\n\nsetosa,1\n\n'), species, 'f').count).toBe(1);
  });

  const good = 'rooms,area,price\n1,2,3\n';
  test.each([
    ['nothing', '', /line 1: no header/],
    ['a missing column', 'rooms,price\n', /line 1: no column "area"/],
    ['a column that stands twice', 'rooms,area,price,area\n', /line 1: two columns "area"/],
    ['a cell too few', `${good}1,2\n`, /line 3: 2 cells/],
    ['a cell too many', `${good}1,2,3,4\n`, /line 3: 4 cells/],
    ['a word', `${good}1,secret,3\n`, /line 3: no number in column "area"/],
    ['an empty cell', `${good}1,,3\n`, /line 3/],
    ['hexadecimal', `${good}1,0x10,3\n`, /line 3/],
    ['infinity', `${good}1,Infinity,3\n`, /line 3/],
    ['a number beyond 32-bit floats', `${good}1,1e39,3\n`, /line 3/],
    [
      'a target that is no number',
      `${good}1,2,x\n`,
      /line 3: no number in column "price"; where the target is a name, say its classes/,
    ],
    [
      'a fault behind a cell of several lines',
      'rooms,area,price,note\n1,2,3,"a\nb\r\nc"\nx,1,1,d\n',
      /line 5/,
    ],
    ['an open quote', `${good}1,"2,3\n`, /line 3/],
  ])('refuses %s and names the line', (_, text, message) => {
    expect(() => parseCsv(bytes(good), houses, 'f')).not.toThrow();
    expect(() => parseCsv(bytes(text), houses, 'f')).toThrow(
      expect.objectContaining({ code: 'dataMalformed' }),
    );
    expect(() => parseCsv(bytes(text), houses, 'f')).toThrow(message);
  });

  test('a cell of a million digits is read or refused, and holds nobody up', () => {
    const table = (cell: string) => bytes(`rooms,area,price\n${cell},1,1\n`);
    const zeros = '0'.repeat(1_000_000);
    expect(parseCsv(table(`${zeros}7`), houses, 'f').features).toEqual(Float32Array.of(7, 1));
    expect(() => parseCsv(table(`${zeros}x`), houses, 'f')).toThrow(
      expect.objectContaining({ code: 'dataMalformed' }),
    );
  });

  test('refuses an unknown class without telling it, and what is not UTF-8', () => {
    const unknown = () => parseCsv(bytes('kind,length\nsecret,1\n'), species, 'f');
    expect(unknown).toThrow(/line 2: none of the classes in column "kind"/);
    expect(unknown).not.toThrow(/secret/);
    expect(() => parseCsv(Uint8Array.of(0xff), species, 'f')).toThrow(/UTF-8/);
  });
});
