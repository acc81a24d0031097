/**
 * `hanse policy explain`: what a role may do at a coordinator, which policies decide it, and why. SPEC.md 4.10.
 */
import { Type } from 'typebox';
import { ACTIONS, type ActionName } from '../../protocol/actions.ts';
import type { CommandIo, CommandOption } from '../../schemas/command.ts';
import { Role } from '../../schemas/member.ts';
import { principalIn, ROLES, SITUATIONS } from '../access/access-matrix.ts';
import { Authorizer } from '../access/authorizer.ts';
import { PolicySet } from '../access/policy-set.ts';
import {
  type FetchPolicies,
  POLICY_SOURCE_OPTIONS,
  type PolicySourceOptions,
  policiesOf,
} from './policy-source.ts';

export interface PolicyExplainOptions extends PolicySourceOptions {
  readonly role?: Role;
  readonly action?: string;
}

interface Explanation {
  readonly role: Role;
  readonly action: string;
  /** Of what it is done with. */
  readonly situation: string;
  readonly decision: 'permitted' | 'refused' | 'unseen';
  readonly policies: readonly { readonly id: string; readonly reason: string | undefined }[];
}

export const POLICY_EXPLAIN_OPTIONS: readonly CommandOption[] = [
  { flags: '--role <role>', description: 'whose; else all roles', schema: Role },
  {
    flags: '--action <action>',
    description: 'one action (protocol/ACCESS.md); else all',
    schema: Type.Union(Object.keys(ACTIONS).map((name) => Type.Literal(name))),
  },
  ...POLICY_SOURCE_OPTIONS,
];

/** @param fetchPolicies of the client's room */
export async function explainRoles<Asking>(
  options: PolicyExplainOptions & Asking,
  fetchPolicies: FetchPolicies<Asking>,
  io: CommandIo,
): Promise<object> {
  const set = new PolicySet(await policiesOf(options, fetchPolicies, io.signal));
  const explanations = [...explain(set, options)];
  for (const { role, action, situation, decision, policies } of explanations) {
    io.print(`${role}, ${action}${situation === 'all' ? '' : ` (${situation})`}: ${decision}`);
    for (const { id, reason } of policies) io.print(`  ${id}${reason === undefined ? '' : `: ${reason}`}`);
    if (policies.length === 0 && decision === 'refused') io.print('  no policy permits it');
  }
  return { sha256: set.sha256, explanations };
}

function* explain(set: PolicySet, { role: only, action: one }: PolicyExplainOptions): Iterable<Explanation> {
  const authorizer = new Authorizer(set);
  for (const role of only === undefined ? ROLES : [only])
    for (const action of (one === undefined ? Object.keys(ACTIONS) : [one]) as ActionName[])
      for (const [situation, resource] of Object.entries(SITUATIONS[ACTIONS[action].on])) {
        const who = principalIn(role);
        const { isPermitted, policies: ids } = authorizer.decide(who, action, resource);
        const isSeen = authorizer.sees(who, resource, SITUATIONS.Federation.all?.id ?? '');
        const decision = !isSeen ? 'unseen' : isPermitted ? 'permitted' : 'refused';
        const policies = isSeen ? ids.map((id) => ({ id, reason: set.policies.get(id)?.reason })) : [];
        yield { role, action, situation, decision, policies };
      }
}
