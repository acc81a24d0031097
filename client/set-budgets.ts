/**
 * The privacy budgets of data sets, as their owner has set them now, written to the ledger where they are new.
 */
import type { Directory } from '../schemas/directory.ts';
import type { BudgetUnit } from '../schemas/privacy-ledger.ts';
import type { DataSet } from './data/data-set.ts';
import type { Examples } from './data/examples.ts';
import { unitCount } from './engine/units.ts';
import type { PrivacyLedger } from './privacy-ledger.ts';

/**
 * @param directory the one that the node has pinned: it says how many participants there are
 * @param note told of each budget that is new
 * @throws `deltaTooLarge`, `neighbouringMismatch`, `budgetInvalid`; what the ledger throws
 */
export async function setBudgets(
  ledger: PrivacyLedger,
  dataSets: readonly DataSet[],
  directory: Directory | undefined,
  note: (line: string) => void,
): Promise<void> {
  for (const { budget, examples } of dataSets) {
    if (!budget) continue;
    const { epsilon, delta, unit = 'example' } = budget;
    const isNew = await ledger.setBudget({
      dataSet: examples.name,
      unit,
      neighbouring: 'replace-special',
      microEpsilon: Math.round(epsilon * 1e6),
      delta,
      units: unit === 'participant' ? participantsIn(directory) : unitsIn(examples, unit),
      setBy: 'the owner, at the start of the node',
    });
    if (isNew)
      note(`privacy budget of ${examples.name}: epsilon ${epsilon} at delta ${delta} for each ${unit}`);
  }
}

/** Where nobody says whose examples they are, as many persons as there are examples. */
function unitsIn(examples: Examples, unit: Exclude<BudgetUnit, 'participant'>): number {
  return unit === 'person' && examples.persons ? unitCount(examples, { privacyUnit: unit }) : examples.count;
}

/** At least one: this node. */
function participantsIn(directory: Directory | undefined): number {
  const nodes = directory?.organisations.flatMap((organisation) => organisation.nodes) ?? [];
  return Math.max(1, nodes.filter(({ role }) => role === 'participant').length);
}
