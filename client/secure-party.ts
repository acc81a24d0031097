/**
 * What a node needs to take part in secure rounds, beyond what it needs for any.
 */
import type { Primitives, Signer } from '../protocol/primitives.ts';
import type { RandomSource } from '../protocol/random.ts';
import type { PinnedKeys } from '../protocol/secagg/roster.ts';
import type { SuiteId } from '../schemas/secagg.ts';
import type { AttemptJournal } from './attempt-journal.ts';
import type { ModelChain } from './model-chain.ts';

export interface SecureParty {
  /** The key of the node, and its id. */
  readonly identity: Signer;
  readonly nodeId: string;
  /** As pinned by the invite; the key in hex. */
  readonly federationId: string;
  readonly coordinatorKey: string;
  readonly primitives: Primitives;
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
