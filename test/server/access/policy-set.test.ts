// covers: server/access/policy-diff.ts
import { describe, expect, test } from 'vitest';
import { DEFAULT_POLICIES } from '../../../server/access/cedar-schema.ts';
import { policyChanges } from '../../../server/access/policy-diff.ts';
import { entityName, PolicySet } from '../../../server/access/policy-set.ts';

const reason = (text: string) => {
  try {
    new PolicySet(text);
    return undefined;
  } catch (error) {
    return (error as { detail: object }).detail;
  }
};

test('the policies that a coordinator comes with are sound, and each says why it is there', () => {
  const { policies } = new PolicySet(DEFAULT_POLICIES);
  expect(policies.size).toBeGreaterThan(8);
  for (const { id, reason: why } of policies.values()) expect(why, id).toMatch(/^[A-Z].*\.$/);
});

describe('refused is what does not fit the schema, with the id of the policy', () => {
  const fits =
    '@id("a") permit (principal, action == Hanse::Action::"readJob", resource) when { resource.isOpen };';
  test.each([
    ['an attribute with a slip', fits.replace('isOpen', 'isOpn')],
    ['an action that there is not', fits.replace('readJob', 'readJobs')],
    ['a type that there is not', fits.replace('principal,', 'principal is Hanse::Robot,')],
    ['what the action is never done on', fits.replace('resource)', 'resource is Hanse::Member)')],
    ['a comparison of what cannot be equal', fits.replace('resource.isOpen', 'resource.purpose == 1')],
    [
      'a role with a look-alike letter',
      fits.replace('principal,', 'principal in Hanse::Role::"\u043eperator",'),
    ],
  ])('%s', (_, text) => {
    expect(reason(fits)).toBeUndefined();
    expect(reason(text)).toMatchObject({ policy: 'a' });
  });
});

test('those fit that may have a say, by whom, what and on what they speak of', () => {
  const set = new PolicySet(`
    @id("all") permit (principal, action, resource);
    @id("role") permit (principal in Hanse::Role::"auditor", action, resource);
    @id("node") permit (principal is Hanse::Node, action, resource);
    @id("one") permit (principal, action == Hanse::Action::"readJob", resource == Hanse::Job::"j1");
    @id("some") permit (principal, action in [Hanse::Action::"readJob", Hanse::Action::"cancelJob"], resource);
    @id("both") permit (principal is Hanse::Node in Hanse::Organisation::"a.example", action, resource);
  `);
  const asking = (role: string, action: string, job: string, inOrganisation = true) => {
    const principal = ['Hanse::Node', entityName({ type: 'Hanse::Role', id: role })];
    if (inOrganisation) principal.push(entityName({ type: 'Hanse::Organisation', id: 'a.example' }));
    const resource = ['Hanse::Job', entityName({ type: 'Hanse::Job', id: job })];
    return set.fitting({
      principal: (place) => principal.includes(place),
      action,
      resource: (place) => resource.includes(place),
    });
  };
  expect(asking('auditor', 'readJob', 'j1').ids).toEqual(['all', 'role', 'node', 'one', 'some', 'both']);
  expect(asking('operator', 'cancelJob', 'j2')).toEqual({
    ids: ['all', 'node', 'some', 'both'],
    organisations: ['a.example'],
  });
});

describe('the difference of two sets', () => {
  const policy = (id: string, condition: string) =>
    `@id("${id}")\npermit (principal, action, resource) when { ${condition} };`;
  const before = `${policy('a', 'true')}\n${policy('b', 'true')}`;

  test('is told policy by policy; order is none', () => {
    expect(policyChanges(before, `${policy('b', 'true')}\n${policy('a', 'true')}`)).toMatchObject({
      diff: '',
    });
    const changes = policyChanges(before, `${policy('b', 'false')}\n${policy('c', 'true')}`);
    expect(changes).toMatchObject({ added: ['c'], removed: ['a'], changed: ['b'] });
    expect(changes.diff.split('\n')).toEqual([
      '- @id("a")',
      '- permit (principal, action, resource) when { true };',
      '- @id("b")',
      '- permit (principal, action, resource) when { true };',
      '+ @id("b")',
      '+ permit (principal, action, resource) when { false };',
      '+ @id("c")',
      '+ permit (principal, action, resource) when { true };',
      '',
    ]);
  });

  test('is cut where an entry of the log could not hold it, and says so', () => {
    const many = Array.from({ length: 400 }, (_, i) => policy(`p${i}`, 'true')).join('\n');
    const { diff } = policyChanges('', many);
    expect(diff.length).toBeLessThanOrEqual(16_384);
    expect(diff.endsWith('the rest is left out\n')).toBe(true);
  });
});
