/**
 * Gives a data set of a configuration file another version and another list of rows, and leaves all else of the text as it is:
 * comments, order, spaces.
 */
import { isMap, isScalar, isSeq, type Pair, parseDocument, type Scalar, type YAMLMap } from 'yaml';
import { HanseError } from '../../protocol/problem.ts';
import type { DataSetVersion } from '../../schemas/ids.ts';
import { parsePlacedYaml } from './placed-yaml.ts';

export interface VersionChange {
  /** Position of the data set. */
  readonly index: number;
  readonly version: DataSetVersion;
  /** As it is to stand in the file; absent: what is there stays. */
  readonly rows?: string;
}

/**
 * @param text of a file that was found to be right
 * @param file for messages
 * @throws `configInvalid` where it is written in a way that cannot be changed so
 */
export function changeVersion(text: string, { index, version, rows }: VersionChange, file: string): string {
  const edits: { from: number; to: number; text: string }[] = [];
  const set = dataSetAt(text, index);
  const pairOf = (key: string) => set?.items.find((pair) => isScalar(pair.key) && pair.key.value === key);
  const replace = (pair: Pair | undefined, value: string) => {
    const range = isScalar(pair?.value) ? (pair.value as Scalar).range : undefined;
    if (range) edits.push({ from: range[0], to: range[1], text: JSON.stringify(value) });
  };
  replace(pairOf('version'), version);
  const [at] = (pairOf('version')?.key as Scalar | undefined)?.range ?? [];
  if (rows !== undefined && pairOf('rows')) replace(pairOf('rows'), rows);
  else if (rows !== undefined && set && at !== undefined) {
    const column = at - (text.lastIndexOf('\n', at - 1) + 1);
    const separator = set.flow ? ', ' : `\n${' '.repeat(column)}`;
    edits.push({ from: at, to: at, text: `rows: ${JSON.stringify(rows)}${separator}` });
  }
  const changed = edits
    .sort((a, b) => b.from - a.from)
    .reduce((whole, edit) => whole.slice(0, edit.from) + edit.text + whole.slice(edit.to), text);
  if (!isAsWanted(text, changed, { index, version, ...(rows !== undefined && { rows }) }))
    throw new HanseError('configInvalid', {
      ...{ file, line: 1, pointer: `/data/${index}` },
      reason: `cannot be changed here: write version: ${JSON.stringify(version)}${rows === undefined ? '' : ` and rows: ${JSON.stringify(rows)}`} into it`,
    });
  return changed;
}

function dataSetAt(text: string, index: number): YAMLMap | undefined {
  const { contents } = parseDocument(text, { version: '1.2', schema: 'core', logLevel: 'error' });
  const data = isMap(contents) ? contents.get('data', true) : undefined;
  const set = isSeq(data) ? data.items[index] : undefined;
  return isMap(set) ? set : undefined;
}

/** Whether the file says what it said before, but for the version and the rows. */
function isAsWanted(before: string, after: string, { index, version, rows }: VersionChange): boolean {
  const wanted = parsePlacedYaml(before).value as { data: Record<string, unknown>[] };
  const { value, faults } = parsePlacedYaml(after);
  const set = wanted.data[index];
  if (!set || faults.length > 0) return false;
  set.version = version;
  if (rows !== undefined) set.rows = rows;
  return sorted(value) === sorted(wanted);
}

/** JSON whose members are in the order of their names. */
function sorted(value: unknown): string {
  return JSON.stringify(value, (_, member: unknown) =>
    typeof member === 'object' && member !== null && !Array.isArray(member)
      ? Object.fromEntries(Object.entries(member).sort(([a], [b]) => (a < b ? -1 : 1)))
      : member,
  );
}
