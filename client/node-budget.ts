/**
 * The budget of a node for questions to its own tables: its ledger, held by nobody else while a question is answered.
 */
import { primitives } from '#primitives';
import { systemClock } from '../protocol/primitives/system-clock.ts';
import { readIdentity } from './identity.ts';
import { ledgerBudget } from './ledger-budget.ts';
import { ledgerFile } from './ledger-file.ts';
import { ledgerKey } from './ledger-key.ts';
import type { PrivacyBudget } from './privacy-budget.ts';
import { PrivacyLedger } from './privacy-ledger.ts';
import type { AskPassphrase } from './stored-key.ts';
import { lockUnused } from './unused-identity.ts';

export interface NodeBudget {
  readonly budget: PrivacyBudget;
  /** Lets the node run again. Idempotent. */
  close(): Promise<void>;
}

/**
 * @param identityFile of the node, which must not run meanwhile
 * @param passphrase   of an encrypted key
 * @throws `identityInUse` while it does, also with the key that the one in the file has replaced; what `readIdentity` and `ledgerKey` throw
 */
export async function openNodeBudget(identityFile: string, passphrase?: AskPassphrase): Promise<NodeBudget> {
  const identity = await readIdentity(identityFile, passphrase);
  const lock = await lockUnused(identityFile, identity.nodeId);
  try {
    const key = await ledgerKey(identityFile, identity);
    const ledger = new PrivacyLedger({ store: ledgerFile(identityFile), key, clock: systemClock });
    return { budget: ledgerBudget(ledger, primitives.random), close: () => lock.release() };
  } catch (error) {
    await lock.release();
    throw error;
  }
}
