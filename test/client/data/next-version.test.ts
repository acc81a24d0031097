import fc from 'fast-check';
import { expect, test } from 'vitest';
import { nextVersion } from '../../../client/data/next-version.ts';
import { parse } from '../../../protocol/parse.ts';
import { DataSetVersion } from '../../../schemas/ids.ts';

test.each([
  ['1', '2'],
  ['9', '10'],
  ['2026-09', '2026-10'],
  ['v1.9', 'v1.10'],
  ['spring', 'spring.2'],
  ['spring.2', 'spring.3'],
])('%s is followed by %s', (version, next) => {
  expect(nextVersion(version)).toBe(next);
});

test('what follows is another version, and one that may be written', () => {
  fc.assert(
    fc.property(fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/), (version) => {
      const next = nextVersion(version);
      expect(parse(DataSetVersion, next, 'version')).not.toBe(version);
    }),
  );
});
