/**
 * Principals and resources as Cedar is given them. https://docs.cedarpolicy.com/auth/entities-syntax.html
 *
 * They fit `hanse.cedarschema` by their making, which tests show: Cedar does not check that again with every request.
 */
import type { CedarValueJson, EntityJson, TypeAndId } from '@cedar-policy/cedar-wasm/nodejs';
import type { Role } from '../../schemas/member.ts';
import { entityName } from './policy-set.ts';
import type { Principal } from './principal.ts';

export interface JobResource {
  readonly type: 'Job';
  readonly id: string;
  readonly author: string;
  /** Whether a node of this organisation was asked. */
  readonly hasAsked: (organisationId: string) => boolean;
  readonly isOpen: boolean;
  readonly purpose: string;
}

export type Resource =
  | { readonly type: 'Federation'; readonly id: string }
  | JobResource
  | { readonly type: 'Member'; readonly id: string; readonly organisation: string }
  | { readonly type: 'Organisation'; readonly id: string };

const named = (type: string, id: string): TypeAndId => ({ type: `Hanse::${type}`, id });
const reference = (type: string, id: string): CedarValueJson => ({ __entity: named(type, id) });

const KINDS = { node: 'Node', person: 'Person', token: 'Token' } as const;

/** Roles that come with another: nodes that train witness the log. */
const BESIDE: Readonly<Partial<Record<Role, readonly string[]>>> = {
  participant: ['node', 'witness'],
  evaluator: ['node'],
};

export function principalEntity({ kind, id, organisationId, role }: Principal): EntityJson {
  const roles = [role, ...(BESIDE[role] ?? [])];
  return {
    uid: named(KINDS[kind], id),
    attrs: { organisation: reference('Organisation', organisationId) },
    parents: [...roles.map((name) => named('Role', name)), named('Organisation', organisationId)],
  };
}

/** @param asking organisations that a request or a policy names: whether it is in others makes no difference to anybody */
export function resourceEntity(resource: Resource, asking: readonly string[]): EntityJson {
  const uid = named(resource.type, resource.id);
  switch (resource.type) {
    case 'Federation':
    case 'Organisation':
      return { uid, attrs: {}, parents: [] };
    case 'Job': {
      const { author, hasAsked, isOpen, purpose } = resource;
      const attrs = { author: reference('Organisation', author), isOpen, purpose };
      const organisations = new Set([author, ...asking.filter(hasAsked)]);
      return { uid, attrs, parents: [...organisations].map((name) => named('Organisation', name)) };
    }
    case 'Member': {
      const { organisation } = resource;
      return {
        uid,
        attrs: { organisation: reference('Organisation', organisation) },
        parents: [named('Organisation', organisation)],
      };
    }
    default:
      resource satisfies never;
      throw new Error('unreachable');
  }
}

export function uidOf({ uid }: EntityJson): TypeAndId {
  return '__entity' in uid ? uid.__entity : uid;
}

/** Whether the entity is this, of this type, or in this; by the names of `policy-set.ts`. */
export function placesOf(entity: EntityJson): (place: string) => boolean {
  const uid = uidOf(entity);
  const parents = entity.parents.map((parent) => entityName('__entity' in parent ? parent.__entity : parent));
  const places = new Set([entityName(uid), uid.type, ...parents]);
  return (place) => places.has(place);
}
