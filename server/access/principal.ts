/** Who a request comes from, once that is certain: SPEC.md 4.5. */
import type { NodeId } from '../../schemas/ids.ts';
import type { Role } from '../../schemas/member.ts';
import type { KnownMember } from '../federation-state.ts';

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

export function principalOf({ nodeId, organisationId, role }: KnownMember): NodePrincipal {
  return { kind: 'node', id: nodeId, organisationId, role };
}
