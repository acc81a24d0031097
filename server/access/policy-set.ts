/**
 * Policies that are sound against the schema, and cut into slices: Cedar looks at each policy it is given, so that it is given only
 * those whose scope can fit a request. https://docs.cedarpolicy.com/policies/syntax-policy.html#term-policy-scope
 */
import { createHash } from 'node:crypto';
import type { PolicyJson, TypeAndId } from '@cedar-policy/cedar-wasm/nodejs';
import { cedar } from './cedar.ts';
import { CEDAR_SCHEMA } from './cedar-schema.ts';
import { firstOf, invalid, type PolicyTexts, parsePolicies } from './policy-text.ts';

const ORGANISATION = 'Hanse::Organisation';

/** Of one policy: whom, what and on what it speaks of; absent: of all. `Type::"id"`, or `Type` of an `is`. */
interface Scope {
  readonly id: string;
  readonly principal: string | undefined;
  readonly actions: ReadonlySet<string> | undefined;
  readonly resource: string | undefined;
  /** Ids of organisations that it names, wherever. */
  readonly organisations: readonly string[];
}

/** As `Scope` names them: whether the principal, or the resource, is this, of this type, or in this. */
export interface Fitting {
  readonly principal: (place: string) => boolean;
  readonly action: string;
  readonly resource: (place: string) => boolean;
}

/** Policies that may have a say. */
export interface Slice {
  /** In the order of the text. */
  readonly ids: readonly string[];
  /** That they name. */
  readonly organisations: readonly string[];
}

export interface Policy {
  readonly id: string;
  readonly effect: 'permit' | 'forbid';
  readonly reason: string | undefined;
  readonly text: string;
}

export class PolicySet {
  readonly text: string;
  /** Of the text, hex. */
  readonly sha256: string;
  readonly #texts: PolicyTexts;
  readonly #policies = new Map<string, Policy>();
  readonly #scopes: Scope[] = [];

  /**
   * @param text attacker-controlled, unless it is known to be sound
   * @param isSound it was validated before: half of a second that no start has to wait for
   * @throws policyInvalid where it is no Cedar, or names what is not in the schema
   */
  constructor(text: string, isSound = false) {
    this.text = text;
    this.sha256 = createHash('sha256').update(text).digest('hex');
    this.#texts = parsePolicies(text);
    for (const [id, policy] of this.#texts) {
      const parsed = cedar.policyToJson(policy);
      if (parsed.type === 'failure') throw invalid(id, firstOf(parsed.errors));
      const { effect, annotations } = parsed.json;
      this.#policies.set(id, { id, effect, reason: annotations?.reason, text: policy });
      this.#scopes.push(scopeOf(id, parsed.json));
    }
    if (!isSound) validate(this.#texts);
  }

  /** By id. */
  get policies(): ReadonlyMap<string, Policy> {
    return this.#policies;
  }

  fitting({ principal, action, resource }: Fitting): Slice {
    const fits = (scope: Scope) =>
      (scope.actions === undefined || scope.actions.has(action)) &&
      (scope.principal === undefined || principal(scope.principal)) &&
      (scope.resource === undefined || resource(scope.resource));
    const scopes = this.#scopes.filter(fits);
    const organisations = new Set(scopes.flatMap((scope) => scope.organisations));
    return { ids: scopes.map(({ id }) => id), organisations: [...organisations] };
  }

  /** What Cedar is given of these. */
  textsOf(ids: readonly string[]): Record<string, string> {
    return Object.fromEntries(ids.map((id) => [id, this.#texts.get(id) ?? '']));
  }
}

export function entityName({ type, id }: TypeAndId): string {
  return `${type}::${JSON.stringify(id)}`;
}

function validate(texts: PolicyTexts): void {
  const answer = cedar.validate({
    validationSettings: { mode: 'strict' },
    schema: CEDAR_SCHEMA,
    policies: { staticPolicies: Object.fromEntries(texts) },
  });
  if (answer.type === 'failure') throw invalid('the text', firstOf(answer.errors));
  const [error] = answer.validationErrors;
  if (error) throw invalid(error.policyId, firstOf([error.error]));
  // Look-alikes of other alphabets, which tell apart what people cannot.
  const [warning] = answer.validationWarnings;
  if (warning) throw invalid(warning.policyId, firstOf([warning.error]));
}

function scopeOf(id: string, policy: PolicyJson): Scope {
  const { principal, action, resource } = policy;
  return {
    id,
    principal: placeOf(principal),
    actions: actionsOf(action),
    resource: placeOf(resource),
    organisations: [...new Set(organisationsIn(policy))],
  };
}

/** Less than what a scope says at times, never more: what is left out here Cedar looks at itself. */
function placeOf(constraint: PolicyJson['principal'] | PolicyJson['resource']): string | undefined {
  switch (constraint.op) {
    case 'All':
      return undefined;
    case 'is':
      return constraint.entity_type;
    default:
      return 'entity' in constraint ? entityName(plain(constraint.entity)) : undefined;
  }
}

function actionsOf(action: PolicyJson['action']): ReadonlySet<string> | undefined {
  if (action.op === 'All') return undefined;
  if ('entities' in action) return new Set(action.entities.map((entity) => plain(entity).id));
  return 'entity' in action ? new Set([plain(action.entity).id]) : undefined;
}

/** Wherever they stand in it: as constraints, and in conditions. */
function* organisationsIn(part: unknown): Iterable<string> {
  if (typeof part !== 'object' || part === null) return;
  const { type, id } = part as Partial<TypeAndId>;
  if (type === ORGANISATION && typeof id === 'string') yield id;
  for (const inner of Object.values(part)) yield* organisationsIn(inner);
}

function plain(entity: TypeAndId | { readonly __entity: TypeAndId }): TypeAndId {
  return '__entity' in entity ? entity.__entity : entity;
}
