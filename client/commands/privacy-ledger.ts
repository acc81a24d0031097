/**
 * `hanse privacy ledger`: what was spent of the privacy budgets of a node, by whom, on which data, for what, and what is
 * left. It reads the file beside the identity, whether or not the node runs, and changes nothing.
 */
import { existsSync } from 'node:fs';
import type { Balance, UseOfData } from '../../protocol/dp/ledger.ts';
import { defineCommand } from '../../schemas/command.ts';
import { readIdentity } from '../identity.ts';
import { ledgerFile } from '../ledger-file.ts';
import { knownLedgerKey } from '../ledger-key.ts';
import { askPassphrase, type PassphraseSource } from '../passphrase.ts';
import { openLedger } from '../privacy-ledger.ts';
import { PASSPHRASE_OPTION } from './identity-options.ts';
import { NEIGHBOURING_WORDS } from './neighbouring-words.ts';
import { counted } from './participant-report.ts';

interface LedgerOptions extends PassphraseSource {
  readonly identity: string;
  readonly verify?: boolean;
}

/** Of a use: epsilons are numbers, null where there is no bound. */
interface ShownUse extends Omit<UseOfData, 'alone' | 'dataSet'> {
  readonly epsilonAlone: number | null;
}

interface ShownDataSet extends Pick<Balance, 'dataSet' | 'unit' | 'neighbouring' | 'delta' | 'units'> {
  readonly epsilon: Readonly<Record<'budget' | 'spent' | 'spentAndReserved' | 'left', number | null>>;
  readonly uses: readonly ShownUse[];
}

const BAR_WIDTH = 40;

export const privacyLedgerCommand = defineCommand<LedgerOptions>({
  summary: 'what was spent of the privacy budgets of a node, by whom, for what, and what is left',
  options: [
    { flags: '--identity <file>', description: 'the key of the node', default: '.hanse/node/identity.json' },
    {
      flags: '--verify',
      description: 'also check that this node has written every line; needs its key',
    },
    PASSPHRASE_OPTION,
  ],
  examples: [
    ['hanse privacy ledger', 'budgets, and the jobs that were trained on them'],
    ['hanse privacy ledger --verify --json', 'every line checked with the key of the node, for programs'],
  ],
  async run({ options: { identity: file, verify = false, ...source } }, io) {
    const identity = verify ? await readIdentity(file, askPassphrase(source)) : undefined;
    const key = identity && (await knownLedgerKey(file, identity));
    const store = ledgerFile(file);
    const { ledger, head, tornBytes } = await openLedger(store, key);
    // A mistyped name is no node without a ledger.
    if (head.count === 0 && !existsSync(file)) await readIdentity(file);
    const uses = ledger.uses();
    const dataSets = ledger.balances().map((balance) => shown(balance, uses));
    const checked = key ? 'written by this node, each line checked' : 'lines follow on each other';
    if (head.count === 0) io.print('no ledger: no data set of this node has had a privacy budget');
    else io.print(`${store.name}: ${counted(head.count, 'record')}, ${checked}; head ${head.hash}`);
    if (tornBytes > 0)
      io.note(`${tornBytes} bytes at its end are no whole line: being written, or cut off by a crash`);
    for (const dataSet of dataSets) for (const line of described(dataSet)) io.print(line);
    return { file: store.name, head, isVerified: key !== undefined, dataSets };
  },
});

function shown(balance: Balance, uses: readonly UseOfData[]): ShownDataSet {
  const { budget, spent, spentAndReserved, ...of } = balance;
  return {
    ...of,
    epsilon: {
      budget: decimal(budget),
      spent: decimal(spent),
      spentAndReserved: decimal(spentAndReserved),
      left: decimal(Math.max(0, budget - spentAndReserved)),
    },
    uses: uses
      .filter(({ dataSet }) => dataSet === balance.dataSet)
      .map(({ alone, dataSet: _, ...use }) => ({ ...use, epsilonAlone: decimal(alone) })),
  };
}

function decimal(micro: number): number | null {
  return Number.isFinite(micro) ? micro / 1e6 : null;
}

function* described({ dataSet, unit, neighbouring, delta, epsilon, uses }: ShownDataSet): Iterable<string> {
  const { budget, spent, spentAndReserved, left } = epsilon;
  yield '';
  yield `${dataSet}: epsilon ${budget} at delta ${delta} for each ${unit}, ${NEIGHBOURING_WORDS[neighbouring]}`;
  yield `  ${bar(budget, spent, spentAndReserved)}`;
  yield `  spent ${told(spent)}; with what is kept for jobs that go on ${told(spentAndReserved)}; left ${told(left)}`;
  if (uses.length > 0)
    yield '  epsilons of jobs are as if each had been alone; what is spent holds in whatever order they were chosen:';
  if (uses.length > 0) yield '  for one or two that is a little more than their sum, for many it is less';
  for (const use of uses) {
    const { author, useId, name, purpose, draws, rounds, isSettled, epsilonAlone, reservedAt, lastAt } = use;
    const days = [reservedAt, lastAt].map((moment) => moment.slice(0, 16).replace('T', ' '));
    const by = author ?? (useId.startsWith('ask-') ? 'owner' : '(author unknown)');
    yield `  ${by}  ${useId}  "${name}" for ${purpose}`;
    yield `    epsilon ${told(epsilonAlone)} by ${counted(draws, 'draw')}, ${counted(rounds, 'round')} promised; ` +
      `${days.join(' to ')}${isSettled ? ', ended' : ''}`;
  }
}

function told(epsilon: number | null): string {
  return epsilon === null ? 'without bound' : epsilon.toFixed(6);
}

/** Spent, kept, left. */
function bar(budget: number | null, spent: number | null, spentAndReserved: number | null): string {
  const share = (epsilon: number | null) =>
    epsilon === null || budget === null ? BAR_WIDTH : Math.min(BAR_WIDTH, (BAR_WIDTH * epsilon) / budget);
  const [dark, all] = [Math.ceil(share(spent)), Math.ceil(share(spentAndReserved))];
  return '█'.repeat(dark) + '▒'.repeat(all - dark) + '░'.repeat(BAR_WIDTH - all);
}
