/**
 * What callers may do at this coordinator: each route by the action that it names, on the resource that its parameters lead to.
 * SPEC.md 4.5.
 *
 * Whatever somebody may not see is not there for them: a job of others is answered as one that never was.
 */
import { ACTIONS, type ActionName, OPEN_ACTIONS, SEEING } from '../../protocol/actions.ts';
import { HanseError } from '../../protocol/problem.ts';
import { ROUTES, type Route, type RouteName } from '../../protocol/routes.ts';
import {
  type Authorizer,
  type Decision,
  type JobResource,
  type Resource,
  requirePermitted,
} from './authorizer.ts';
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
        const node =
          organisation === undefined ? undefined : ({ type: on, id: nodeId, organisation } as const);
        this.#require(principal, action, nodeId, node);
        break;
      }
      case 'Organisation': {
        const isThere = this.#resources.hasOrganisation(organisationId);
        this.#require(
          principal,
          action,
          organisationId,
          isThere ? { type: on, id: organisationId } : undefined,
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
    if (!job || !this.#sees(principal, job)) throw new HanseError('jobUnknown', { jobId });
    requirePermitted(this.#decide(principal, action, job), action, principal);
  }

  seesJob(principal: Principal, jobId: string): boolean {
    const job = this.#resources.job(jobId);
    return job !== undefined && this.#sees(principal, job);
  }

  #require(principal: Principal, action: ActionName, id: string, resource: Resource | undefined): void {
    const isSeen = this.#decide(principal, SEEING.Member, this.#federation).isPermitted;
    if (!resource || !isSeen) throw new HanseError('nodeUnknown', { id });
    requirePermitted(this.#decide(principal, action, resource), action, principal);
  }

  #sees(principal: Principal, job: JobResource): boolean {
    return this.#decide(principal, SEEING.Job, job).isPermitted;
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
