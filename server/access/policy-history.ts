/**
 * The policies of a coordinator as the fold of their events: what is in force, what waits for approval, what was before.
 * SPEC.md 4.10.
 */
import type { NodeId, Sha256 } from '../../schemas/ids.ts';
import type { PolicyEvent } from '../../schemas/policy.ts';

/** Of the store. */
export const POLICY_STREAM = 'policies';

export interface KnownPolicies {
  readonly version: number;
  readonly text: string;
  readonly sha256: Sha256;
  readonly note: string;
  /** Who has proposed it, then who has approved it. */
  readonly by: readonly NodeId[];
  readonly proposedAt: string;
  readonly adoptedAt: string | null;
  readonly isWithdrawn: boolean;
}

/** From version 1, in their order. */
export interface PolicyHistory {
  readonly versions: readonly KnownPolicies[];
  /** 0: those that the coordinator comes with. */
  readonly inForce: number;
}

export const NO_POLICIES: PolicyHistory = { versions: [], inForce: 0 };

/** Throws for an event that cannot follow upon this state. */
export function foldPolicies(history: PolicyHistory, event: PolicyEvent, at: string): PolicyHistory {
  const { versions } = history;
  switch (event.type) {
    case 'policiesProposed': {
      const { version, text, sha256, note, by } = event;
      if (version !== versions.length + 1) throw new Error('a version of the policies is missing');
      if (waitingOf(history)) throw new Error('it proposes policies while others wait');
      const proposed = {
        version,
        text,
        sha256,
        note,
        by: [by],
        proposedAt: at,
        adoptedAt: null,
        isWithdrawn: false,
      };
      return { ...history, versions: [...versions, proposed] };
    }
    case 'policiesApproved': {
      const waiting = waitsAs(history, event.version);
      return replaced(history, { ...waiting, by: [...waiting.by, event.by] });
    }
    case 'policiesWithdrawn':
      return replaced(history, { ...waitsAs(history, event.version), isWithdrawn: true });
    case 'policiesAdopted': {
      const waiting = waitsAs(history, event.version);
      if (waiting.sha256 !== event.after) throw new Error('it adopts other policies than were proposed');
      return { ...replaced(history, { ...waiting, adoptedAt: at }), inForce: event.version };
    }
    default:
      event satisfies never;
      throw new Error('unreachable');
  }
}

/** Which wait for approval: one at a time. */
export function waitingOf({ versions }: PolicyHistory): KnownPolicies | undefined {
  const last = versions.at(-1);
  return last && last.adoptedAt === null && !last.isWithdrawn ? last : undefined;
}

function waitsAs(history: PolicyHistory, version: number): KnownPolicies {
  const waiting = waitingOf(history);
  if (waiting?.version !== version) throw new Error('it names policies that do not wait');
  return waiting;
}

function replaced(history: PolicyHistory, one: KnownPolicies): PolicyHistory {
  return {
    ...history,
    versions: history.versions.map((known) => (known.version === one.version ? one : known)),
  };
}
