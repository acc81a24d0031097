/**
 * The privacy budgets of a node as its owner has set them at this start, and its ledger beside the identity. Node only.
 */
import type { Clock } from '../protocol/clock.ts';
import type { Directory } from '../schemas/directory.ts';
import type { BudgetUnit } from '../schemas/privacy-ledger.ts';
import type { DataSet } from './data/data-set.ts';
import type { Examples } from './data/examples.ts';
import { unitCount } from './engine/units.ts';
import type { Identity } from './identity.ts';
import { ledgerFile } from './ledger-file.ts';
import { ledgerKey } from './ledger-key.ts';
import { PrivacyGuard } from './privacy-guard.ts';
import { PrivacyLedger } from './privacy-ledger.ts';

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
  const budgeted = dataSets.filter(({ budget }) => budget);
  if (budgeted.length === 0) return new PrivacyGuard({ directory });
  const ledger = new PrivacyLedger({
    store: ledgerFile(identityFile),
    key: await ledgerKey(identityFile, identity),
    clock,
    onTorn: (bytes) =>
      note(`privacy ledger: a last line of ${bytes} bytes was not written to its end, and is cut off`),
  });
  for (const { budget, examples } of budgeted) {
    if (!budget) continue;
    const { epsilon, delta, unit = 'example' } = budget;
    const isNew = await ledger.setBudget({
      dataSet: examples.name,
      unit,
      neighbouring: 'replace-special',
      microEpsilon: Math.round(epsilon * 1e6),
      delta,
      // How many participants there are, this node does not know.
      units: unitsIn(examples, unit),
      setBy: 'the owner, at the start of the node',
    });
    if (isNew)
      note(`privacy budget of ${examples.name}: epsilon ${epsilon} at delta ${delta} for each ${unit}`);
  }
  return new PrivacyGuard({ ledger, directory });
}

/** Where nobody says whose examples they are, as many persons as there are examples. */
function unitsIn(examples: Examples, unit: BudgetUnit): number {
  if (unit === 'participant') return 1;
  return unit === 'person' && examples.persons ? unitCount(examples, { privacyUnit: unit }) : examples.count;
}
