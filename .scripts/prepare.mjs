// npm runs this before `demo`, `test`, `bench`, `check` and `hanse`: installs once on a fresh clone, rebuilds native
// code after a change of Node, and (with the argument `build`) compiles when a source is newer than dist/.
// Node only, no shell syntax. Everything it prints goes to standard error: `--json` output stays clean.
import { spawnSync } from 'node:child_process';
import {
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';

const npm = (...args) => {
  const cli = process.env.npm_execpath; // set by `npm run`; the shell is needed for npm.cmd on Windows
  const [command, commandArgs] = cli ? [process.execPath, [cli, ...args]] : ['npm', args];
  const shell = !cli && process.platform === 'win32';
  const env = {
    ...process.env,
    npm_config_loglevel: 'notice', // `npm run -s` hands its silence down, and a failure must say why
    // npm 10 does not know allowScripts: what the package brings is enough, and this keeps it from fetching CUDA.
    ONNXRUNTIME_NODE_INSTALL: process.env.ONNXRUNTIME_NODE_INSTALL ?? 'skip',
  };
  return spawnSync(command, commandArgs, { stdio: ['ignore', 2, 2], shell, env }).status;
};
const modified = (path) => statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
const newest = (path) => {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (!stat) return 0;
  if (!stat.isDirectory()) return stat.mtimeMs;
  return readdirSync(path).reduce((latest, name) => Math.max(latest, newest(join(path, name))), stat.mtimeMs);
};

/** The process that holds a lock; 0 if the lock is gone or its holder is. */
function holderOf(lock) {
  try {
    const pid = Number(readFileSync(lock, 'utf8'));
    process.kill(pid, 0);
    return pid;
  } catch (error) {
    return error.code === 'EPERM' ? -1 : 0; // alive, and somebody else's
  }
}

/**
 * Two commands started at once must not install or build over each other. The lock names its holder: one that was killed is
 * succeeded at once. `work` returns, and does not end the process, or the lock would stay until somebody looks.
 */
function exclusively(name, work) {
  // Not in node_modules: `npm ci` begins by emptying it.
  mkdirSync('.hanse', { recursive: true });
  const lock = `.hanse/${name}.lock`;
  const mine = `${lock}.${process.pid}`;
  writeFileSync(mine, String(process.pid));
  try {
    // A link appears with its content, which a file that is created and then written does not.
    for (;;) {
      try {
        linkSync(mine, lock);
        break;
      } catch (error) {
        if (error.code !== 'EEXIST') throw error;
        if (holderOf(lock) === 0) rmSync(lock, { recursive: true, force: true });
        else Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 200);
      }
    }
    try {
      return work();
    } finally {
      rmSync(lock, { force: true });
    }
  } finally {
    rmSync(mine, { force: true });
  }
}

// npm writes node_modules/.package-lock.json last, so an interrupted install is repeated.
const installed = 'node_modules/.package-lock.json';
const needsInstall = () =>
  modified(installed) === 0 || modified(installed) < modified('package-lock.json') - 5000;
const abi = 'node_modules/.hanse-abi';
const needsRebuild = () => !existsSync(abi) || readFileSync(abi, 'utf8') !== process.versions.modules;

/** The usual remedy. */
const COMPILER = 'better-sqlite3 is compiled where no prebuilt binary fits: python3, make, a C++ compiler';

function install() {
  if (!needsInstall()) return true;
  console.error('hanse: installing dependencies (once, one to five minutes) ...');
  if (npm('ci', '--include=dev', '--no-audit', '--no-fund') === 0) return true;
  console.error(`hanse: the installation failed. Mend what npm says above (${COMPILER}), then start again.`);
  return false;
}

function rebuild() {
  if (existsSync(abi) && needsRebuild()) {
    console.error('hanse: Node has changed, rebuilding better-sqlite3 ...');
    if (npm('rebuild', 'better-sqlite3') !== 0) {
      console.error(`hanse: rebuilding failed. Mend what npm says above (${COMPILER}), then start again.`);
      return false;
    }
  }
  writeFileSync(abi, process.versions.modules);
  return true;
}

if (needsInstall() || needsRebuild()) {
  if (!exclusively('install', () => install() && rebuild())) process.exit(1);
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
    'vite.config.ts',
    'package-lock.json',
    '.scripts',
  ];
  const isStale = () => modified('dist/.built') < Math.max(...sources.map(newest), modified('package.json'));
  if (isStale()) {
    const isBuilt = exclusively('build', () => {
      if (!isStale()) return true;
      console.error('hanse: compiling ...');
      return spawnSync(process.execPath, ['.scripts/build.mjs'], { stdio: ['ignore', 2, 2] }).status === 0;
    });
    if (!isBuilt) process.exit(1);
  }
}
