/**
 * What happens before the first command in a fresh checkout: installing once, and again only if it was cut short or
 * something has changed; compiling once, however many commands start together.
 *
 * In a folder of its own, with an npm and a compiler that write down when they are called, and a bundler that does
 * nothing.
 */
import { spawn, spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const SCRIPTS = join(ROOT, '.scripts');
const LOCK = '.hanse/build.lock';

/** Does what npm does: npm writes `.package-lock.json` last. `fail` cuts it short. */
const NPM = `
import { appendFileSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
appendFileSync('calls', 'npm ' + process.argv[2] + '\\n');
writeFileSync('environment', JSON.stringify(process.env));
mkdirSync('node_modules/typescript/bin', { recursive: true });
writeFileSync('node_modules/typescript/bin/tsc', ${JSON.stringify(`
const { appendFileSync, existsSync, mkdirSync, writeFileSync } = require('node:fs');
appendFileSync('calls', 'tsc\\n');
mkdirSync('dist.next', { recursive: true });
writeFileSync('dist.next/cli.js', 'new');
process.exit(existsSync('fail') ? 1 : 0);
`)});
mkdirSync('node_modules/esbuild', { recursive: true });
writeFileSync('node_modules/esbuild/package.json', '{"type":"module","main":"index.js"}');
writeFileSync('node_modules/esbuild/index.js', ${JSON.stringify(`
import { mkdirSync, writeFileSync } from 'node:fs';
export async function build({ outdir }) {
  mkdirSync(outdir, { recursive: true });
  writeFileSync(outdir + '/hanse.js', '');
  return { metafile: { inputs: {} } };
}
`)});
if (existsSync('fail')) process.exit(1);
writeFileSync('node_modules/.package-lock.json', '{}');
`;

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'hanse-cold-'));
  cpSync(SCRIPTS, join(folder, '.scripts'), { recursive: true });
  for (const file of ['package.json', 'package-lock.json', 'cli.ts']) write(file, '{}');
  write('npm.mjs', NPM);
  write('calls', '');
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true, force: true });
});

const write = (file: string, text: string) => writeFileSync(join(folder, file), text);
const remove = (file: string) => rmSync(join(folder, file));
const read = (file: string) => readFileSync(join(folder, file), 'utf8');
const exists = (file: string) => existsSync(join(folder, file));
const calls = () =>
  read('calls')
    .split('\n')
    .filter((line) => line !== '');
const environment = () => ({
  ...process.env,
  npm_execpath: join(folder, 'npm.mjs'),
  npm_config_loglevel: 'silent', // as under `npm run -s`
});

/** The clock of the file system may be coarse: set apart what is older or newer. */
function touch(file: string, minutes: number): void {
  const at = new Date(Date.now() + 60_000 * minutes);
  utimesSync(join(folder, file), at, at);
}

function prepare(...args: string[]) {
  const options = { cwd: folder, env: environment(), encoding: 'utf8' } as const;
  const { status, stdout, stderr } = spawnSync(process.execPath, ['.scripts/prepare.mjs', ...args], options);
  expect(stdout).toBe(''); // it belongs to the command that comes after
  return { status, stderr };
}

test('installs once, and says so on standard error alone', () => {
  const first = prepare();
  expect(first).toMatchObject({ status: 0, stderr: expect.stringContaining('installing dependencies') });
  expect(prepare()).toEqual({ status: 0, stderr: '' });
  expect(calls()).toEqual(['npm ci']);
});

test('an install that was cut short is repeated, and one that is outdated too', () => {
  write('fail', '');
  expect(prepare().status).toBe(1);
  expect(exists('node_modules/typescript')).toBe(true);
  remove('fail');
  expect(prepare().status).toBe(0);
  expect(calls()).toEqual(['npm ci', 'npm ci']);
  touch('package-lock.json', 1);
  expect(prepare().status).toBe(0);
  expect(calls()).toHaveLength(3);
});

test('an install that fails says so, with what to do, even where npm was told to be silent', () => {
  write('fail', '');
  const { status, stderr } = prepare();
  expect(status).toBe(1);
  expect(stderr).toMatch(/the installation failed.*python3, make, a C\+\+ compiler/);
  expect(JSON.parse(read('environment'))).toMatchObject({ npm_config_loglevel: 'notice' });
  remove('fail');
  expect(prepare().stderr).not.toContain('failed');
  write('node_modules/.hanse-abi', 'another');
  write('fail', '');
  expect(prepare().stderr).toMatch(/rebuilding failed.*C\+\+ compiler/);
});

test('ONNX Runtime is installed as it comes, without fetching binaries for CUDA, unless that is asked for', () => {
  const fetched = () => JSON.parse(read('environment')).ONNXRUNTIME_NODE_INSTALL;
  prepare();
  expect(fetched()).toBe('skip');
  touch('package-lock.json', 1);
  vi.stubEnv('ONNXRUNTIME_NODE_INSTALL', 'cuda12');
  prepare();
  expect(fetched()).toBe('cuda12');
});

test('the lock fits every range, those of optional peers too, which npm 10 asks for and npm 11 does not', () => {
  const fits = (lock: string) => {
    write('package-lock.json', lock);
    write('package.json', readFileSync(join(ROOT, 'package.json'), 'utf8'));
    const words = ['ls', '--all', '--package-lock-only'];
    const options = { cwd: folder, encoding: 'utf8', shell: process.platform === 'win32' } as const;
    return spawnSync('npm', words, options).status === 0;
  };
  const lock = readFileSync(join(ROOT, 'package-lock.json'), 'utf8');
  expect(fits(lock)).toBe(true);
  const outdated = JSON.parse(lock);
  outdated.packages['node_modules/esbuild'].version = '0.25.12';
  expect(fits(JSON.stringify(outdated))).toBe(false);
  expect(lock).not.toContain('"resolved"'); // else npm goes to the registry of whoever wrote it
});

test('another Node rebuilds what was compiled for the one before', () => {
  prepare();
  write('node_modules/.hanse-abi', 'another');
  expect(prepare().stderr).toContain('rebuilding better-sqlite3');
  expect(prepare()).toEqual({ status: 0, stderr: '' });
  expect(calls()).toEqual(['npm ci', 'npm rebuild']);
});

test('compiles when a source is newer, and not otherwise', () => {
  expect(prepare('build').status).toBe(0);
  expect(prepare('build')).toEqual({ status: 0, stderr: '' });
  expect(read('dist/cli.js')).toBe('new');
  touch('cli.ts', 1);
  expect(prepare('build').stderr).toContain('compiling');
  expect(calls()).toEqual(['npm ci', 'tsc', 'tsc']);
});

test('a compilation that fails keeps what was compiled before, and does not lock the next one out', () => {
  prepare();
  mkdirSync(join(folder, 'dist'));
  write('dist/cli.js', 'old');
  write('fail', '');
  expect(prepare('build').status).toBe(1);
  expect(read('dist/cli.js')).toBe('old');
  expect([exists(LOCK), exists('dist.next')]).toEqual([false, false]);
  remove('fail');
  expect(prepare('build').status).toBe(0);
  expect(read('dist/cli.js')).toBe('new');
});

test('the lock of a process that was killed is taken over', () => {
  prepare();
  const { pid } = spawnSync(process.execPath, ['-e', '']);
  write(LOCK, String(pid));
  expect(prepare('build').status).toBe(0);
  expect(calls()).toEqual(['npm ci', 'tsc']);
  expect(exists(LOCK)).toBe(false);
});

test('of commands that start together one installs and compiles, and the others wait for it', async () => {
  const options = { cwd: folder, env: environment(), stdio: 'ignore' } as const;
  const together = Array.from({ length: 3 }, () =>
    spawn(process.execPath, ['.scripts/prepare.mjs', 'build'], options),
  );
  const codes = await Promise.all(
    together.map((child) => new Promise((resolve) => child.once('close', resolve))),
  );
  expect(codes).toEqual([0, 0, 0]);
  expect(calls()).toEqual(['npm ci', 'tsc']);
});
