/**
 * What the coordinator does for the routes of membership: invites, enrolments, revocations, keys and the directory.
 * As all of `handlers.ts`, free of any transport; role and form have been checked.
 */
import { toHex } from '../protocol/bytes.ts';
import type { RouteName, RouteRequest, RouteResponse } from '../protocol/routes.ts';
import type { Coordinator } from './coordinator.ts';
import type { KnownMember } from './federation-state.ts';

type Called<Name extends RouteName> = RouteRequest<Name> & { readonly member: KnownMember };
type Answer<Name extends RouteName> = Promise<RouteResponse<Name>>;

export function memberHandlers(coordinator: Coordinator) {
  const { federation, presence } = coordinator;
  return {
    createInvite: ({ body, member }: Called<'createInvite'>): Answer<'createInvite'> =>
      federation.invite(body, member.nodeId),

    enrol: ({ body }: RouteRequest<'enrol'>): Answer<'enrol'> => federation.enrol(body),

    listEnrolments: async (): Answer<'listEnrolments'> => ({
      waiting: federation.waiting().map(({ isRefused: _, signature: __, ...request }) => ({
        ...request,
        isNewOrganisation: !federation.hasOrganisation(request.organisationId),
      })),
    }),

    approveEnrolment: async ({ params, member }: Called<'approveEnrolment'>): Answer<'approveEnrolment'> => {
      await federation.approve(params.nodeId, member.nodeId);
      return {};
    },

    refuseEnrolment: async ({ params, member }: Called<'refuseEnrolment'>): Answer<'refuseEnrolment'> => {
      await federation.refuse(params.nodeId, member.nodeId);
      return {};
    },

    revokeMember: async ({ params, body, member }: Called<'revokeMember'>): Answer<'revokeMember'> => {
      await federation.revoke(params.nodeId, body.reason, member.nodeId);
      await coordinator.dismissRevoked();
      return {};
    },

    revokeOrganisation: async ({
      params,
      body,
      member,
    }: Called<'revokeOrganisation'>): Answer<'revokeOrganisation'> => {
      await federation.revokeOrganisation(params.organisationId, body.reason, member.nodeId);
      await coordinator.dismissRevoked();
      return {};
    },

    succeedKey: async ({ body, member }: Called<'succeedKey'>): Answer<'succeedKey'> => {
      const receipt = await federation.succeed(member, body);
      presence.wake(member.nodeId); // what it has open ends with its key
      return receipt;
    },

    getDirectory: async ({ query }: Called<'getDirectory'>): Answer<'getDirectory'> =>
      federation.directory(Number(query.after ?? 0)),

    listMembers: async (): Answer<'listMembers'> => {
      const members = [...federation.members()].map(({ publicKey, entry, ...member }) => ({
        ...member,
        publicKey: toHex(publicKey),
        validUntil: entry.validUntil,
        revokedAt: entry.revokedAt,
        live: presence.isLive(member.nodeId),
      }));
      return { members };
    },

    reportCapabilities: async ({
      body,
      member,
    }: Called<'reportCapabilities'>): Answer<'reportCapabilities'> => {
      await federation.reportCapabilities(member.nodeId, body);
      return {};
    },
  };
}
