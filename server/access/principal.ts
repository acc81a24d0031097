/** Who a request comes from, once that is certain: SPEC.md 4.10. */
import type { NodeId } from '../../schemas/ids.ts';
import type { Role } from '../../schemas/member.ts';
import type { KnownMember } from '../federation-state.ts';
import type { KnownPerson } from '../people/people-state.ts';
import type { KnownUse } from '../people/token-decisions.ts';

interface Someone {
  /** Of a person and a token random, in the form of a node's. */
  readonly id: NodeId;
  readonly organisationId: string;
  readonly role: Role;
}

export interface NodePrincipal extends Someone {
  readonly kind: 'node';
}

export interface PersonPrincipal extends Someone {
  readonly kind: 'person';
}

export interface TokenPrincipal extends Someone {
  readonly kind: 'token';
  /** Whose token it is. */
  readonly person: NodeId;
  /** Actions; what is not among them it may not do, whatever its person may. */
  readonly scopes: readonly string[];
}

export type Principal = NodePrincipal | PersonPrincipal | TokenPrincipal;

/** Who is said to have brought something about: of a token its person. */
export function actorOf(principal: Principal): NodeId {
  return principal.kind === 'token' ? principal.person : principal.id;
}

export function personPrincipal({ personId, organisationId, role }: KnownPerson): PersonPrincipal {
  return { kind: 'person', id: personId, organisationId, role };
}

export function tokenPrincipal({ token, person }: KnownUse): TokenPrincipal {
  const { personId, organisationId, role } = person;
  const { tokenId: id, scopes } = token;
  return { kind: 'token', id, person: personId, organisationId, role, scopes };
}

export function principalOf({ nodeId, organisationId, role }: KnownMember): NodePrincipal {
  return { kind: 'node', id: nodeId, organisationId, role };
}
