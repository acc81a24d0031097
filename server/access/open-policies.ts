/**
 * The policies of a federation: whose word counts for a change is whoever is an operator of it now, by a key or by a passkey.
 * SPEC.md 4.10.
 */
import type { Clock } from '../../protocol/clock.ts';
import { isValidNode } from '../../protocol/known-organisations.ts';
import type { NodeId } from '../../schemas/ids.ts';
import type { Federation } from '../federation.ts';
import type { KnownMember } from '../federation-state.ts';
import type { Store } from '../store/store.ts';
import { Policies } from './policies.ts';
import { personPrincipal, principalOf } from './principal.ts';

/** Throws as `Policies.open`. */
export function openPolicies(
  federation: Federation,
  { store, clock }: { readonly store: Store; readonly clock: Clock },
  approvals: number,
): Promise<Policies> {
  const operators = () => {
    const at = new Date(clock.now()).toISOString();
    const valid = [...federation.members()].filter(
      ({ role, entry }) => role === 'operator' && isValidNode(entry, at),
    );
    const nodes = new Map(valid.map((member) => [federation.firstKeyOf(member.nodeId), principalOf(member)]));
    // Somebody who has never signed in could not change them.
    const people = [...federation.people.people.values()].filter(
      ({ role, enrolledAt, personId }) =>
        role === 'operator' && enrolledAt !== null && federation.hasPerson(personId),
    );
    return [...nodes.values(), ...people.map(personPrincipal)];
  };
  const isThere = (id: NodeId) => {
    const at = new Date(clock.now()).toISOString();
    const isKeyOf = ({ nodeId, entry }: KnownMember) =>
      federation.firstKeyOf(nodeId) === id && isValidNode(entry, at);
    return federation.hasPerson(id) || [...federation.members()].some(isKeyOf);
  };
  return Policies.open(store, clock, { approvals, operators, isThere, federationId: federation.id });
}
