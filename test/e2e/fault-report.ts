/**
 * The results of a whole table of faults, for programs and for people: in `sim/fuzz/results`, as `.json` and `.md`.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { SOFTWARE } from '../../protocol/versions.ts';
import { FAULTS, PHASES, type RowResult } from './fault-table.ts';

const FOLDER = fileURLToPath(new URL('../../sim/fuzz/results/', import.meta.url));

interface Row {
  readonly fault: string;
  readonly phase: string;
}

/** A table of faults, down, and phases, across. */
export interface FaultTable<Result extends Row> {
  /** Of its files, without extension. */
  readonly name: string;
  readonly title: string;
  /** What was run and what holds of every row. */
  readonly promise: string;
  readonly faults: readonly string[];
  readonly phases: readonly string[];
  /** Absent: every fault can befall every phase. */
  isRow?(fault: string, phase: string): boolean;
  cellOf(row: Result): string;
}

const PLAIN_TABLE: FaultTable<RowResult> = {
  name: 'fault-table',
  title: 'Faults and phases',
  promise: `real processes and connections, two rounds of two
participants and an evaluator. In every row both rounds were released in the end, every acknowledged update was in a
released sum or in an attempt that was aborted for the reason given, and every released model was what its updates make
it, computed again by other code.

\`=\`: the round was released in its first attempt with all updates, and the models are, to the bit, those of the same job
left alone. Otherwise the attempts that were aborted, as round/attempt, with the reason; the next one was released.`,
  faults: FAULTS,
  phases: PHASES,
  cellOf,
};

export function writeReport(rows: readonly RowResult[], folder = FOLDER): void {
  writeTable(PLAIN_TABLE, rows, folder);
}

export function writeTable<Result extends Row>(
  table: FaultTable<Result>,
  rows: readonly Result[],
  folder = FOLDER,
): void {
  mkdirSync(folder, { recursive: true });
  const software = SOFTWARE;
  const commit = commitOf();
  const { version: node, platform, arch } = process;
  const head = { software, commit, node, platform, arch, rows: rows.length };
  // One row a line, so that a change of one is a change of one line.
  const lines = rows.map((row) => `    ${JSON.stringify(row)}`).join(',\n');
  const json = `${JSON.stringify({ ...head, results: [] }, null, 2).replace('[]', `[\n${lines}\n  ]`)}\n`;
  writeFileSync(`${folder}/${table.name}.json`, json);
  writeFileSync(`${folder}/${table.name}.md`, textOf(table, rows, head));
}

/** What became of the first round, where it was not simply released with all updates in its first attempt. */
function cellOf({ isUndisturbed, endings }: RowResult): string {
  if (isUndisturbed) return '=';
  const aborts = endings.filter((ending) => !ending.endsWith(' released'));
  if (aborts.length === 0) return 'released with fewer';
  return aborts.map((ending) => ending.replace(' ', ': ')).join(', ');
}

function textOf<Result extends Row>(
  { title, promise, faults, phases, isRow = () => true, cellOf: cellOfRow }: FaultTable<Result>,
  rows: readonly Result[],
  { software, commit, node }: Record<string, string | number>,
): string {
  const cell = (fault: string, phase: string) => {
    const row = rows.find((one) => one.fault === fault && one.phase === phase);
    if (row) return cellOfRow(row);
    return isRow(fault, phase) ? 'not run' : '';
  };
  return `# ${title}

Made by \`npm run faults\` with ${software} (${commit}) on Node ${node}: ${promise}

| fault | ${phases.join(' | ')} |
|---|${phases.map(() => '---').join('|')}|
${faults.map((fault) => `| ${fault} | ${phases.map((phase) => cell(fault, phase)).join(' | ')} |`).join('\n')}
`;
}

function commitOf(): string {
  try {
    return execFileSync('git', ['rev-parse', '--short=12', 'HEAD'], { encoding: 'utf8' }).trim();
  } catch {
    return 'unknown';
  }
}
