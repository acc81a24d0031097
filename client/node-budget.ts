/**
 * The budget of a node for questions to its own tables: its ledger, held by nobody else while a question is answered.
 */
import { primitives } from '#primitives';
import { systemClock } from '../protocol/primitives/system-clock.ts';
import { readIdentity } from './identity.ts';
import { lockIdentity } from './identity-lock.ts';
import { ledgerBudget } from './ledger-budget.ts';
import { ledgerFile } from './ledger-file.ts';
import { ledgerKey } from './ledger-key.ts';
import type { PrivacyBudget } from './privacy-budget.ts';
import { PrivacyLedger } from './privacy-ledger.ts';
import type { AskPassphrase } from './stored-key.ts';

export interface NodeBudget {
  readonly budget: PrivacyBudget;
  /** Lets the node run again. Idempotent. */
  close(): Promise<void>;
}

/**
 * @param identityFile of the node, which must not run meanwhile
 * @param passphrase   of an encrypted key
 * @throws `identityInUse` while it does; what `readIdentity` and `ledgerKey` throw
 */
export async function openNodeBudget(identityFile: string, passphrase?: AskPassphrase): Promise<NodeBudget> {
  const identity = await readIdentity(identityFile, passphrase);
  const lock = await lockIdentity(identity.nodeId, identityFile);
  try {
    const key = await ledgerKey(identityFile, identity);
    const ledger = new PrivacyLedger({ store: ledgerFile(identityFile), key, clock: systemClock });
    return { budget: ledgerBudget(ledger, primitives.random), close: () => lock.release() };
  } catch (error) {
    await lock.release();
    throw error;
  }
}
