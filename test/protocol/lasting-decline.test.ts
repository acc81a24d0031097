/**
 * Which declines tell of the next attempt too.
 */
import { expect, test } from 'vitest';
import { isLastingDecline } from '../../protocol/lasting-decline.ts';
import { PolicyRule } from '../../schemas/node-policy.ts';

test.each(['dataEmpty', 'dataShapeMismatch', 'graphTooLarge', 'graphHashMismatch', 'policyRefused'])(
  '%s holds for every attempt',
  (code) => expect(isLastingDecline(code)).toBe(true),
);

test.each([
  'trainingDiverged',
  'outsideHours',
  'nodePaused',
  'messageLate',
  'memberRevoked',
  'internalError',
  'other',
  'constructor',
  'dataEmpty:purposes',
  '',
])('"%s" may be otherwise the next time', (code) => expect(isLastingDecline(code)).toBe(false));

test('of the rules of a policy, only those about the cohort may be otherwise the next time', () => {
  const passing = PolicyRule.anyOf
    .map(({ const: rule }) => rule)
    .filter((rule) => !isLastingDecline(`policyRefused:${rule}`));
  expect(passing).toEqual(['minimumKnownOrganisations', 'excludedOrganisations']);
});
