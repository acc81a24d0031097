import { expect, test } from 'vitest';
import { parse } from '../../protocol/parse.ts';
import { isProblem } from '../../protocol/problem.ts';
import { OrganisationKeyFile } from '../../schemas/organisation-file.ts';

const good = { version: 1, type: 'organisationKey', seed: 'ab'.repeat(32) };

test('an identity, a key of another version or length, or more than a key is none of an organisation', () => {
  expect(parse(OrganisationKeyFile, good, 'file')).toEqual(good);
  for (const change of [{ version: 2 }, { type: 'identity' }, { seed: 'ab' }, { more: 1 }]) {
    let error: unknown;
    try {
      parse(OrganisationKeyFile, { ...good, ...change }, 'file');
    } catch (problem) {
      error = problem;
    }
    expect(isProblem(error, 'invalidFormat')).toBe(true);
  }
});
