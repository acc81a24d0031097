/**
 * What the coordinator does for the routes of membership: invites, enrolments, revocations, keys and the directory.
 * As all of `handlers.ts`, free of any transport; role and form have been checked.
 */
import { toHex } from '../protocol/bytes.ts';
import { HanseError, isProblem } from '../protocol/problem.ts';
import type { RouteName } from '../protocol/routes.ts';
import type { Capabilities, Role } from '../schemas/member.ts';
import { actorOf } from './access/principal.ts';
import type { Coordinator } from './coordinator.ts';
import { DataDeclarations } from './data-declarations.ts';
import type { Handlers } from './handler-types.ts';

type MemberRoute = Extract<
  RouteName,
  | 'createInvite'
  | 'enrol'
  | 'listEnrolments'
  | 'approveEnrolment'
  | 'refuseEnrolment'
  | 'revokeMember'
  | 'forgetMember'
  | 'revokeOrganisation'
  | 'succeedKey'
  | 'getDirectory'
  | 'listMembers'
  | 'reportCapabilities'
  | 'changeDataSet'
>;

export function memberHandlers(coordinator: Coordinator): Pick<Handlers, MemberRoute> {
  const { federation, presence } = coordinator;
  const declarations = new DataDeclarations(coordinator.notes);
  return {
    createInvite: ({ body, caller }) => federation.invite(body, actorOf(caller)),

    enrol: ({ body }) => federation.enrol(body),

    listEnrolments: async () => ({
      waiting: federation.waiting().map(({ isRefused: _, signature: __, ...request }) => ({
        ...request,
        isNewOrganisation: !federation.hasOrganisation(request.organisationId),
      })),
    }),

    approveEnrolment: async ({ params, caller }) => {
      await federation.approve(params.nodeId, actorOf(caller));
      return {};
    },

    refuseEnrolment: async ({ params, caller }) => {
      await federation.refuse(params.nodeId, actorOf(caller));
      return {};
    },

    revokeMember: async ({ params, body, caller }) => {
      await federation.revoke(params.nodeId, body.reason, actorOf(caller));
      await coordinator.dismissRevoked();
      return {};
    },

    forgetMember: async ({ params: { nodeId } }) => {
      const known = federation.member(nodeId);
      if (!known) throw new HanseError('nodeUnknown', { id: nodeId });
      const first = federation.firstKeyOf(nodeId);
      const keys = [...federation.members()].filter(
        (member) => federation.firstKeyOf(member.nodeId) === first,
      );
      const ids = keys.map((member) => member.nodeId);
      return { erased: (await coordinator.saltRetention?.forget(ids, [known.name])) ?? 0 };
    },

    revokeOrganisation: async ({ params, body, caller }) => {
      await federation.revokeOrganisation(params.organisationId, body.reason, actorOf(caller));
      await coordinator.dismissRevoked();
      return {};
    },

    succeedKey: async ({ body, member }) => {
      const receipt = await federation.succeed(member, body);
      presence.wake(member.nodeId); // what it has open ends with its key
      return receipt;
    },

    getDirectory: async ({ query }) => federation.directory(Number(query.after ?? 0)),

    listMembers: async ({ caller: { role } }) => {
      const members = [...federation.members()].map(
        ({ publicKey, entry, ledger: _, changes: __, ...member }) => ({
          ...member,
          capabilities: toldTo(role, member.capabilities),
          publicKey: toHex(publicKey),
          validUntil: entry.validUntil,
          revokedAt: entry.revokedAt,
          live: presence.isLive(member.nodeId),
        }),
      );
      return { members };
    },

    changeDataSet: async ({ body, member }) => {
      await federation.changeDataSet(member, body);
      return {};
    },

    reportCapabilities: async ({ body, member }) => {
      try {
        const accepted = body.ledger ? await coordinator.acceptedOf(member.nodeId) : new Map();
        await federation.reportCapabilities(member.nodeId, body, accepted);
      } catch (error) {
        if (isProblem(error, 'ledgerForked'))
          coordinator.dependencies.report(error, `the privacy ledger of node ${member.nodeId}`);
        throw error;
      }
      await declarations.note(member.nodeId, body);
      // With times of steps it is the report of a node that goes on: 8.2.
      if (body.steps === undefined) await coordinator.reconsider(member.nodeId);
      return {};
    },
  };
}

/** How much of whose budget is spent is no business of other members, and on what terms data are used one of operators alone. */
function toldTo(role: Role, capabilities: Capabilities | null): Capabilities | null {
  if (!capabilities) return null;
  const { ledger: _, dataSets, ...rest } = capabilities;
  if (role === 'operator' || role === 'auditor') return { ...rest, dataSets };
  return { ...rest, dataSets: dataSets.map(({ terms: _, ...set }) => set) };
}
