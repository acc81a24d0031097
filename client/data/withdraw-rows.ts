/**
 * Takes rows out of a data set of a configuration file: SPEC.md 6.7. The new version has a list of the rows that are left, or,
 * where that is asked for, a source without them; then the journal gives up the old version; then the configuration names the
 * new one. A kill in between leaves a node that uses neither, until the same is done again. Node only.
 */
import { type FileHandle, open, readFile, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { primitives } from '#primitives';
import { toHex } from '../../protocol/bytes.ts';
import { HanseError } from '../../protocol/problem.ts';
import type { DataSetChange, WithdrawalReason } from '../../schemas/data-set-change.ts';
import type { ConfigDataSet } from '../../schemas/node-config.ts';
import { changeVersion } from '../config/change-version.ts';
import { readNodeConfig, sourceOf } from '../config/node-config.ts';
import { fileProblem, isOfThePath } from '../file-problem.ts';
import { CSV_BYTES_MAX, parseColumns } from './csv.ts';
import { withoutRows } from './csv-lines.ts';
import { readDataFile } from './data-file.ts';
import { loadExamples, readRows } from './data-source.ts';
import { nextVersion } from './next-version.ts';
import type { WithdrawalJournal } from './withdrawal-journal.ts';

/** What is to go. */
export interface Withdrawal {
  /** Of the data set. */
  readonly name: string;
  readonly reason: WithdrawalReason;
  /** Numbers of rows of the source, from 0; in their place: */
  readonly rows?: readonly number[];
  /** What the column of persons holds. */
  readonly persons?: readonly string[];
  /** Absent: the next one. */
  readonly version?: string;
  /** Whether the source is to lose them too, which only a CSV file can. */
  readonly inPlace: boolean;
}

export interface Withdrawn extends DataSetChange {
  /** How many of those that were asked for are in no row that was used. */
  readonly absent: number;
  /** That the configuration names now; undefined where all of the source is used. */
  readonly rows?: string;
}

/**
 * @throws usage; rowsUnknown where none of them is there; dataFileMissing, dataMalformed, configInvalid; storageFull, storageFailed
 */
export async function withdrawRows(
  file: string,
  withdrawal: Withdrawal,
  journal: WithdrawalJournal,
): Promise<Withdrawn> {
  await finishWithdrawals(file, journal);
  const { name, reason, inPlace } = withdrawal;
  const { data } = await readNodeConfig(file);
  const set = data.find((one) => one.name === name);
  if (!set)
    throw new HanseError('usage', {
      reason: `${file} has no data set ${name}: it has ${data.map((one) => one.name).join(', ')}`,
    });
  const { version: oldVersion } = set;
  const newVersion = withdrawal.version ?? nextVersion(oldVersion);
  if (newVersion === oldVersion || (await journal.isReplaced(name, newVersion)))
    throw new HanseError('usage', { reason: `${newVersion} is a version that there was: give another` });
  if (inPlace) requireOwnTable(set, data);
  const { count } = await loadExamples(sourceOf(withoutList(set)));
  const present = set.rows === undefined ? numbersTo(count) : [...(await readRows(set.rows)).rows];
  const { gone, absent } = await rowsOf(withdrawal, set, present);
  const left = present.filter((row) => !gone.has(row));
  if (left.length === 0)
    throw new HanseError('usage', { reason: `nothing of ${name} would be left: take it out of ${file}` });
  const change = { name, oldVersion, newVersion, reason, removed: present.length - left.length };

  const needsList = !inPlace || set.rows !== undefined;
  const rows = needsList ? listFile(file, name, newVersion) : undefined;
  const numbers = inPlace ? renumbered(left, gone) : left;
  const rewritten = inPlace ? await rewrite(set, gone, newVersion) : undefined;
  if (rows !== undefined) await writeList(rows, numbers, rewritten?.from ?? tableOf(set));
  const kept = { ...(rows !== undefined && { rows }), ...(rewritten && { rewritten }) };
  await journal.replaced({ ...change, ...kept });
  await finishWithdrawals(file, journal);
  return { ...change, absent, ...(rows !== undefined && { rows }) };
}

/** Does what the journal says has begun: the source, then the configuration, take their new form. */
export async function finishWithdrawals(file: string, journal: WithdrawalJournal): Promise<void> {
  const { data } = await readNodeConfig(file);
  for (const [index, { name, version }] of data.entries()) {
    const begun = await journal.successorOf(name, version);
    if (!begun) continue;
    const { newVersion, rows, rewritten } = begun;
    if (rewritten)
      await rename(rewritten.from, rewritten.to).catch((error: NodeJS.ErrnoException) => {
        if (error.code !== 'ENOENT') throw fileProblem(rewritten.to, error); // it was done before
      });
    const text = await readFile(file, 'utf8');
    const change = {
      index,
      version: newVersion,
      ...(rows !== undefined && { rows: relative(dirname(resolve(file)), rows) }),
    };
    const next = `${file}.${newVersion}.new`;
    await rm(next, { force: true });
    await writeNew(
      next,
      new TextEncoder().encode(changeVersion(text, change, file)),
      (await stat(file)).mode,
    );
    await rename(next, file);
  }
}

/** Which of the rows that are used are to go, and how many of those that were named are none. */
async function rowsOf(
  { name, rows, persons }: Withdrawal,
  { source, columns }: ConfigDataSet,
  present: readonly number[],
): Promise<{ gone: ReadonlySet<number>; absent: number }> {
  const used = new Set(present);
  let gone: Set<number>;
  let absent: number;
  if (rows) {
    const asked = new Set(rows);
    gone = new Set([...asked].filter((row) => used.has(row)));
    absent = asked.size - gone.size;
  } else {
    if (columns?.person === undefined || !source.startsWith('csv:'))
      throw new HanseError('dataWithoutPersons', { source: name });
    const file = source.slice('csv:'.length);
    const [cells = []] = parseColumns(await readDataFile(file, CSV_BYTES_MAX), [columns.person], file);
    const asked = new Set(persons);
    gone = new Set(present.filter((row) => asked.has(cells[row] ?? '')));
    const found = new Set([...gone].map((row) => cells[row]));
    absent = asked.size - found.size;
  }
  if (gone.size === 0) throw new HanseError('rowsUnknown', { dataSet: name, asked: absent });
  return { gone, absent };
}

function requireOwnTable(set: ConfigDataSet, data: readonly ConfigDataSet[]): void {
  const reason = !set.source.startsWith('csv:')
    ? `${set.name} is no CSV file`
    : data.filter(({ source }) => source === set.source).length > 1
      ? `another data set reads ${set.source.slice('csv:'.length)} too`
      : undefined;
  if (reason !== undefined) throw new HanseError('usage', { reason: `--in-place: ${reason}` });
}

/** Undefined for what is no CSV file. */
function tableOf({ source }: ConfigDataSet): string | undefined {
  return source.startsWith('csv:') ? source.slice('csv:'.length) : undefined;
}

/** @param table that the numbers are of: another content of it would give them another meaning */
async function writeList(file: string, rows: readonly number[], table: string | undefined): Promise<void> {
  const sha256 = table && toHex(await primitives.sha256(await readDataFile(table, CSV_BYTES_MAX)));
  const list = sha256 === undefined ? rows : { sourceSha256: sha256, rows };
  await writeNew(file, new TextEncoder().encode(JSON.stringify(list)), 0o600);
}

/** Writes the source without these rows beside it. */
async function rewrite(
  { source, columns }: ConfigDataSet,
  gone: ReadonlySet<number>,
  version: string,
): Promise<{ from: string; to: string }> {
  const to = source.slice('csv:'.length);
  const { features = [], target, person } = columns ?? {};
  const names = [...features, target, person].filter((name) => name !== undefined);
  const left = withoutRows(await readDataFile(to, CSV_BYTES_MAX), gone, names, to);
  const from = `${to}.${version}.new`;
  await rm(from, { force: true });
  await writeNew(from, left, (await stat(to)).mode);
  return { from, to };
}

/** Numbers of the same rows in a source that has lost some. */
function renumbered(left: readonly number[], gone: ReadonlySet<number>): number[] {
  const sorted = Uint32Array.from(gone).sort();
  return left.map((row) => {
    let [low, high] = [0, sorted.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((sorted[middle] ?? 0) < row) low = middle + 1;
      else high = middle;
    }
    return row - low;
  });
}

function withoutList({ rows: _, ...set }: ConfigDataSet): ConfigDataSet {
  return set;
}

function numbersTo(count: number): number[] {
  return Array.from({ length: count }, (_, row) => row);
}

function listFile(config: string, name: string, version: string): string {
  const plain = name.replaceAll(/[^A-Za-z0-9-]+/g, '_').slice(0, 60);
  return join(dirname(resolve(config)), `${basename(config)}.${plain}.${version}.rows.json`);
}

/** Durable, and never in place of another file. Throws `usage` where there is one, or the path cannot be used. */
async function writeNew(file: string, content: Uint8Array, mode: number): Promise<void> {
  let handle: FileHandle | undefined;
  try {
    handle = await open(file, 'wx', mode & 0o777);
    await handle.writeFile(content);
    await handle.sync();
  } catch (error) {
    if (!isOfThePath(error) && (error as NodeJS.ErrnoException).code !== 'EEXIST')
      throw fileProblem(file, error);
    const { code } = error as NodeJS.ErrnoException;
    const reason = code === 'EEXIST' ? `${file} is there already: give another version` : `${file}: ${code}`;
    throw new HanseError('usage', { reason }, { cause: error });
  } finally {
    await handle?.close();
  }
}
