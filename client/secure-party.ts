/**
 * What a node needs to take part in secure rounds, beyond what it needs for any. SPEC.md 11.7, 11.9.
 */
import { primitives } from '#primitives';
import type { Clock } from '../protocol/clock.ts';
import { pinnedParticipants } from '../protocol/known-organisations.ts';
import type { Primitives, Signer } from '../protocol/primitives.ts';
import type { RandomSource } from '../protocol/random.ts';
import type { PinnedKeys } from '../protocol/secagg/roster.ts';
import type { SelfTest } from '../protocol/secagg/self-test.ts';
import { SUITE_IDS } from '../protocol/secagg/suite.ts';
import type { SuiteId } from '../schemas/secagg.ts';
import { AttemptJournal, type AttemptLog } from './attempt-journal.ts';
import type { DirectoryWatch } from './directory-watch.ts';
import type { Membership } from './membership.ts';
import { ModelChain } from './model-chain.ts';
import type { PolicyGate } from './policy-gate.ts';

export interface SecureParty {
  /** The key of the node, and its id. */
  readonly identity: Signer;
  readonly nodeId: string;
  /** As pinned by the invite; the key in hex. */
  readonly federationId: string;
  readonly coordinatorKey: string;
  readonly primitives: Primitives;
  readonly clock: Clock;
  /** Of keys, seeds and shares: the CSPRNG, whatever seeds an experiment has. */
  readonly random: RandomSource;
  readonly journal: AttemptJournal;
  readonly chain: ModelChain;
  /** Those of the pinned directory that are valid now. */
  pinned(): PinnedKeys;
  /**
   * Whether the owner of the node helps to open a sum of these; throws `policyRefused`.
   * @param nodeIds of the survivors
   */
  admitSurvivors?(nodeIds: readonly string[]): void;
  /** Permitted by the owner of the node. */
  readonly suites: readonly SuiteId[];
  /** Of simulations only: see `DescriptorLimits`. */
  readonly allowsSparse?: boolean;
}

/** What a member has, from which the rest follows. */
export interface SecureMember {
  readonly member: Pick<Membership, 'nodeId' | 'federationId' | 'coordinatorKey'>;
  readonly signer: Signer;
  readonly log: AttemptLog;
  readonly directory: Pick<DirectoryWatch, 'pinned'>;
  readonly gate: Pick<PolicyGate, 'admitSurvivors'>;
  readonly clock: Clock;
  /** What the self-test has found; absent: the primitives of the platform, untested, and all suites. */
  readonly tested?: SelfTest;
}

/** Of a member that believes its own directory and nobody else, and permits every suite that works here. */
export function securePartyOf(secure: SecureMember): SecureParty {
  const { member, signer, log, directory, gate, clock, tested } = secure;
  const { nodeId, federationId, coordinatorKey } = member;
  return {
    identity: signer,
    nodeId,
    federationId,
    coordinatorKey,
    primitives: tested?.primitives ?? primitives,
    random: primitives.random,
    clock,
    journal: new AttemptJournal(log),
    chain: new ModelChain(),
    pinned: () => {
      const at = new Date(clock.now()).toISOString();
      const known = directory.pinned ? pinnedParticipants(directory.pinned, at) : new Map<string, string>();
      return (id) => known.get(id);
    },
    admitSurvivors: (nodeIds) => gate.admitSurvivors(nodeIds),
    suites: tested?.report.suites ?? SUITE_IDS,
  };
}
