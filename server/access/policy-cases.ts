/** What policies are expected to decide, as cases that their authors keep beside them: `hanse policy test`. */
import { type Static, Type } from 'typebox';
import { ACTIONS, type ActionName } from '../../protocol/actions.ts';
import { HanseError } from '../../protocol/problem.ts';
import { OrganisationId, PRINTABLE } from '../../schemas/ids.ts';
import { Role } from '../../schemas/member.ts';
import type { Authorizer } from './authorizer.ts';
import type { Resource } from './cedar-entities.ts';
import type { Principal } from './principal.ts';

const closed = { additionalProperties: false } as const;

const Expected = Type.Union([Type.Literal('permitted'), Type.Literal('refused'), Type.Literal('unseen')]);

export const PolicyCase = Type.Object(
  {
    name: Type.String({ minLength: 1, maxLength: 200, pattern: PRINTABLE }),
    role: Role,
    /** Of whoever asks; absent: one of its own. */
    organisation: Type.Optional(OrganisationId),
    action: Type.Union(Object.keys(ACTIONS).map((name) => Type.Literal(name))),
    /** For actions on a job. */
    job: Type.Optional(
      Type.Object(
        {
          author: OrganisationId,
          /** Organisations of which a node was in a cohort; absent: none. */
          asked: Type.Optional(Type.Array(OrganisationId, { maxItems: 100 })),
          /** Absent: it has ended. */
          isOpen: Type.Optional(Type.Boolean()),
          purpose: Type.Optional(Type.String({ maxLength: 200 })),
        },
        closed,
      ),
    ),
    /** The organisation that the action is about, or that of the node: for actions on either. */
    of: Type.Optional(OrganisationId),
    /** `unseen`: whoever asks is told that there is no such thing. */
    expected: Expected,
    /** Ids of the policies that are to decide it; absent: whichever. */
    by: Type.Optional(Type.Array(Type.String({ maxLength: 64 }))),
  },
  closed,
);
export type PolicyCase = Static<typeof PolicyCase>;

export const PolicyCases = Type.Array(PolicyCase, { minItems: 1, maxItems: 10_000 });

export interface CaseResult {
  readonly name: string;
  readonly expected: PolicyCase['expected'];
  readonly got: PolicyCase['expected'];
  /** Which have decided. */
  readonly policies: readonly string[];
  readonly passed: boolean;
}

const OWN = 'asking.example';
const FEDERATION = 'federation';

/** @throws invalidFormat for a case that names no resource for an action that needs one */
export function runCase(authorizer: Authorizer, one: PolicyCase): CaseResult {
  const { name, role, organisation = OWN, expected, by } = one;
  const principal: Principal = { kind: 'node', id: '0'.repeat(32), organisationId: organisation, role };
  const action = one.action as ActionName;
  const resource = resourceOf(one, action);
  const isSeen = authorizer.sees(principal, resource, FEDERATION);
  const { isPermitted, policies } = authorizer.decide(principal, action, resource);
  const got = !isSeen ? 'unseen' : isPermitted ? 'permitted' : 'refused';
  const isBy = by === undefined || JSON.stringify([...by].sort()) === JSON.stringify([...policies].sort());
  return { name, expected, got, policies, passed: got === expected && isBy };
}

function resourceOf({ name, job, of }: PolicyCase, action: ActionName): Resource {
  const { on } = ACTIONS[action];
  if (on === 'Federation') return { type: on, id: FEDERATION };
  const missing = (what: string) =>
    new HanseError('invalidFormat', { where: `case ${name}`, expected: `${what}, which ${action} is about` });
  if (on === 'Job') {
    if (!job) throw missing('job');
    const { author, asked = [], isOpen = false, purpose = 'research' } = job;
    return {
      type: on,
      id: 'job-0000000000000000',
      author,
      hasAsked: (id) => asked.includes(id),
      isOpen,
      purpose,
    };
  }
  if (of === undefined) throw missing('of');
  return on === 'Member' ? { type: on, id: '1'.repeat(32), organisation: of } : { type: on, id: of };
}
