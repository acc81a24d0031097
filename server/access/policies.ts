/**
 * The policies that are in force at a coordinator, and how others take their place: proposed by an operator, approved by as many
 * others as its settings say, adopted. SPEC.md 4.10. Each step is an event, and in the audit log.
 */
import type { Clock } from '../../protocol/clock.ts';
import { HanseError } from '../../protocol/problem.ts';
import type { NodeId } from '../../schemas/ids.ts';
import {
  type PolicyDetail,
  PolicyEvent,
  type PolicyLine,
  type PolicyProposal,
  type Policies as Told,
} from '../../schemas/policy.ts';
import { EventStream } from '../event-stream.ts';
import type { Store } from '../store/store.ts';
import { Authorizer } from './authorizer.ts';
import { DEFAULT_POLICIES } from './cedar-schema.ts';
import { policyChanges } from './policy-diff.ts';
import {
  foldPolicies,
  type KnownPolicies,
  NO_POLICIES,
  POLICY_STREAM,
  type PolicyHistory,
  waitingOf,
} from './policy-history.ts';
import { PolicySet } from './policy-set.ts';
import type { Principal } from './principal.ts';

export interface PoliciesOptions {
  /** How many operators have to want a change, the one who proposes it among them. */
  readonly approvals: number;
  /** Who could change policies, if they may: valid operators, each once. */
  readonly operators: () => readonly Principal[];
  /** Whether somebody who once wanted a change is still there: of a node one of its keys, a person not revoked. */
  readonly isThere: (id: NodeId) => boolean;
  readonly federationId: string;
}

export class Policies {
  readonly #stream: EventStream<PolicyHistory, PolicyEvent>;
  readonly #options: PoliciesOptions;
  #authorizer: Authorizer;
  #version: number;

  private constructor(stream: EventStream<PolicyHistory, PolicyEvent>, options: PoliciesOptions) {
    this.#stream = stream;
    this.#options = options;
    this.#version = stream.state.inForce;
    this.#authorizer = authorizerOf(stream.state);
  }

  /** @throws policyInvalid where those in force do not fit this version of the software; what the store throws */
  static async open(store: Store, clock: Clock, options: PoliciesOptions): Promise<Policies> {
    const stream = await EventStream.open<PolicyHistory, PolicyEvent>(store, clock, {
      name: POLICY_STREAM,
      schema: PolicyEvent,
      initial: NO_POLICIES,
      fold: foldPolicies,
    });
    return new Policies(stream, options);
  }

  /** Of those in force. */
  get authorizer(): Authorizer {
    const { state } = this.#stream;
    if (state.inForce !== this.#version) {
      this.#authorizer = authorizerOf(state);
      this.#version = state.inForce;
    }
    return this.#authorizer;
  }

  told(): Told {
    const { state } = this.#stream;
    const { sha256, text } = this.authorizer.policies;
    const history = [...state.versions.map((known) => lineOf(known, state)).reverse(), shippedLine(state)];
    return { version: state.inForce, sha256, text, approvals: this.#options.approvals, history };
  }

  /** @param version 0: those that the coordinator comes with @throws policiesUnknown */
  detail(version: number): PolicyDetail {
    const { state } = this.#stream;
    if (version === 0) return { ...shippedLine(state), text: DEFAULT_POLICIES, diff: '' };
    const known = this.#known(version);
    const before = textBefore(state, version);
    return { ...lineOf(known, state), text: known.text, diff: policyChanges(before, known.text).diff };
  }

  /**
   * Proposes policies; where nobody else has to approve them they are in force at once.
   * @param by whoever proposes it: of all keys of a node the first
   * @throws policyInvalid, policyLocksOut; policiesOverlap where others wait, or are in force by now
   */
  async propose({ text, note, after }: PolicyProposal, by: NodeId): Promise<PolicyDetail> {
    const proposed = new PolicySet(text);
    this.#requireUsable(proposed);
    let version = 0;
    await this.#stream.command((state) => {
      requireAlone(state, after);
      version = state.versions.length + 1;
      const { sha256 } = proposed;
      const event = { type: 'policiesProposed', version, text, sha256, note, by } as const;
      return [event, ...this.#adoption(state, { version, text, sha256, by: [by] })];
    });
    return this.detail(version);
  }

  /** @throws policiesUnknown; approvalRepeated; policiesOverlap where they do not wait any more; policyLocksOut */
  async approve(version: number, by: NodeId): Promise<PolicyDetail> {
    await this.#stream.command((state) => {
      const waiting = this.#waitingAs(state, version);
      if (waiting.by.includes(by)) throw new HanseError('approvalRepeated', { version });
      this.#requireUsable(new PolicySet(waiting.text));
      const approved = { ...waiting, by: [...waiting.by, by] };
      return [{ type: 'policiesApproved', version, by }, ...this.#adoption(state, approved)];
    });
    return this.detail(version);
  }

  /** @throws policiesUnknown; policiesOverlap where they do not wait any more */
  async withdraw(version: number, by: NodeId): Promise<PolicyDetail> {
    await this.#stream.command((state) => {
      this.#waitingAs(state, version);
      return [{ type: 'policiesWithdrawn', version, by }];
    });
    return this.detail(version);
  }

  #adoption(
    state: PolicyHistory,
    { version, text, sha256, by }: Pick<KnownPolicies, 'version' | 'text' | 'sha256' | 'by'>,
  ): PolicyEvent[] {
    // Whoever has been revoked since, perhaps for this very proposal, counts no more.
    const valid = by.filter((one) => this.#options.isThere(one));
    if (valid.length < this.#options.approvals) return [];
    const before = textBefore(state, version);
    const { diff } = policyChanges(before, text);
    const known = { before: new PolicySet(before).sha256, after: sha256 };
    return [{ type: 'policiesAdopted', version, ...known, diff, by: valid }];
  }

  /** With these as many operators as are needed could change them again. */
  #requireUsable(policies: PolicySet): void {
    const { approvals, operators, federationId } = this.#options;
    const authorizer = new Authorizer(policies);
    const federation = { type: 'Federation', id: federationId } as const;
    for (const action of ['readPolicies', 'changePolicies'] as const) {
      const able = operators().filter((one) => authorizer.decide(one, action, federation).isPermitted);
      if (able.length < approvals) throw new HanseError('policyLocksOut', { action });
    }
  }

  #known(version: number): KnownPolicies {
    const known = this.#stream.state.versions[version - 1];
    if (!known) throw new HanseError('policiesUnknown', { version });
    return known;
  }

  #waitingAs(state: PolicyHistory, version: number): KnownPolicies {
    this.#known(version);
    const waiting = waitingOf(state);
    if (waiting?.version !== version) throw overlap(state);
    return waiting;
  }
}

function requireAlone(state: PolicyHistory, after: number): void {
  if (waitingOf(state) || state.inForce !== after) throw overlap(state);
}

function overlap(state: PolicyHistory): HanseError {
  const waiting = waitingOf(state)?.version ?? 'none';
  return new HanseError('policiesOverlap', { inForce: state.inForce, waiting });
}

function authorizerOf({ inForce, versions }: PolicyHistory): Authorizer {
  const known = versions[inForce - 1];
  return known ? new Authorizer(new PolicySet(known.text)) : Authorizer.ofDefaults();
}

/** Of what was in force before this version came into force, or is in force while it has not. */
function textBefore({ versions }: PolicyHistory, version: number): string {
  const before = versions.filter((known) => known.adoptedAt !== null && known.version < version).at(-1);
  return before?.text ?? DEFAULT_POLICIES;
}

function shippedLine({ inForce }: PolicyHistory): PolicyLine {
  return {
    version: 0,
    state: inForce === 0 ? 'inForce' : 'replaced',
    sha256: Authorizer.ofDefaults().policies.sha256,
    note: 'as the coordinator comes',
    by: [],
    proposedAt: null,
    adoptedAt: null,
  };
}

function lineOf(known: KnownPolicies, { inForce }: PolicyHistory): PolicyLine {
  const { version, sha256, note, by, proposedAt, adoptedAt, isWithdrawn } = known;
  const waits = isWithdrawn ? 'withdrawn' : 'waiting';
  const state = version === inForce ? 'inForce' : adoptedAt !== null ? 'replaced' : waits;
  return { version, state, sha256, note, by: [...by], proposedAt, adoptedAt };
}
