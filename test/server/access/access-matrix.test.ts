// covers: protocol/actions.ts, server/access/cedar-schema.ts, server/access/principal.ts
import { describe, expect, test } from 'vitest';
import { ACTIONS, OPEN_ACTIONS } from '../../../protocol/actions.ts';
import { isDecided, ROUTES, type Route } from '../../../protocol/routes.ts';
import { accessTable, cellOf, permittedIn, ROLES } from '../../../server/access/access-matrix.ts';
import { Authorizer } from '../../../server/access/authorizer.ts';
import { CEDAR_SCHEMA } from '../../../server/access/cedar-schema.ts';
import { PolicySet } from '../../../server/access/policy-set.ts';

const INTRODUCTION = `# Who may do what

What the policies come to that a coordinator begins with (\`server/access/default-policies.cedar\`, SPEC.md 4.10): every
route by the action that it names, every role. A cell says in which situations it is permitted; \`yes\` is in all of
them.

Jobs: \`created\` by the organisation of the caller, \`asked\` is one for which a node of it was in a cohort, \`open to all\`
one of others that has not ended, \`others'\` one of others that has ended. Members and organisations: \`own\` and
\`others'\`. \`public\` is for anybody, \`enrolling\` for whoever has an invite. Where a job may not be read, every route of it
answers \`jobUnknown\`; anything else that is not permitted is \`accessRefused\`.

`;

const defaults = Authorizer.ofDefaults();
const routes = Object.entries(ROUTES) as [string, Route][];

test('protocol/ACCESS.md is what the policies come to; `vitest -u` writes it', async () => {
  await expect(`${INTRODUCTION}${accessTable(defaults)}\n`).toMatchFileSnapshot(
    '../../../protocol/ACCESS.md',
  );
});

describe('every route', () => {
  const actionless = (table: readonly [string, Route][]) =>
    table
      .filter(([, { action, access }]) =>
        isDecided({ access }) ? !Object.hasOwn(ACTIONS, action) : !OPEN_ACTIONS.some((one) => one === action),
      )
      .map(([name]) => name);

  test('names an action: one that is decided where it is known who calls, and an open one elsewhere', () => {
    expect(actionless(routes)).toEqual([]);
    const [, first] = routes.find(([, { access }]) => access === 'member') ?? ['', undefined];
    const planted = { ...(first as Route), action: 'readCheckpoints' } as const;
    expect(actionless([...routes, ['planted', planted]])).toEqual(['planted']);
  });

  test('and every action has a route, and stands in the schema of policies', () => {
    const named = new Set(routes.map(([, { action }]) => action));
    for (const action of Object.keys(ACTIONS)) {
      expect(named.has(action as Route['action']), action).toBe(true);
      expect(CEDAR_SCHEMA, action).toContain(`"${action}"`);
    }
    expect([...CEDAR_SCHEMA.matchAll(/"(\w+)"/g)].map(([, name]) => name).sort()).toEqual(
      Object.keys(ACTIONS).sort(),
    );
  });
});

describe('a cell', () => {
  test('says in which situations it is permitted', () => {
    expect(cellOf(defaults, 'operator', 'cancelJob')).toBe('yes');
    expect(cellOf(defaults, 'researcher', 'cancelJob')).toBe('created');
    expect(cellOf(defaults, 'participant', 'readJob')).toBe('created, asked, open to all');
    expect(cellOf(defaults, 'auditor', 'cancelJob')).toBe('-');
    expect(cellOf(defaults, 'partner', 'revokeMember')).toBe('own');
  });

  test('is of the policies that are asked, which may be others', () => {
    const closed = new Authorizer(
      new PolicySet(
        '@id("nobody") forbid (principal, action, resource);\n@id("all") permit (principal, action, resource);',
      ),
    );
    const open = new Authorizer(new PolicySet('@id("all") permit (principal, action, resource);'));
    for (const role of ROLES) {
      expect(permittedIn(closed, role, 'readJob')).toEqual([]);
      expect(cellOf(open, role, 'readJob')).toBe('yes');
    }
  });
});
