/**
 * What a process of the fuzzer's nodes takes part in secure rounds with: the party of production, in which everything that
 * is drawn, remembered or written down is that of this process of this run.
 */
import { AttemptJournal, type AttemptLog } from '../../client/attempt-journal.ts';
import { ModelChain } from '../../client/model-chain.ts';
import type { SecureParty } from '../../client/secure-party.ts';
import { toHex } from '../../protocol/bytes.ts';
import type { Primitives, Signer } from '../../protocol/primitives.ts';
import type { Foundation } from './foundation.ts';
import { KeyedNumbers } from './keyed-numbers.ts';
import type { Life } from './machine.ts';
import type { Observed } from './secure-witness.ts';

export interface PartyOptions {
  readonly process: Observed;
  readonly life: Life;
  readonly seed: number;
  readonly foundation: Foundation;
  /** Of the node, as these primitives have it. */
  readonly identity: Signer;
  readonly primitives: Primitives;
  /** Outlives the process. */
  readonly log: AttemptLog;
}

export function partyFor(options: PartyOptions): SecureParty {
  const { process, life, seed, foundation, identity, primitives, log } = options;
  const { index, lives, nodeId } = process;
  const { federationId, keys, signer } = foundation;
  const pinned = (id: string) => {
    const key = keys.get(id);
    return key && toHex(key.publicKey);
  };
  return {
    identity,
    nodeId,
    federationId,
    coordinatorKey: toHex(signer.publicKey),
    primitives,
    random: new KeyedNumbers('secrets', seed, index, lives).source(),
    journal: new AttemptJournal(log),
    chain: new ModelChain(primitives),
    pinned: () => pinned,
    suites: [1, 2],
    clock: life.clock,
  };
}
