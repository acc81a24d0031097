// covers: server/access/job-resource.ts, server/access/cedar-entities.ts
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ACTIONS, type ActionName } from '../../../protocol/actions.ts';
import { principalIn, ROLES } from '../../../server/access/access-matrix.ts';
import { Authorizer, decidedBy, requirePermitted } from '../../../server/access/authorizer.ts';
import { cedar } from '../../../server/access/cedar.ts';
import {
  type JobResource,
  principalEntity,
  resourceEntity,
  uidOf,
} from '../../../server/access/cedar-entities.ts';
import { CEDAR_SCHEMA } from '../../../server/access/cedar-schema.ts';
import { PolicySet } from '../../../server/access/policy-set.ts';
import type { Principal } from '../../../server/access/principal.ts';

const FEDERATION = { type: 'Federation', id: 'f' } as const;
const of = (text: string) => new Authorizer(new PolicySet(text));
const job = (overrides: Partial<JobResource> = {}): JobResource => ({
  type: 'Job',
  id: 'job-1',
  author: 'author.example',
  hasAsked: () => false,
  isOpen: false,
  purpose: 'research',
  ...overrides,
});
const someone = (role: (typeof ROLES)[number], organisationId: string): Principal => ({
  kind: 'node',
  id: '1'.repeat(32),
  organisationId,
  role,
});

test('what nothing permits is refused, and what one policy forbids whatever others permit', () => {
  const operator = principalIn('operator');
  expect(of('').decide(operator, 'readLog', FEDERATION)).toEqual({ isPermitted: false, policies: [] });
  const permits = '@id("yes") permit (principal, action, resource);';
  expect(of(permits).decide(operator, 'readLog', FEDERATION)).toEqual({
    isPermitted: true,
    policies: ['yes'],
  });
  const forbids = `${permits} @id("no") forbid (principal, action == Hanse::Action::"readLog", resource);`;
  expect(of(forbids).decide(operator, 'readLog', FEDERATION)).toEqual({
    isPermitted: false,
    policies: ['no'],
  });
  expect(of(forbids).decide(operator, 'listJobs', FEDERATION).isPermitted).toBe(true);
});

test('a refusal names action, role and the policies that have decided', () => {
  const auditor = principalIn('auditor');
  const problemOf = (text: string) => {
    try {
      requirePermitted(of(text).decide(auditor, 'createJob', FEDERATION), 'createJob', auditor);
      return undefined;
    } catch (error) {
      return error as Error;
    }
  };
  const forbids =
    '@id("b") forbid (principal, action, resource); @id("a") forbid (principal, action, resource);';
  expect(problemOf('@id("yes") permit (principal, action, resource);')).toBeUndefined();
  expect(problemOf(forbids)).toMatchObject({
    code: 'accessRefused',
    detail: { action: 'createJob', role: 'auditor', policies: 'a, b' },
  });
  expect(decidedBy(problemOf(forbids) as never)).toEqual(['a', 'b']);
  expect(decidedBy(problemOf('') as never)).toEqual([]);
});

test('a token never does more than its scopes, nor more than its person', () => {
  const token = (role: (typeof ROLES)[number], scopes: readonly string[]): Principal => ({
    ...{
      kind: 'token',
      id: '2'.repeat(32),
      person: '3'.repeat(32),
      organisationId: 'own.example',
      role,
      scopes,
    },
  });
  const defaults = Authorizer.ofDefaults();
  const permitted = (one: Principal, action: ActionName) =>
    defaults.decide(one, action, FEDERATION).isPermitted;
  expect(permitted(token('operator', ['inviteMember']), 'inviteMember')).toBe(true);
  expect(permitted(token('operator', ['inviteMember']), 'listMembers')).toBe(false);
  expect(permitted(token('auditor', ['inviteMember']), 'inviteMember')).toBe(false);
  expect(permitted(token('operator', ['InviteMember', 'invite\u041cember', '*']), 'inviteMember')).toBe(
    false,
  );
});

describe('an organisation sees its own jobs', () => {
  test('in any world: those that it has created or was asked for, and others only as its role permits', () => {
    const organisation: fc.Arbitrary<string> = fc.constantFrom(
      'a.example',
      'b.example',
      'c.example',
      '\u0430.example',
      'A.example',
    );
    const defaults = Authorizer.ofDefaults();
    fc.assert(
      fc.property(
        fc.record({ role: fc.constantFrom(...ROLES), own: organisation, author: organisation }),
        fc.uniqueArray(organisation),
        fc.boolean(),
        ({ role, own, author }, asked, isOpen) => {
          const seen = defaults.sees(
            someone(role, own),
            job({ author, hasAsked: (one) => asked.includes(one), isOpen }),
            'f',
          );
          const isOwn = author === own || asked.includes(own);
          const seesAll = role === 'operator' || role === 'auditor' || role === 'evaluator';
          expect(seen).toBe(isOwn || seesAll || (role === 'participant' && isOpen));
        },
      ),
      { numRuns: 300 },
    );
  });

  test('policies may name an organisation, and it matters whether that was asked', () => {
    const named = of(`@id("theirs") permit (principal, action, resource in Hanse::Organisation::"b.example");
      @id("not-c") forbid (principal, action, resource) when { resource in Hanse::Organisation::"c.example" };`);
    const sees = (...asked: string[]) =>
      named.sees(someone('partner', 'a.example'), job({ hasAsked: (one) => asked.includes(one) }), 'f');
    expect([sees(), sees('a.example'), sees('b.example'), sees('b.example', 'c.example')]).toEqual([
      false,
      false,
      true,
      false,
    ]);
  });
});

test('slices decide as all policies together do', () => {
  const roles = ['operator', 'auditor', 'researcher', 'node'];
  const drawn = fc
    .array(
      fc.record({
        effect: fc.constantFrom('permit', 'forbid'),
        principal: fc.constantFrom(
          'principal',
          ...roles.map((role) => `principal in Hanse::Role::"${role}"`),
          'principal is Hanse::Node',
        ),
        action: fc.constantFrom(
          'action',
          'action == Hanse::Action::"readJob"',
          'action in [Hanse::Action::"cancelJob", Hanse::Action::"readJob"]',
        ),
        resource: fc.constantFrom(
          'resource',
          'resource is Hanse::Job',
          'resource == Hanse::Job::"job-1"',
          'resource == Hanse::Job::"job-2"',
        ),
      }),
      { minLength: 1, maxLength: 8 },
    )
    .map((policies) =>
      policies.map(({ effect, principal, action, resource }, i) => ({
        effect,
        scope: { principal, action, resource },
        text: `@id("p${i}") ${effect} (${principal}, ${action}, ${resource});`,
      })),
    );
  fc.assert(
    fc.property(
      drawn,
      fc.constantFrom(...ROLES),
      fc.constantFrom('readJob', 'cancelJob'),
      (policies, role, action) => {
        const isNode = role === 'participant' || role === 'evaluator';
        const holds = ({ scope }: (typeof policies)[number]) =>
          (scope.principal === 'principal' ||
            scope.principal === 'principal is Hanse::Node' ||
            scope.principal.includes(`"${role}"`) ||
            (isNode && scope.principal.includes('"node"'))) &&
          (scope.action !== 'action == Hanse::Action::"readJob"' || action === 'readJob') &&
          !scope.resource.includes('job-2');
        const deciding = policies.filter(holds);
        const expected =
          deciding.some(({ effect }) => effect === 'permit') &&
          !deciding.some(({ effect }) => effect === 'forbid');
        const authorizer = of(policies.map(({ text }) => text).join('\n'));
        expect(authorizer.decide(someone(role, 'a.example'), action as ActionName, job()).isPermitted).toBe(
          expected,
        );
      },
    ),
    { numRuns: 60 },
  );
});

test('what Cedar is given fits the schema, for every action and every kind of principal', () => {
  const resources = {
    Federation: FEDERATION,
    Job: job({ hasAsked: () => true }),
    Member: { type: 'Member', id: 'm', organisation: 'a.example' },
    Organisation: { type: 'Organisation', id: 'a.example' },
  } as const;
  const kinds = [
    principalIn('auditor'),
    { ...principalIn('participant'), kind: 'person' },
    { ...principalIn('operator'), kind: 'token', person: '3'.repeat(32), scopes: [] },
  ] as const;
  const answerOf = (action: string, who: Principal, on: keyof typeof resources) => {
    const [one, other] = [principalEntity(who), resourceEntity(resources[on], ['a.example', 'b.example'])];
    return cedar.isAuthorized({
      principal: uidOf(one),
      action: { type: 'Hanse::Action', id: action },
      resource: uidOf(other),
      context: {},
      entities: [one, other],
      policies: { staticPolicies: { all: 'permit (principal, action, resource);' } },
      schema: CEDAR_SCHEMA,
      validateRequest: true,
    });
  };
  for (const [action, { on }] of Object.entries(ACTIONS))
    for (const who of kinds)
      expect(answerOf(action, who, on), action).toMatchObject({
        type: 'success',
        response: { decision: 'allow' },
      });
  expect(answerOf('readJob', kinds[0], 'Member')).toMatchObject({ type: 'failure' });
});
