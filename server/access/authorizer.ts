/**
 * May this principal do this with that? Decided by Cedar, from policies and from what is known of both; what no policy permits is
 * refused, and one that forbids outweighs all that permit. https://docs.cedarpolicy.com/auth/authorization.html
 *
 * Pure in its arguments, so that what was decided is decided again without asking. The slices of policies that requests lead to are
 * few (`policy-set.ts`); each is prepared once.
 */
import type { EntityJson } from '@cedar-policy/cedar-wasm/nodejs';
import { type ActionName, SEEING } from '../../protocol/actions.ts';
import { HanseError, isProblem } from '../../protocol/problem.ts';
import { cedar } from './cedar.ts';
import { placesOf, principalEntity, type Resource, resourceEntity, uidOf } from './cedar-entities.ts';
import { DEFAULT_POLICIES } from './cedar-schema.ts';
import { PolicySet } from './policy-set.ts';
import type { Principal } from './principal.ts';

export interface Decision {
  readonly isPermitted: boolean;
  /** Ids of the policies that decided: none where nothing permits it. */
  readonly policies: readonly string[];
}

const ORGANISATION = 'Hanse::Organisation::';
/** In the place of ids. */
export const NOBODY = 'none permits it';
/** Slices that are kept prepared, of all authorizers of this process, each some kilobytes. */
const MOST_SLICES = 2048;
const MOST_DECISIONS = 50_000;
const REFUSED: Decision = { isPermitted: false, policies: [] };

let ofDefaults: Authorizer | undefined;

/** In the order in which they were last asked for; Cedar keeps them by the number of their slot. */
const prepared = new Map<string, number>();

export class Authorizer {
  /** By the policies that a coordinator has where nobody has given it others. */
  static ofDefaults(): Authorizer {
    // That they are sound is for tests to say.
    ofDefaults ??= new Authorizer(new PolicySet(DEFAULT_POLICIES, true));
    return ofDefaults;
  }

  readonly policies: PolicySet;
  readonly #decisions = new Map<string, Decision>();

  constructor(policies: PolicySet) {
    this.policies = policies;
  }

  /** Where a policy fails in the deciding, it has no say, and nothing is permitted: Cedar's word for such a policy is to skip it. */
  decide(principal: Principal, action: ActionName, resource: Resource): Decision {
    const who = principalEntity(principal);
    const slice = this.policies.fitting({
      principal: placesOf(who),
      action,
      resource: placesOfResource(resource),
    });
    const what = resourceEntity(resource, [principal.organisationId, ...slice.organisations]);
    const key = JSON.stringify([principal, action, what]);
    const known = this.#decisions.get(key);
    if (known) return known;
    const isOutOfScope = principal.kind === 'token' && !principal.scopes.includes(action);
    const decision = isOutOfScope ? REFUSED : this.#decide(who, action, what, slice.ids);
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

  #decide(who: EntityJson, action: ActionName, what: EntityJson, ids: readonly string[]): Decision {
    const answer = cedar.statefulIsAuthorized({
      principal: uidOf(who),
      action: { type: 'Hanse::Action', id: action },
      resource: uidOf(what),
      context: {},
      entities: [who, what],
      preparsedPolicySetId: sliceOf(this.policies, ids),
      validateRequest: false,
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

/** The organisations of a job are many; it is asked for those that policies name. */
function placesOfResource(resource: Resource): (place: string) => boolean {
  const own = placesOf(resourceEntity(resource, []));
  if (resource.type !== 'Job') return own;
  return (place) => own(place) || resource.hasAsked(organisationIn(place));
}

/** The id in the name of an organisation; of anything else, what no organisation is called. */
function organisationIn(place: string): string {
  return place.startsWith(ORGANISATION) ? JSON.parse(place.slice(ORGANISATION.length)) : '';
}
