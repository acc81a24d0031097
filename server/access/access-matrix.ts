/**
 * Which role may do what, in the situations that policies can tell apart: what a set of policies comes to. `protocol/ACCESS.md` is that
 * of the policies a coordinator begins with.
 */
import { ACTIONS, type ActionName } from '../../protocol/actions.ts';
import { isDecided, ROUTES, type Route } from '../../protocol/routes.ts';
import { Role } from '../../schemas/member.ts';
import type { Authorizer } from './authorizer.ts';
import type { JobResource, Resource } from './cedar-entities.ts';
import type { Principal } from './principal.ts';

export const ROLES: readonly Role[] = Role.anyOf.map((one) => one.const);

const OWN = 'own.example';
const OTHER = 'other.example';
const FEDERATION = 'federation';

function job(author: string, asked: readonly string[], isOpen: boolean): JobResource {
  return {
    type: 'Job',
    id: 'job-0000000000000000',
    author,
    hasAsked: (organisationId) => asked.includes(organisationId),
    isOpen,
    purpose: 'research',
  };
}

/** By name. Of a job that has ended, unless it says open. */
export const SITUATIONS: Readonly<Record<Resource['type'], Readonly<Record<string, Resource>>>> = {
  Federation: { all: { type: 'Federation', id: FEDERATION } },
  Job: {
    created: job(OWN, [], false),
    asked: job(OTHER, [OWN], false),
    'open to all': job(OTHER, [], true),
    "others'": job(OTHER, [], false),
  },
  Member: {
    own: { type: 'Member', id: 'own', organisation: OWN },
    "others'": { type: 'Member', id: 'other', organisation: OTHER },
  },
  Organisation: {
    own: { type: 'Organisation', id: OWN },
    "others'": { type: 'Organisation', id: OTHER },
  },
};

export function principalIn(role: Role): Principal {
  return { kind: 'node', id: '0'.repeat(32), organisationId: OWN, role };
}

/** Names of the situations in which it is permitted, and what it is done with can be seen. */
export function permittedIn(authorizer: Authorizer, role: Role, action: ActionName): string[] {
  const { on } = ACTIONS[action];
  const who = principalIn(role);
  const isPermitted = (resource: Resource) =>
    authorizer.sees(who, resource, FEDERATION) && authorizer.decide(who, action, resource).isPermitted;
  return Object.entries(SITUATIONS[on])
    .filter(([, resource]) => isPermitted(resource))
    .map(([name]) => name);
}

/** `yes`, `-`, or the situations in which it is permitted. */
export function cellOf(authorizer: Authorizer, role: Role, action: ActionName): string {
  const permitted = permittedIn(authorizer, role, action);
  if (permitted.length === 0) return '-';
  const all = Object.keys(SITUATIONS[ACTIONS[action].on]);
  return permitted.length === all.length ? 'yes' : permitted.join(', ');
}

/** The whole of it in Markdown, a row for each route. */
export function accessTable(authorizer: Authorizer): string {
  const cells = (row: readonly string[]) => `| ${row.join(' | ')} |`;
  const rows = Object.entries(ROUTES).map(([name, route]: [string, Route]) => {
    const { access, action } = route;
    const answers = ROLES.map((role) =>
      isDecided(route) ? cellOf(authorizer, role, action as ActionName) : access,
    );
    return cells([`\`${name}\``, `\`${action}\``, ...answers]);
  });
  return [
    cells(['route', 'action', ...ROLES]),
    cells(['---', '---', ...ROLES.map(() => '---')]),
    ...rows,
  ].join('\n');
}
