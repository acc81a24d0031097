import { expect, test } from 'vitest';
import { checkManifestTerms } from '../../protocol/manifest-terms.ts';
import { manifestOf } from '../fixtures/manifest.ts';
import { secureJob } from '../fixtures/secure-party.ts';

const MINE = 'federation-0123456789abcdef';

test('a manifest that cannot be carried out is refused, by what is wrong with it', () => {
  const check = (overrides: Parameters<typeof manifestOf>[1], federationId = MINE) => {
    try {
      checkManifestTerms(manifestOf(federationId, overrides), MINE);
      return undefined;
    } catch (error) {
      return (error as { detail: { where: string } }).detail.where;
    }
  };
  expect(check({})).toBeUndefined();
  expect(check(secureJob(5) as Parameters<typeof manifestOf>[1])).toBeUndefined();
  expect(check({}, 'federation-another')).toBe('federationId');
  expect(check({ cohort: { size: 2, minimum: 3 } })).toBe('cohort.minimum');
  expect(check({ weighting: 'uniform' })).toBe('codec.weightMax');
  expect(check({ aggregation: 'secure' })).toBe('secureAggregation');
});
