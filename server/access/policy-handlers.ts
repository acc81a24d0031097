/**
 * What the coordinator does for the routes of its policies. As all of `server/handlers.ts`, free of any transport; access and form
 * have been checked.
 */
import type { RouteName } from '../../protocol/routes.ts';
import type { Coordinator } from '../coordinator.ts';
import type { Handlers } from '../handler-types.ts';
import { actorOf } from './principal.ts';

type PolicyRoute = Extract<
  RouteName,
  'getPolicies' | 'getPolicyVersion' | 'proposePolicies' | 'approvePolicies' | 'withdrawPolicies'
>;

export function policyHandlers({ policies, federation }: Coordinator): Pick<Handlers, PolicyRoute> {
  return {
    getPolicies: async () => policies.told(),

    getPolicyVersion: async ({ params }) => policies.detail(Number(params.version)),

    proposePolicies: ({ body, caller }) => policies.propose(body, federation.firstKeyOf(actorOf(caller))),

    approvePolicies: ({ params, caller }) =>
      policies.approve(Number(params.version), federation.firstKeyOf(actorOf(caller))),

    withdrawPolicies: ({ params, caller }) =>
      policies.withdraw(Number(params.version), federation.firstKeyOf(actorOf(caller))),
  };
}
