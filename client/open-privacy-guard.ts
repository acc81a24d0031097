/**
 * The privacy budgets of a node as its owner has set them at this start, and its ledger beside the identity. Node only.
 */
import type { Clock } from '../protocol/clock.ts';
import type { Directory } from '../schemas/directory.ts';
import type { DataSet } from './data/data-set.ts';
import type { Identity } from './identity.ts';
import { ledgerFile } from './ledger-file.ts';
import { ledgerKey } from './ledger-key.ts';
import { PrivacyGuard } from './privacy-guard.ts';
import { PrivacyLedger } from './privacy-ledger.ts';
import { setBudgets } from './set-budgets.ts';

export interface OpeningGuard {
  readonly identity: Identity;
  /** Locked by this process. */
  readonly identityFile: string;
  readonly dataSets: readonly DataSet[];
  readonly clock: Clock;
  readonly directory: () => Directory | undefined;
  /** For the owner. */
  note(line: string): void;
}

/**
 * Nothing is read or written where no data set has a budget.
 * @throws `deltaTooLarge`, `neighbouringMismatch`; `ledgerCorrupt`, `storageFull`, `storageFailed`
 */
export async function openPrivacyGuard(options: OpeningGuard): Promise<PrivacyGuard> {
  const { identity, identityFile, dataSets, clock, directory, note } = options;
  if (dataSets.every(({ budget }) => budget === undefined)) return new PrivacyGuard({ directory });
  const ledger = new PrivacyLedger({
    store: ledgerFile(identityFile),
    key: await ledgerKey(identityFile, identity),
    clock,
    onTorn: (bytes) =>
      note(`privacy ledger: a last line of ${bytes} bytes was not written to its end, and is cut off`),
  });
  await setBudgets(ledger, dataSets, directory(), note);
  return new PrivacyGuard({ ledger, directory });
}
