/**
 * What the coordinator does for the routes of its policies. As all of `server/handlers.ts`, free of any transport; access and form
 * have been checked.
 */
import type { RouteName } from '../../protocol/routes.ts';
import type { Coordinator } from '../coordinator.ts';
import type { Handlers } from '../handler-types.ts';

type PolicyRoute = Extract<
  RouteName,
  'getPolicies' | 'getPolicyVersion' | 'proposePolicies' | 'approvePolicies' | 'withdrawPolicies'
>;

export function policyHandlers({ policies, federation }: Coordinator): Pick<Handlers, PolicyRoute> {
  return {
    getPolicies: async () => policies.told(),

    getPolicyVersion: async ({ params }) => policies.detail(Number(params.version)),

    proposePolicies: ({ body, member }) => policies.propose(body, federation.firstKeyOf(member.nodeId)),

    approvePolicies: ({ params, member }) =>
      policies.approve(Number(params.version), federation.firstKeyOf(member.nodeId)),

    withdrawPolicies: ({ params, member }) =>
      policies.withdraw(Number(params.version), federation.firstKeyOf(member.nodeId)),
  };
}
