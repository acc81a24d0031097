/**
 * `hanse privacy ask`: a count, sum, mean, histogram or quantile of one column of a table, under differential privacy and
 * out of the budget of its owner.
 */
import { basename } from 'node:path';
import { primitives } from '#primitives';
import type { StatisticTable } from '../../protocol/dp/statistics/plan-statistic.ts';
import type { RandomSource } from '../../protocol/random.ts';
import { type CommandDefinition, defineCommand } from '../../schemas/command.ts';
import type { StatisticQuestion } from '../../schemas/statistic-question.ts';
import { askStatistic, type StatisticNeighbouring, type ToldStatistic } from '../ask-statistic.ts';
import { CSV_BYTES_MAX, parseColumns, readDecimal } from '../data/csv.ts';
import { readDataFile } from '../data/data-file.ts';
import { type NodeBudget, openNodeBudget } from '../node-budget.ts';
import { askPassphrase, type PassphraseSource } from '../passphrase.ts';
import { PASSPHRASE_OPTION } from './identity-options.ts';
import { NEIGHBOURING_WORDS } from './neighbouring-words.ts';
import {
  boundedBy,
  QUESTION_OPTIONS,
  type QuestionOptions,
  questionOf,
  STATISTIC_OPTION,
} from './question-option.ts';
import { answerLines } from './statistic-report.ts';

interface AskOptions extends PassphraseSource, QuestionOptions {
  readonly data: string;
  readonly person: string;
  readonly column: string;
  readonly identity: string;
  readonly neighbouring: StatisticNeighbouring;
  readonly dataSet?: string;
  readonly purpose: string;
}

/** Of the node with this identity file, beside which its ledger lies. */
export type OpenBudget = (identityFile: string, passphrase: PassphraseSource) => Promise<NodeBudget>;

const ofNode: OpenBudget = (file, source) => openNodeBudget(file, askPassphrase(source));

export function privacyAskCommand(
  openBudget: OpenBudget = ofNode,
  random: RandomSource = primitives.random,
): CommandDefinition<AskOptions> {
  return defineCommand<AskOptions>({
    summary: 'a statistic of one column of a table, under differential privacy, out of a budget',
    options: [
      { flags: '--data <file>', description: 'table as CSV with a header', required: true },
      { flags: '--person <column>', description: 'column that says whose a row is', required: true },
      { flags: '--column <column>', description: 'column that is asked about', required: true },
      STATISTIC_OPTION,
      { flags: '--epsilon <e>', description: 'what it may cost', kind: 'number', required: true },
      { flags: '--delta <d>', description: 'for histograms: 0 where left out', kind: 'number' },
      ...QUESTION_OPTIONS,
      {
        flags: '--identity <file>',
        description: 'of the node whose ledger pays, while it does not run',
        default: '.hanse/node/identity.json',
      },
      PASSPHRASE_OPTION,
      {
        flags: '--neighbouring <relation>',
        description:
          'that of the budget: one whose rows have no value, as budgets of hanse join are, or a person more or less',
        choices: ['add-or-remove-one', 'replace-special'],
        default: 'replace-special',
      },
      {
        flags: '--data-set <name>',
        description: 'as hanse privacy ledger calls it (default: the name of the file)',
      },
      { flags: '--purpose <text>', description: 'for the ledger', default: 'a statistic for its owner' },
    ],
    examples: [
      [
        'hanse privacy ask --data visits.csv --data-set clinic-a --person patient --column age --statistic mean --bounds 0,110 --epsilon 0.5 --identity .hanse/a.json',
        'a mean, one row a person',
      ],
      [
        'hanse privacy ask --data visits.csv --data-set clinic-a --person patient --column age --statistic histogram --buckets 0,18,65,110 --epsilon 0.5 --delta 1e-6 --identity .hanse/a.json',
        'persons by age',
      ],
      [
        'hanse privacy ask --data visits.csv --data-set clinic-a --person patient --column cost --statistic quantile --quantile 0.9 --bounds 0,5000 --grid 1 --max-rows 3 --epsilon 1 --identity .hanse/a.json',
        'what nine of ten visits cost at most',
      ],
    ],
    async run({ options }, io) {
      const question = questionOf(options);
      const { data, person, column, identity, ...rest } = options;
      const { budget, close } = await openBudget(identity, rest);
      const told = await askStatistic({
        ...{ question, budget, random },
        table: () => readTable(data, person, column),
        neighbouring: options.neighbouring,
        dataSet: options.dataSet ?? basename(data),
        name: `${options.statistic} of ${column}`.slice(0, 80),
        purpose: options.purpose,
      }).finally(close);
      for (const line of described(told, question, column)) io.print(line);
      const { statistic, ...asked } = question;
      return { statistic, column, ...told, asked, bounded: boundedBy(question, told) };
    },
  });
}

/** Cells that are no number count as none, also of a number's column: to refuse them would tell of the data. */
async function readTable(file: string, person: string, column: string): Promise<StatisticTable> {
  const bytes = await readDataFile(file, CSV_BYTES_MAX);
  const [persons = [], cells = []] = parseColumns(bytes, [person, column], file);
  return {
    persons,
    values: Float64Array.from(cells, (cell) => readDecimal(cell) ?? Number.NaN),
    keys: cells.map((cell) => (cell === '' ? undefined : cell)),
  };
}

function described(told: ToldStatistic, question: StatisticQuestion, column: string): readonly string[] {
  const delta = 'delta' in question ? (question.delta ?? 0) : 0;
  return [
    ...answerLines(told, question, column),
    `promise: epsilon ${question.epsilon}, delta ${delta}, to each ${told.unit}, ${NEIGHBOURING_WORDS[told.neighbouring]} (${told.neighbouring})`,
    ...boundedBy(question, told).map((line) => `bounded: ${line}`),
  ];
}
