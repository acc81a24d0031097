/**
 * Whether the tests of the verifiers notice when a verifier is changed: one operator, constant or condition at a time, of Merkle
 * trees and of the formats and verdicts of the audit log. `npm run mutate` tries all of them and writes `sim/fuzz/results/mutants.md`;
 * `npm run mutate -- protocol/audit/tile.ts` tries those of one source, and changes what is written of that one.
 *
 * Only the unit tests of the source itself are run: what others notice alone, or slower ones, is counted as living.
 */
import { spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { mutantsOf } from './mutants.mjs';

const ROOT = resolve(fileURLToPath(new URL('../..', import.meta.url)));
const RESULTS = join(ROOT, 'sim/fuzz/results');
/** A mutant that takes longer is taken to go on for ever; the first one waits for the process to begin. */
const [FIRST_MS, LONGEST_MS] = [30_000, 12_000];
const AUDIT = [
  ...['signed-note', 'verifier-key', 'checkpoint', 'cosignature', 'witness', 'tile', 'entry-bundle'],
  ...['log-proof', 'leaf', 'salted-field', 'witness-policy', 'growing-tree', 'tile-tree'],
  ...['verify-pack', 'salt-audit', 'log-audit'],
];
const SOURCES = [
  ...['protocol/merkle.ts', 'protocol/merkle-consistency.ts'],
  ...AUDIT.map((name) => `protocol/audit/${name}.ts`),
];
/** They take as long as all the others. */
const SLOWER = /verify-log|round-audit|\.slow\./;

function testsOf(source) {
  const folders = ['test/protocol', 'test/protocol/audit'];
  const files = folders.flatMap((folder) =>
    readdirSync(join(ROOT, folder)).map((name) => `${folder}/${name}`),
  );
  const mirror = `test/${source.replace(/\.ts$/, '.test.ts')}`;
  return files.filter((file) => {
    if (!file.endsWith('.test.ts') || SLOWER.test(file)) return false;
    const [head = ''] = readFileSync(join(ROOT, file), 'utf8').split('\n');
    return file === mirror || (head.startsWith('// covers:') && head.includes(source));
  });
}

/** Says of each text whether tests have failed with it. */
async function* verdictsOn(source, texts) {
  const tests = testsOf(source);
  if (tests.length === 0) throw new Error(`${source} has no test of its own`);
  for (let from = 0; from < texts.length; ) {
    const child = spawn(process.execPath, [join(ROOT, 'test/mutation/run-mutants.mjs')], {
      ...{ cwd: ROOT, stdio: ['pipe', 'pipe', 'ignore'], detached: true },
    });
    const end = () => process.kill(-child.pid, 'SIGKILL');
    let timer = setTimeout(end, FIRST_MS);
    child.stdin.end(`${JSON.stringify({ file: join(ROOT, source), tests, texts: texts.slice(from) })}\n`);
    let isLate = true;
    for await (const line of createInterface({ input: child.stdout })) {
      if (!line.startsWith('{"at"')) continue;
      clearTimeout(timer);
      from += 1;
      yield { killed: JSON.parse(line).killed, isEndless: false };
      isLate = from < texts.length;
      timer = setTimeout(end, LONGEST_MS);
    }
    clearTimeout(timer);
    if (!isLate) return;
    from += 1;
    yield { killed: true, isEndless: true };
  }
}

async function campaign(source) {
  const text = readFileSync(join(ROOT, source), 'utf8');
  const mutants = mutantsOf(text);
  // As it is it passes, and what cannot be loaded does not: else verdicts would mean nothing.
  const controls = [text, `throw new Error('planted');\n${text}`];
  const survivors = [];
  let at = -controls.length;
  let endless = 0;
  for await (const { killed, isEndless } of verdictsOn(source, [
    ...controls,
    ...mutants.map((mutant) => mutant.text),
  ])) {
    if (at < 0 && killed !== (at === -1))
      throw new Error(`${source}: the tests ${killed ? 'fail' : 'pass'} always`);
    const { line, what } = mutants[at] ?? {};
    if (at >= 0 && !killed) survivors.push({ line, what });
    if (isEndless) endless += 1;
    at += 1;
  }
  return { source, mutants: mutants.length, killed: mutants.length - survivors.length, endless, survivors };
}

function report(rows, of) {
  const sum = (name) => rows.reduce((total, row) => total + row[name], 0);
  const [mutants, killed] = [sum('mutants'), sum('killed')];
  const head = {
    what: 'mutants of the verifiers of the audit log',
    mutants,
    killed,
    endless: sum('endless'),
  };
  writeFileSync(join(of, 'mutants.json'), `${JSON.stringify({ ...head, rows }, null, 2)}\n`);
  const share = (row) => `${((100 * row.killed) / row.mutants).toFixed(1)} %`;
  const lines = [
    '# Mutants of the verifiers of the audit log',
    '',
    'Each is a source of the repository with one operator, constant or condition changed. It is killed when a unit test of the source',
    'fails with it, or does not end; `npm run mutate` tries all of them again.',
    '',
    '| source | mutants | killed | of these endless | |',
    '|---|--:|--:|--:|--:|',
    ...rows.map(
      (row) => `| \`${row.source}\` | ${row.mutants} | ${row.killed} | ${row.endless} | ${share(row)} |`,
    ),
    `| all | ${mutants} | ${killed} | ${head.endless} | ${share({ mutants, killed })} |`,
    '',
    '## Those that live',
    '',
    '| source | line | change |',
    '|---|--:|---|',
    ...rows.flatMap(({ source, survivors }) =>
      survivors.map(({ line, what }) => `| \`${source}\` | ${line} | \`${what.replaceAll('|', '\\|')}\` |`),
    ),
  ];
  writeFileSync(join(of, 'mutants.md'), `${lines.join('\n')}\n`);
}

const named = process.argv.slice(2);
const path = join(RESULTS, 'mutants.json');
const rows = existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')).rows : [];
for (const source of named.length > 0 ? named : SOURCES) {
  const row = await campaign(source);
  const at = rows.findIndex((one) => one.source === source);
  rows.splice(at < 0 ? rows.length : at, 1, row);
  process.stdout.write(`${source}: ${row.killed} of ${row.mutants} killed\n`);
  for (const { line, what } of row.survivors) process.stdout.write(`  ${source}:${line}: ${what}\n`);
  report(rows, RESULTS);
}
