import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

interface Mutant {
  readonly line: number;
  readonly what: string;
  readonly text: string;
}
// What Node runs as it is.
const file = fileURLToPath(new URL('mutants.mjs', import.meta.url));
const { mutantsOf } = (await import(file)) as { mutantsOf: (source: string) => Mutant[] };

test('one operator, constant or condition is changed at a time, where it stands', () => {
  const source = `const é = (a: 1 | 2, b?: number) => a < 3 && !b;
if (é(1)) throw x;
const y = list.some((one) => one === 'a') ? true : z;
`;
  expect(mutantsOf(source).map(({ line, what }) => `${line}: ${what}`)).toEqual([
    '1: < -> <=',
    '1: 3 -> 4',
    '1: && -> ||',
    '1: !b -> b',
    '2: é(1) -> false',
    '2: 1 -> 2',
    "3: list.some((one) => one === 'a') -> true",
    "3: list.some((one) => one === 'a') -> false",
    '3: some -> every',
    '3: === -> !==',
    '3: true -> false',
  ]);
  const [first, , , , fifth] = mutantsOf(source);
  expect(first?.text).toBe(source.replace('a < 3', 'a <= 3'));
  expect(fifth?.text).toBe(source.replace('if (é(1))', 'if (false)'));
});

test('what cannot be read has no mutants', () => {
  expect(() => mutantsOf('if (')).toThrow(SyntaxError);
  expect(mutantsOf('export type A = 1 | 2;')).toEqual([]);
});
