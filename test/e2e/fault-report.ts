/**
 * The results of the whole table, for programs and for people: `sim/fuzz/results/fault-table.json` and `.md`.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { SOFTWARE } from '../../protocol/versions.ts';
import { FAULTS, PHASES, type RowResult } from './fault-table.ts';

const FOLDER = fileURLToPath(new URL('../../sim/fuzz/results/', import.meta.url));

export function writeReport(rows: readonly RowResult[], folder = FOLDER): void {
  mkdirSync(folder, { recursive: true });
  const software = SOFTWARE;
  const commit = commitOf();
  const { version: node, platform, arch } = process;
  const head = { software, commit, node, platform, arch, rows: rows.length };
  // One row a line, so that a change of one is a change of one line.
  const lines = rows.map((row) => `    ${JSON.stringify(row)}`).join(',\n');
  const json = `${JSON.stringify({ ...head, results: [] }, null, 2).replace('[]', `[\n${lines}\n  ]`)}\n`;
  writeFileSync(`${folder}/fault-table.json`, json);
  writeFileSync(`${folder}/fault-table.md`, tableOf(rows, head));
}

/** What became of the first round, where it was not simply released with all updates in its first attempt. */
function cellOf({ isUndisturbed, endings }: RowResult): string {
  if (isUndisturbed) return '=';
  const aborts = endings.filter((ending) => !ending.endsWith(' released'));
  if (aborts.length === 0) return 'released with fewer';
  return aborts.map((ending) => ending.replace(' ', ': ')).join(', ');
}

function tableOf(
  rows: readonly RowResult[],
  { software, commit, node }: Record<string, string | number>,
): string {
  const cell = (fault: string, phase: string) => {
    const row = rows.find((one) => one.fault === fault && one.phase === phase);
    return row ? cellOf(row) : 'not run';
  };
  return `# Faults and phases

Made by \`npm run faults\` with ${software} (${commit}) on Node ${node}: real processes and connections, two rounds of two
participants and an evaluator. In every row both rounds were released in the end, every acknowledged update was in a
released sum or in an attempt that was aborted for the reason given, and every released model was what its updates make
it, computed again by other code.

\`=\`: the round was released in its first attempt with all updates, and the models are, to the bit, those of the same job
left alone. Otherwise the attempts that were aborted, as round/attempt, with the reason; the next one was released.

| fault | ${PHASES.join(' | ')} |
|---|${PHASES.map(() => '---').join('|')}|
${FAULTS.map((fault) => `| ${fault} | ${PHASES.map((phase) => cell(fault, phase)).join(' | ')} |`).join('\n')}
`;
}

function commitOf(): string {
  try {
    return execFileSync('git', ['rev-parse', '--short=12', 'HEAD'], { encoding: 'utf8' }).trim();
  } catch {
    return 'unknown';
  }
}
