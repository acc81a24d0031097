import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parsePlacedYaml, pointerTo } from '../../../client/config/placed-yaml.ts';

const TEXT = `# a comment
a: 1
list:
  - x   # another
  -
    deep: [1,
      2]
"b/c~": "22:00"
no: no
`;

test('a value, with comments, and the line of every place', () => {
  const { value, lineOf, faults } = parsePlacedYaml(TEXT);
  expect(faults).toEqual([]);
  expect(value).toEqual({ a: 1, list: ['x', { deep: [1, 2] }], 'b/c~': '22:00', no: 'no' });
  const lines = ['', '/a', '/list', '/list/0', '/list/1', '/list/1/deep', '/list/1/deep/1', '/b~1c~0'].map(
    lineOf,
  );
  expect(lines).toEqual([2, 2, 3, 4, 6, 6, 7, 8]);
  expect(lineOf('/list/1/missing/deeper')).toBe(6); // the place around it
  expect(lineOf(pointerTo('', 'b/c~'))).toBe(8);
});

test('JSON is YAML', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (json) => {
      // A key that stands twice, as "__proto__" could not, is the only JSON that is refused; there is none here.
      expect(parsePlacedYaml(JSON.stringify(json))).toMatchObject({ faults: [] });
      expect(JSON.stringify(parsePlacedYaml(JSON.stringify(json, null, 2)).value)).toBe(JSON.stringify(json));
    }),
  );
});

describe('refused, with the line', () => {
  test.each([
    ['a: 1\na: 2\n', 2],
    ['a: [1, 2\nb: 3\n', 2],
    ['a: &x [1]\nb: *x\n', 1],
    ['a: 1\nb: !secret 2\n', 2],
    ['a: 1\n---\nb: 2\n', 2],
    ['a: 1\n? [x]\n: 2\n', 1],
    ['a:\n\t- b\n', 2],
  ])('%j', (text, line) => {
    const { faults } = parsePlacedYaml(text);
    expect(faults[0]?.line).toBe(line);
    expect(faults[0]?.reason).toMatch(/^(?:is|must) [^A-Z]/);
  });

  test('a text that would grow when its aliases are followed, and one that nests too deeply', () => {
    const laughs = [
      'a0: &a0 [x]',
      ...Array.from({ length: 40 }, (_, i) => `a${i + 1}: &a${i + 1} [*a${i}, *a${i}]`),
    ];
    expect(parsePlacedYaml(laughs.join('\n')).faults.length).toBeGreaterThan(0);
    expect(parsePlacedYaml('['.repeat(200_000)).faults.length).toBeGreaterThan(0);
    expect(parsePlacedYaml('[[[[x]]]]').faults).toEqual([]);
  });

  test('no key becomes a prototype', () => {
    const { value } = parsePlacedYaml('__proto__: { polluted: true }');
    expect(Object.keys(value as object)).toEqual(['__proto__']);
    expect((value as { polluted?: boolean }).polluted).toBeUndefined();
  });
});
