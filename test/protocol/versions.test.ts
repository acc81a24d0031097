import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isProblem } from '../../protocol/problem.ts';
import { checkVersion, formatRange, negotiateVersion, PROTOCOL_VERSIONS } from '../../protocol/versions.ts';

/** The version, or the code of the refusal. */
function outcome(run: () => number): number | string {
  try {
    return run();
  } catch (error) {
    if (!isProblem(error)) throw error;
    return error.code;
  }
}

describe('negotiateVersion', () => {
  const ours = { min: 3, max: 5 };

  test.each([
    ['ends below ours', { min: 1, max: 2 }, 'versionUnsupported'],
    ['ends at our lowest', { min: 1, max: 3 }, 3],
    ['ends within ours', { min: 1, max: 4 }, 4],
    ['is ours', { min: 3, max: 5 }, 5],
    ['is one version of ours', { min: 4, max: 4 }, 4],
    ['goes beyond ours', { min: 1, max: 9 }, 5],
    ['begins at our highest', { min: 5, max: 9 }, 5],
    ['begins above ours', { min: 6, max: 9 }, 'versionUnsupported'],
    ['is none', { min: 5, max: 3 }, 'versionUnsupported'],
  ])('the range of the other side %s', (_, theirs, expected) => {
    expect(outcome(() => negotiateVersion(ours, theirs))).toBe(expected);
  });

  test('both sides arrive at the same version, the highest that both speak', () => {
    const range = fc.tuple(fc.nat(20), fc.nat(5)).map(([min, more]) => ({ min, max: min + more }));
    fc.assert(
      fc.property(range, range, (a, b) => {
        const both = Array.from({ length: 30 }, (_, version) => version).filter((version) =>
          [a, b].every(({ min, max }) => version >= min && version <= max),
        );
        expect(outcome(() => negotiateVersion(a, b))).toBe(both.at(-1) ?? 'versionUnsupported');
        expect(outcome(() => negotiateVersion(b, a))).toBe(both.at(-1) ?? 'versionUnsupported');
      }),
    );
  });

  test('a refusal names both ranges', () => {
    expect(() => negotiateVersion(ours, { min: 6, max: 9 })).toThrow(
      expect.objectContaining({ detail: { got: '3-5', min: 6, max: 9 } }),
    );
  });
});

describe('checkVersion', () => {
  const range = { min: 2, max: 4 };

  test.each([
    ['min - 1', '1', 'versionUnsupported'],
    ['min', '2', 2],
    ['between', '3', 3],
    ['max', '4', 4],
    ['max + 1', '5', 'versionUnsupported'],
  ])('%s', (_, header, expected) => {
    expect(outcome(() => checkVersion(header, range))).toBe(expected);
  });

  test('zero is a version like others', () => {
    expect(outcome(() => checkVersion('0', { min: 0, max: 1 }))).toBe(0);
  });

  test('anything but a plain decimal number is no version', () => {
    expect(outcome(() => checkVersion('2', range))).toBe(2);
    for (const wrong of [
      undefined,
      '',
      ' 2',
      '2 ',
      '02',
      '2.0',
      '+2',
      '0x2',
      '2e0',
      '2-4',
      '2, 3',
      '٢',
      '2'.repeat(40),
    ])
      expect(
        outcome(() => checkVersion(wrong, range)),
        wrong,
      ).toBe('versionUnsupported');
  });

  test('a refusal tells the range, and not more than 20 characters of what came', () => {
    expect(() => checkVersion('9'.repeat(1000), range)).toThrow(
      expect.objectContaining({ detail: { got: '9'.repeat(20), min: 2, max: 4 } }),
    );
    expect(() => checkVersion(undefined, range)).toThrow(
      expect.objectContaining({ detail: { got: 'none', min: 2, max: 4 } }),
    );
  });
});

test('this code speaks a range that is one', () => {
  expect(PROTOCOL_VERSIONS.min).toBeLessThanOrEqual(PROTOCOL_VERSIONS.max);
  expect(formatRange({ min: 1, max: 3 })).toBe('1-3');
  expect(checkVersion(String(PROTOCOL_VERSIONS.max), PROTOCOL_VERSIONS)).toBe(PROTOCOL_VERSIONS.max);
});
