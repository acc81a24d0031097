/**
 * The options by which a command finds the log that it is to answer from, and reads it: an exported folder, the data directory of a
 * coordinator on this machine, or what a coordinator serves.
 */
import { resolve } from 'node:path';
import type { AnswerTable } from '../../protocol/audit/answer.ts';
import { provenLeaves } from '../../protocol/audit/leaf-proofs.ts';
import type { TakeVerified, VerifiedLog } from '../../protocol/audit/verified-entries.ts';
import { HanseError } from '../../protocol/problem.ts';
import type { CommandArgument, CommandIo, CommandOption } from '../../schemas/command.ts';
import { type AskedLog, exportedLog, folderLog, type Pins, servedLog } from '../audit/asked-log.ts';
import type { OpenSource } from './audit-export.ts';
import { everySoOften } from './every-so-often.ts';
import { connectAs, IDENTITY_OPTIONS, type IdentityOptions } from './identity-options.ts';
import { makeOutputFolder, writeOutput } from './output-file.ts';

export interface AskedLogOptions extends IdentityOptions, Pins {
  readonly dataDir?: string;
  readonly salts?: boolean;
  readonly proofs?: string;
}

export const FOLDER_ARGUMENT: CommandArgument = {
  name: '[folder]',
  description:
    'as `hanse audit export` writes it; else --data-dir, else the coordinator of --identity is asked',
};

export const ASKED_LOG_OPTIONS: readonly CommandOption[] = [
  {
    flags: '--data-dir <dir>',
    description: 'in place of a folder: of a coordinator on this machine, which may be running',
  },
  {
    flags: '--salts',
    description: 'also tell who stands behind salted fields of --data-dir; a folder that has salts tells it',
  },
  {
    flags: '--key <vkey>',
    description: 'verifier key of the log, or a file that holds it; else the one beside the log is believed',
  },
  {
    flags: '--policy <file>',
    description:
      'witnesses that have to have seen it, C2SP tlog-policy; else those beside it, of a served log none',
  },
  {
    flags: '--proofs <folder>',
    description: 'write the entries behind the answer there, each with its proof (C2SP tlog-proof)',
  },
  ...IDENTITY_OPTIONS,
];

export interface OpenLog {
  readonly log: AskedLog;
  /** Reads all of it, and tells how far it has come. Throws logUnverified. */
  read(take: TakeVerified): Promise<VerifiedLog>;
  /** Writes what is behind these tables where it was asked for. @returns entries that were written */
  prove(verified: VerifiedLog, tables: readonly AnswerTable[]): Promise<Proofs | undefined>;
}

export interface Proofs {
  /** Absolute. */
  readonly folder: string;
  readonly entries: number;
  /** Entries behind the answer that it does not name. */
  readonly unnamed: number;
}

/** Opens the log, and lets go of it. @param openSource of the coordinator's room */
export async function withAskedLog<Result>(
  folder: string | undefined,
  options: AskedLogOptions,
  io: CommandIo,
  openSource: OpenSource,
  work: (open: OpenLog) => Promise<Result>,
): Promise<Result> {
  const { dataDir, salts = false } = options;
  if (folder !== undefined && dataDir !== undefined)
    throw new HanseError('usage', { reason: 'give a folder or --data-dir, not both' });
  if (salts && dataDir === undefined)
    throw new HanseError('usage', { reason: '--salts is for --data-dir: a folder has its salts or has not' });
  if (dataDir === undefined) {
    const log =
      folder === undefined
        ? await servedLog((await connectAs(options, io.signal)).api, options)
        : await folderLog(folder, options);
    return work(opened(log, options, io));
  }
  const source = await openSource(dataDir, { newest: false });
  try {
    return await work(opened(await exportedLog(source, options, salts), options, io));
  } finally {
    await source.close();
  }
}

function opened(log: AskedLog, { proofs }: AskedLogOptions, io: CommandIo): OpenLog {
  const say = everySoOften((line: string) => io.note(line));
  return {
    log,
    read: (take) =>
      log.read(take, {
        progress: (leaf, size) => say(`${leaf} of ${size} entries`),
        signal: io.signal,
      }),
    async prove(verified, tables) {
      if (proofs === undefined) return undefined;
      const written = await writeProofs(log, verified, tables, proofs, io);
      io.print(`${written.entries} entries with their proofs are in ${written.folder}`);
      return written;
    },
  };
}

async function writeProofs(
  { source }: AskedLog,
  verified: VerifiedLog,
  tables: readonly AnswerTable[],
  path: string,
  { signal }: CommandIo,
): Promise<Proofs> {
  const folder = resolve(path);
  await makeOutputFolder(folder);
  const told = tables.flatMap(({ rows }) => rows.map(({ leaves }) => leaves));
  const leaves = [...new Set(told.flatMap((one) => one.leaves))].sort((a, b) => a - b);
  const unnamed = told.reduce((sum, one) => sum + one.count - one.leaves.length, 0);
  for await (const { index, bytes, proof } of provenLeaves((tile) => source.tile(tile), verified, leaves)) {
    if (signal.aborted) throw new HanseError('interrupted');
    await writeOutput(`${folder}/${index}.json`, bytes);
    await writeOutput(`${folder}/${index}.tlog-proof`, proof);
  }
  return { folder, entries: leaves.length, unnamed };
}
