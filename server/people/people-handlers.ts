/**
 * What the coordinator does for the routes by which operators look after people and tokens. SPEC.md section 4.11. As all of
 * `server/handlers.ts`, free of any transport; access and form have been checked.
 */
import type { RouteName } from '../../protocol/routes.ts';
import { actorOf } from '../access/principal.ts';
import type { Coordinator } from '../coordinator.ts';
import type { Handlers } from '../handler-types.ts';
import { tokenLine, toldPeople } from './people-view.ts';
import { TOKEN_SCOPES } from './sign-in-handlers.ts';

type PeopleRoute = Extract<
  RouteName,
  | 'invitePerson'
  | 'listPeople'
  | 'linkPerson'
  | 'endPersonSessions'
  | 'revokePerson'
  | 'createToken'
  | 'listTokens'
  | 'revokeToken'
>;

export function peopleHandlers({ people }: Coordinator): Pick<Handlers, PeopleRoute> {
  return {
    invitePerson: ({ body, caller }) => people.invite(body, actorOf(caller)),

    listPeople: async () => ({ people: toldPeople(people.state) }),

    linkPerson: ({ params, body, caller }) =>
      people.link(params.personId, body.lifetimeSeconds, actorOf(caller)),

    endPersonSessions: async ({ params, caller }) => {
      const { personId } = people.require(params.personId);
      await people.sessions.endWhere((session) => session.personId === personId, actorOf(caller));
      return {};
    },

    revokePerson: async ({ params, body, caller }) => {
      await people.revoke(params.personId, body.reason, actorOf(caller));
      return {};
    },

    createToken: ({ body, caller }) => people.issueToken(body, TOKEN_SCOPES, actorOf(caller)),

    listTokens: async () => ({
      tokens: [...people.state.tokens.values()].map((token) => tokenLine(token, people.sessions)),
    }),

    revokeToken: async ({ params, caller }) => {
      await people.revokeToken(params.tokenId, actorOf(caller));
      return {};
    },
  };
}
