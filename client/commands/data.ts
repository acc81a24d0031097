/**
 * `hanse data withdraw`: takes rows out of a data set, for a person has withdrawn consent or asked to be deleted. SPEC.md 6.7.
 */
import { systemClock } from '../../protocol/primitives/system-clock.ts';
import { HanseError, isProblem } from '../../protocol/problem.ts';
import { type CommandIo, defineCommand } from '../../schemas/command.ts';
import { WithdrawalReason } from '../../schemas/data-set-change.ts';
import { DataSetVersion } from '../../schemas/ids.ts';
import { DisplayName } from '../../schemas/member.ts';
import type { NodeConfig } from '../../schemas/node-config.ts';
import { readNodeConfig } from '../config/node-config.ts';
import { readDataFile } from '../data/data-file.ts';
import { readRows } from '../data/data-source.ts';
import { withdrawRows } from '../data/withdraw-rows.ts';
import { WithdrawalJournal } from '../data/withdrawal-journal.ts';
import { readIdentity } from '../identity.ts';
import { askPassphrase } from '../passphrase.ts';
import { isThere } from '../private-file.ts';
import { tellWithdrawals } from '../tell-withdrawals.ts';
import { connectIdentity } from './identity-options.ts';

interface WithdrawOptions {
  readonly config: string;
  readonly data: string;
  readonly rows?: string;
  readonly persons?: string;
  readonly reason: WithdrawalReason;
  readonly dataSetVersion?: string;
  readonly inPlace?: boolean;
}

/** Of a list of persons: more than ten million of them. */
const PERSONS_BYTES_MAX = 268_435_456;

export const dataWithdrawCommand = defineCommand<WithdrawOptions>({
  summary: 'take rows out of a data set: a new version without them, of which the coordinator is told',
  arguments: [],
  options: [
    { flags: '--config <file>', description: 'the configuration file of the node', default: 'node.yaml' },
    {
      flags: '--data <name>',
      description: 'the data set, as the file calls it',
      required: true,
      schema: DisplayName,
    },
    { flags: '--rows <file>', description: 'which rows: a JSON array of row numbers of the source, from 0' },
    {
      flags: '--persons <file>',
      description:
        'all rows of these persons: what the person column of a CSV file holds, one a line. A file, as a command line is seen by others',
    },
    {
      flags: '--reason <reason>',
      description: 'consent: it was withdrawn; erasure: a person has asked to be deleted',
      choices: WithdrawalReason.anyOf.map(({ const: reason }) => reason),
      required: true,
    },
    {
      flags: '--data-set-version <v>',
      description: 'of the data set without them; default: the next one',
      schema: DataSetVersion,
    },
    {
      flags: '--in-place',
      description: 'take them out of the CSV file too; else they stay there, and are not used',
    },
  ],
  examples: [
    [
      'hanse data withdraw --config node.yaml --data patients --persons gone.txt --reason consent',
      'persons whose ids are in gone.txt; patients.csv stays as it is',
    ],
    [
      'hanse data withdraw --config node.yaml --data patients --rows rows.json --reason erasure --in-place',
      'rows by their numbers, which are deleted from the file as well',
    ],
  ],
  async run({ options }, io) {
    const { config: file, data: name, reason, inPlace = false, dataSetVersion: version } = options;
    if ((options.rows === undefined) === (options.persons === undefined))
      throw new HanseError('usage', { reason: 'give --rows or --persons' });
    const config = await readNodeConfig(file);
    const journal = new WithdrawalJournal(config.identity, systemClock);
    const which =
      options.rows === undefined
        ? { persons: await readPersons(options.persons ?? '') }
        : { rows: [...(await readRows(options.rows)).rows] };
    const asked = { name, reason, inPlace, ...which, ...(version !== undefined && { version }) };
    const withdrawn = await withdrawRows(file, asked, journal);
    const { oldVersion, newVersion, removed, absent } = withdrawn;
    io.print(
      `${name}: version ${newVersion} is version ${oldVersion} without ${removed} row${removed === 1 ? '' : 's'}`,
    );
    const unit = options.rows === undefined ? 'persons' : 'rows';
    if (absent > 0) io.print(`  ${absent} of the ${unit} that you named are in none of its rows`);
    if (!inPlace)
      io.print('  the source still has them: delete them there with --in-place, or where it comes from');
    io.print(
      '  a node that runs uses the old version in nothing more: start it again, and it takes the new one',
    );
    io.print('  what was learnt before stays in the models that are there: the log tells which these are');
    const isTold = await tell(config, journal, io);
    return { ...withdrawn, told: isTold };
  },
});

/** One a line. Nothing of it is told. */
async function readPersons(file: string): Promise<string[]> {
  const text = new TextDecoder().decode(await readDataFile(file, PERSONS_BYTES_MAX));
  const persons = text.split(/\r\n|\r|\n/).map((line) => line.trim());
  const named = persons.filter((person) => person !== '');
  if (named.length === 0) throw new HanseError('dataEmpty', { source: file });
  return named;
}

/** Whether the coordinator knows of all that was withdrawn. */
async function tell(
  { identity: file, server, passphraseFile, proxy }: NodeConfig,
  journal: WithdrawalJournal,
  io: CommandIo,
): Promise<boolean> {
  if (!(await isThere(file))) {
    io.note('the node is no member yet: the coordinator is told when it is');
    return false;
  }
  try {
    const stored = await readIdentity(
      file,
      askPassphrase(passphraseFile === undefined ? {} : { passphraseFile }),
    );
    const api = await connectIdentity({ ...stored, server: server ?? stored.server }, io.signal, proxy);
    const { failure } = await tellWithdrawals(api, journal, io.signal);
    if (failure) throw failure;
    io.print('  the coordinator was told the versions, the reason and how many rows');
    return true;
  } catch (error) {
    if (!(error instanceof HanseError) || isProblem(error, 'interrupted')) throw error;
    io.note(
      `${error.code}: ${error.message}; the coordinator is told when the node starts, or by another withdrawal`,
    );
    return false;
  }
}
