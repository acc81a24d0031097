import fc from 'fast-check';
import { expect, test } from 'vitest';
import { SUITE_IDS, SUITES, suiteOf } from '../../../protocol/secagg/suite.ts';
import type { SuiteId } from '../../../schemas/secagg.ts';

test('the table: two suites, which differ in the generator of masks alone', () => {
  expect(SUITES.map(({ id, keyStream }) => [id, keyStream])).toEqual([
    [1, 'aes-256-ctr'],
    [2, 'chacha20'],
  ]);
  const [first, second] = SUITES;
  expect({ ...second, id: 1, keyStream: 'aes-256-ctr' }).toEqual(first);
  expect(suiteOf(1)).toBe(first);
  expect(suiteOf(2)).toBe(second);
});

test('a suite that is not on the list is refused, by name and with what is permitted', () => {
  expect(suiteOf(1, [1])).toMatchObject({ id: 1 });
  expect(() => suiteOf(2, [1])).toThrow(
    expect.objectContaining({ code: 'suiteRefused', detail: { suite: 2, permitted: [1] } }),
  );
  expect(() => suiteOf(1, [])).toThrow(
    expect.objectContaining({ code: 'suiteRefused', detail: { suite: 1, permitted: [] } }),
  );
});

test('of all numbers only those of the table name a suite', () => {
  fc.assert(
    fc.property(
      fc.oneof(fc.integer({ min: 0, max: 0xffff }), fc.double(), fc.constantFrom(0, 1, 2, 3, 0x0100, -1)),
      (id) => {
        if (SUITE_IDS.includes(id as SuiteId)) expect(suiteOf(id).id).toBe(id);
        else expect(() => suiteOf(id)).toThrow(expect.objectContaining({ code: 'suiteRefused' }));
      },
    ),
  );
});

test('permitting what nobody knows does not make it known', () => {
  const permitted = [1, 3] as SuiteId[];
  expect(suiteOf(1, permitted)).toMatchObject({ id: 1 });
  expect(() => suiteOf(3, permitted)).toThrow(expect.objectContaining({ code: 'suiteRefused' }));
});
