// The differences as such: policy-set.test.ts.
import { expect, test } from 'vitest';
import { canonicalJson } from '../../../protocol/canonical.ts';
import { DIFF_MAX, policyChanges } from '../../../server/access/policy-diff.ts';
import { PolicySet } from '../../../server/access/policy-set.ts';

const policy = (id: string, text: string) =>
  `@id("${id}") @reason("${text}") permit (principal, action, resource);`;

test('a difference that is too long for an entry is cut between two characters', () => {
  // One of the two has the cut within a character beyond the first plane.
  for (const shift of ['', 'x']) {
    const text = ['a', 'b', 'c', 'd', 'e']
      .map((id) => policy(id, `${shift}${'\u{1F512}'.repeat(2000)}`))
      .join('\n');
    expect(() => new PolicySet(text)).not.toThrow();
    const { diff } = policyChanges('', text);
    expect(diff.length).toBeLessThanOrEqual(DIFF_MAX);
    expect(diff).toMatch(/\n\.\.\. the rest is left out\n$/);
    expect(() => canonicalJson({ diff })).not.toThrow();
  }
});
