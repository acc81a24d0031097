/**
 * What callers may do at this coordinator: each route by the action that it names, on the resource that its parameters lead to.
 * SPEC.md 4.10.
 *
 * Whatever somebody may not see is not there for them: a job of others is answered as one that never was.
 */
import { ACTIONS, type ActionName, OPEN_ACTIONS } from '../../protocol/actions.ts';
import { HanseError } from '../../protocol/problem.ts';
import { ROUTES, type Route, type RouteName } from '../../protocol/routes.ts';
import { type Authorizer, type Decision, requirePermitted } from './authorizer.ts';
import type { JobResource, Resource } from './cedar-entities.ts';
import type { Principal } from './principal.ts';

/** What a coordinator knows of what policies are about; undefined where there is no such thing. */
export interface Resources {
  readonly federationId: string;
  job(jobId: string): JobResource | undefined;
  /** The organisation of a node, which may also only wait to become a member. */
  organisationOf(nodeId: string): string | undefined;
  hasOrganisation(organisationId: string): boolean;
}

export class AccessControl {
  readonly #authorizer: () => Authorizer;
  readonly #resources: Resources;

  /** @param authorizer of the policies that are in force */
  constructor(authorizer: () => Authorizer, resources: Resources) {
    this.#authorizer = authorizer;
    this.#resources = resources;
  }

  /**
   * @param params of the path, attacker-controlled
   * @throws accessRefused; jobUnknown, nodeUnknown where there is no such thing, or none that the caller may see
   */
  requireRoute(principal: Principal, name: RouteName, params: Readonly<Record<string, string>>): void {
    const { action }: Route = ROUTES[name];
    if (isOpen(action)) return;
    const { nodeId = '', organisationId = '', jobId = '' } = params;
    const { on } = ACTIONS[action];
    switch (on) {
      case 'Federation':
        this.requireAction(principal, action);
        break;
      case 'Job':
        this.requireJob(principal, action, jobId);
        break;
      case 'Member': {
        const organisation = this.#resources.organisationOf(nodeId);
        const node = organisation === undefined ? undefined : { type: on, id: nodeId, organisation };
        this.#require(principal, action, node, () => new HanseError('nodeUnknown', { id: nodeId }));
        break;
      }
      case 'Organisation': {
        const isThere = this.#resources.hasOrganisation(organisationId);
        const organisation = isThere ? { type: on, id: organisationId } : undefined;
        this.#require(
          principal,
          action,
          organisation,
          () => new HanseError('nodeUnknown', { id: organisationId }),
        );
        break;
      }
      default:
        on satisfies never;
        throw new Error('unreachable');
    }
  }

  /** An action on the federation as a whole. @throws accessRefused */
  requireAction(principal: Principal, action: ActionName): void {
    requirePermitted(this.#decide(principal, action, this.#federation), action, principal);
  }

  /** @throws accessRefused; jobUnknown where there is none, or none that the caller may see */
  requireJob(principal: Principal, action: ActionName, jobId: string): void {
    const job = this.#resources.job(jobId);
    this.#require(principal, action, job, () => new HanseError('jobUnknown', { jobId }));
  }

  seesJob(principal: Principal, jobId: string): boolean {
    return this.#sees(principal, this.#resources.job(jobId));
  }

  /** @param unknown what whoever may not see it is told */
  #require(
    principal: Principal,
    action: ActionName,
    resource: Resource | undefined,
    unknown: () => HanseError,
  ): void {
    if (!resource || !this.#sees(principal, resource)) throw unknown();
    requirePermitted(this.#decide(principal, action, resource), action, principal);
  }

  #sees(principal: Principal, resource: Resource | undefined): boolean {
    return (
      resource !== undefined && this.#authorizer().sees(principal, resource, this.#resources.federationId)
    );
  }

  #decide(principal: Principal, action: ActionName, resource: Resource): Decision {
    return this.#authorizer().decide(principal, action, resource);
  }

  get #federation(): Resource {
    return { type: 'Federation', id: this.#resources.federationId };
  }
}

function isOpen(action: Route['action']): action is (typeof OPEN_ACTIONS)[number] {
  return (OPEN_ACTIONS as readonly string[]).includes(action);
}
