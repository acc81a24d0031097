import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { jsonLines } from '../../client/json-lines.ts';

const LIMIT = 100;

async function linesOf(parts: readonly Uint8Array[], limitBytes = LIMIT): Promise<unknown[]> {
  const lines: unknown[] = [];
  const source = (async function* () {
    // Parts belong to the reader only until it asks for the next.
    for (const part of parts) {
      const lent = part.slice();
      yield lent;
      lent.fill(0x78);
    }
  })();
  for await (const line of jsonLines(source, limitBytes)) lines.push(line);
  return lines;
}

const bytes = (text: string) => new TextEncoder().encode(text);

test('lines are the same however they are cut into parts', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.jsonValue({ maxDepth: 2 }), { maxLength: 6 }),
      fc.array(fc.nat(40), { maxLength: 30 }),
      async (values, cuts) => {
        const whole = bytes(values.map((value) => `${JSON.stringify(value)}\n`).join(''));
        const parts: Uint8Array[] = [];
        let start = 0;
        for (const cut of [...cuts, whole.length]) {
          parts.push(whole.subarray(start, start + cut));
          start = Math.min(whole.length, start + cut);
        }
        const got = await linesOf([...parts, whole.subarray(start)], 10_000);
        expect(got).toEqual(values.map((value) => JSON.parse(JSON.stringify(value))));
      },
    ),
    { numRuns: 100 },
  );
});

test('a letter that is cut in two is whole again', async () => {
  const line = bytes('"Grüße"\n');
  expect(await linesOf([line.subarray(0, 4), line.subarray(4)])).toEqual(['Grüße']);
});

test('what no newline has ended does not count', async () => {
  expect(await linesOf([bytes('{"a":1}\n{"b":')])).toEqual([{ a: 1 }]);
});

describe('refused', () => {
  const invalid = { code: 'invalidFormat' };
  const full = (length: number) => bytes(`"${'a'.repeat(length - 2)}"`);

  test('a line that is longer than it may be, at once', async () => {
    expect(await linesOf([full(LIMIT), bytes('\n')])).toHaveLength(1);
    await expect(linesOf([full(LIMIT + 1), bytes('\n')])).rejects.toMatchObject(invalid);
    await expect(linesOf([full(LIMIT + 1)])).rejects.toMatchObject(invalid);
  });

  test.each([
    ['no JSON', bytes('{\n')],
    ['an empty line', bytes('\n')],
    ['no UTF-8', Uint8Array.of(0x22, 0xff, 0x22, 0x0a)],
  ])('%s', async (_, line) => {
    await expect(linesOf([line])).rejects.toMatchObject(invalid);
    expect(await linesOf([bytes('{}\n')])).toEqual([{}]);
  });
});
