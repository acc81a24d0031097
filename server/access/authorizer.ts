/**
 * May this principal do this with that? Decided by Cedar, from policies and from what is known of both; what no policy permits is
 * refused, and one that forbids outweighs all that permit. https://docs.cedarpolicy.com/auth/authorization.html
 *
 * Pure in its arguments, so that what was decided is decided again without asking. The slices of policies that requests lead to are
 * few (`policy-set.ts`); each is prepared once.
 */
import type { CedarValueJson, EntityJson, TypeAndId } from '@cedar-policy/cedar-wasm/nodejs';
import { type ActionName, SEEING } from '../../protocol/actions.ts';
import { HanseError, isProblem } from '../../protocol/problem.ts';
import { cedar } from './cedar.ts';
import { CEDAR_SCHEMA, DEFAULT_POLICIES } from './cedar-schema.ts';
import { entityName, PolicySet } from './policy-set.ts';
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

export interface Decision {
  readonly isPermitted: boolean;
  /** Ids of the policies that decided: none where nothing permits it. */
  readonly policies: readonly string[];
}

const SCHEMA = 'hanse';
/** In the place of ids. */
const NOBODY = 'none permits it';
/** Slices that are kept prepared, of all authorizers of this process, each some kilobytes. */
const MOST_SLICES = 2048;
const MOST_DECISIONS = 50_000;

let ofDefaults: Authorizer | undefined;

/** In the order in which they were last asked for; Cedar keeps them by the number of their slot. */
const prepared = new Map<string, number>();

export class Authorizer {
  /** By the policies that a coordinator has where nobody has given it others. */
  static ofDefaults(): Authorizer {
    ofDefaults ??= new Authorizer(new PolicySet(DEFAULT_POLICIES));
    return ofDefaults;
  }

  readonly policies: PolicySet;
  readonly #decisions = new Map<string, Decision>();

  constructor(policies: PolicySet) {
    this.policies = policies;
  }

  /** Where a policy fails in the deciding, it has no say, and nothing is permitted: Cedar's word for such a policy is to skip it. */
  decide(principal: Principal, action: ActionName, resource: Resource): Decision {
    const what = resourceEntity(resource, [principal.organisationId, ...this.policies.organisations]);
    const key = JSON.stringify([principal, action, what]);
    const known = this.#decisions.get(key);
    if (known) return known;
    const decision = this.#decide(principal, action, what);
    if (this.#decisions.size >= MOST_DECISIONS) this.#decisions.clear();
    this.#decisions.set(key, decision);
    return decision;
  }

  /** Whether it is told that there is such a thing: a token sees what its person sees. */
  sees(principal: Principal, resource: Resource, federationId: string): boolean {
    if (resource.type === 'Federation') return true;
    const action = SEEING[resource.type];
    const who = principal.kind === 'token' ? { ...principal, scopes: [action] } : principal;
    const what: Resource = resource.type === 'Job' ? resource : { type: 'Federation', id: federationId };
    return this.decide(who, action, what).isPermitted;
  }

  #decide(principal: Principal, action: ActionName, what: EntityJson): Decision {
    if (principal.kind === 'token' && !principal.scopes.includes(action))
      return { isPermitted: false, policies: [] };
    const who = principalEntity(principal);
    const ids = this.policies.fitting({ principal: placesOf(who), action, resource: placesOf(what) });
    const answer = cedar.statefulIsAuthorized({
      principal: plain(who),
      action: { type: 'Hanse::Action', id: action },
      resource: plain(what),
      context: {},
      entities: [who, what],
      preparsedPolicySetId: sliceOf(this.policies, ids),
      preparsedSchemaName: SCHEMA,
      validateRequest: true,
    });
    if (answer.type === 'failure') throw new Error(`Cedar: ${answer.errors[0]?.message}`);
    const { decision, diagnostics } = answer.response;
    const isPermitted = decision === 'allow' && diagnostics.errors.length === 0;
    const failed = diagnostics.errors.map(({ policyId }) => policyId);
    return {
      isPermitted,
      policies: isPermitted || failed.length === 0 ? [...diagnostics.reason].sort() : failed,
    };
  }
}

/** @throws accessRefused where the decision is no */
export function requirePermitted(
  { isPermitted, policies }: Decision,
  action: ActionName,
  { role }: Principal,
): void {
  if (isPermitted) return;
  throw new HanseError('accessRefused', { action, role, policies: policies.join(', ') || NOBODY });
}

/** Ids of the policies by which a request was refused: none where nothing permits it, or it failed for something else. */
export function decidedBy(problem: HanseError): readonly string[] {
  if (!isProblem(problem, 'accessRefused')) return [];
  const { policies } = problem.detail;
  return policies === NOBODY ? [] : policies.split(', ');
}

/** The slot of these policies, prepared. */
function sliceOf(policies: PolicySet, ids: readonly string[]): string {
  const key = `${policies.sha256} ${ids.join(' ')}`;
  let slot = prepared.get(key);
  if (slot === undefined) {
    if (prepared.size === 0) requireSuccess(cedar.preparseSchema(SCHEMA, CEDAR_SCHEMA));
    slot = prepared.size;
    if (slot >= MOST_SLICES) {
      const [oldest = ['', 0]] = prepared;
      slot = oldest[1];
      prepared.delete(oldest[0]);
    }
    requireSuccess(cedar.preparsePolicySet(`slice-${slot}`, { staticPolicies: policies.textsOf(ids) }));
  }
  prepared.delete(key);
  prepared.set(key, slot);
  return `slice-${slot}`;
}

function requireSuccess(
  answer: { type: 'success' } | { type: 'failure'; errors: { message: string }[] },
): void {
  if (answer.type === 'failure') throw new Error(`Cedar: ${answer.errors[0]?.message}`);
}

const named = (type: string, id: string): TypeAndId => ({ type: `Hanse::${type}`, id });
const reference = (type: string, id: string): CedarValueJson => ({ __entity: named(type, id) });

const KINDS = { node: 'Node', person: 'Person', token: 'Token' } as const;

function principalEntity({ kind, id, organisationId, role }: Principal): EntityJson {
  const isNode = role === 'participant' || role === 'evaluator';
  const roles = isNode ? [role, 'node'] : [role];
  return {
    uid: named(KINDS[kind], id),
    attrs: { organisation: reference('Organisation', organisationId) },
    parents: [...roles.map((name) => named('Role', name)), named('Organisation', organisationId)],
  };
}

/** @param asking organisations that a request or a policy names: whether it is in others makes no difference to anybody */
function resourceEntity(resource: Resource, asking: readonly string[]): EntityJson {
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

function plain({ uid }: EntityJson): TypeAndId {
  return '__entity' in uid ? uid.__entity : uid;
}

function placesOf(entity: EntityJson): ReadonlySet<string> {
  const uid = plain(entity);
  const parents = entity.parents.map((parent) => entityName('__entity' in parent ? parent.__entity : parent));
  return new Set([entityName(uid), uid.type, ...parents]);
}
