// npm runs this before `demo`, `test`, `bench`, `check` and `hanse`: installs once on a fresh clone, rebuilds native
// code after a change of Node, and (with the argument `build`) compiles when a source is newer than dist/.
// Node only, no shell syntax. Everything it prints goes to standard error: `--json` output stays clean.
import { spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';

const npm = (...args) => {
  const cli = process.env.npm_execpath; // set by `npm run`; the shell is needed for npm.cmd on Windows
  const [command, commandArgs] = cli ? [process.execPath, [cli, ...args]] : ['npm', args];
  const shell = !cli && process.platform === 'win32';
  return spawnSync(command, commandArgs, { stdio: ['ignore', 2, 2], shell }).status;
};
const modified = (path) => statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
const newest = (path) => {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (!stat) return 0;
  if (!stat.isDirectory()) return stat.mtimeMs;
  return readdirSync(path).reduce((latest, name) => Math.max(latest, newest(join(path, name))), stat.mtimeMs);
};

/** Two commands started at once must not install or build over each other. */
function exclusively(name, work) {
  const lock = `node_modules/.hanse-${name}.lock`;
  mkdirSync('node_modules', { recursive: true });
  const giveUp = Date.now() + 600_000;
  for (;;) {
    try {
      mkdirSync(lock);
      break;
    } catch (error) {
      if (error.code !== 'EEXIST') throw error;
      // A holder that was killed leaves its lock behind; no install or build takes ten minutes.
      if (Date.now() - modified(lock) > 600_000 || Date.now() > giveUp) rmdirSync(lock);
      else Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 200);
    }
  }
  try {
    work();
  } finally {
    if (existsSync(lock)) rmdirSync(lock);
  }
}

// npm writes node_modules/.package-lock.json last, so an interrupted install is repeated.
const installed = 'node_modules/.package-lock.json';
const needsInstall = () =>
  modified(installed) === 0 || modified(installed) < modified('package-lock.json') - 5000;
if (needsInstall()) {
  console.error('hanse: installing dependencies (once, about a minute and a half) ...');
  // `npm ci` empties node_modules first, so the lock of this step cannot live there.
  if (npm('ci', '--include=dev', '--no-audit', '--no-fund') !== 0) process.exit(1);
}

const abi = 'node_modules/.hanse-abi';
if (!existsSync(abi)) writeFileSync(abi, process.versions.modules);
else if (readFileSync(abi, 'utf8') !== process.versions.modules) {
  console.error('hanse: Node has changed, rebuilding better-sqlite3 ...');
  if (npm('rebuild', 'better-sqlite3') !== 0) process.exit(1);
  writeFileSync(abi, process.versions.modules);
}

if (process.argv[2] === 'build') {
  const sources = [
    'cli.ts',
    'schemas',
    'protocol',
    'client',
    'server',
    'sim',
    'tsconfig.json',
    'tsconfig.build.json',
  ];
  const isStale = () => modified('dist/.built') < Math.max(...sources.map(newest), modified('package.json'));
  if (isStale()) {
    exclusively('build', () => {
      if (!isStale()) return;
      console.error('hanse: compiling ...');
      const build = spawnSync(process.execPath, ['.scripts/build.mjs'], { stdio: ['ignore', 2, 2] });
      if (build.status !== 0) process.exit(1);
    });
  }
}
