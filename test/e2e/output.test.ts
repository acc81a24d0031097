import { spawn } from 'node:child_process';
import { closeSync, existsSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { FRONT_DOOR, isBuilt, runHanse, within } from './hanse-process.ts';

// What becomes of a process when what it writes to is taken away: the other tests read to the end.

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'hanse-output-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

type Output = 'pipe' | number;

function start(words: readonly string[], stdout: Output, stderr: Output) {
  const child = spawn(process.execPath, [FRONT_DOOR, ...words], { stdio: ['ignore', stdout, stderr] });
  const ended = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((resolve) =>
    child.once('exit', (code, signal) => resolve({ code, signal })),
  );
  return { child, ended: () => within(`the end of hanse ${words[0]}`, ended, () => '') };
}

/** A coordinator that says it is ready, with its address. */
async function startCoordinator(stderr: Output) {
  const words = ['serve', '--data-dir', join(folder, 'data'), '--port', '0', '--json'];
  const { child, ended } = start(words, 'pipe', stderr);
  const lines = createInterface({ input: child.stdout as NodeJS.ReadableStream });
  const ready = new Promise<{ url: string }>((resolve) =>
    lines.once('line', (line) => resolve(JSON.parse(line))),
  );
  return { child, ended, url: (await within('ready', ready, () => '')).url };
}

const isWell = async (url: string) => (await fetch(`${url}/healthz`)).status === 200;

describe.skipIf(!isBuilt)('a reader that goes away', () => {
  test('of the log ends nothing; of the results ends a command in good order', async () => {
    const { child, ended, url } = await startCoordinator('pipe');
    child.stderr?.destroy();
    child.kill('SIGTERM'); // it has something to say to that
    expect(await ended()).toEqual({ code: 0, signal: null });

    const again = await startCoordinator('pipe');
    expect(await isWell(again.url)).toBe(true);
    expect(again.url).not.toBe(url);
    again.child.stdout?.destroy();
    const unread = start(['sim', '--help'], 'pipe', 'pipe');
    unread.child.stdout?.destroy();
    expect(await unread.ended()).toEqual({ code: 0, signal: null });
    // Nothing is written to the coordinator's results until it ends, so it runs on; its end is in good order too.
    expect(await isWell(again.url)).toBe(true);
    again.child.kill('SIGTERM');
    expect(await again.ended()).toEqual({ code: 0, signal: null });
  });

  test('of results that go on stops the work', async () => {
    const { child, ended } = await startCoordinator('pipe');
    const table = join(folder, 'table.csv');
    writeFileSync(table, 'x,y\n1,2\n2,4\n');
    const data = [
      '--data',
      `csv:${table}`,
      '--features',
      'x',
      '--target',
      'y',
      '--provider',
      'wasm',
      '--json',
    ];
    const participant = async (name: string) => {
      const identity = ['--identity', join(folder, 'data/keys/operator.json')];
      const { result } = await runHanse(['invite', '--organisation', name, '--json', ...identity]);
      return start(
        ['join', result.link, ...data, '--identity', join(folder, `${name}.json`)],
        'pipe',
        'pipe',
      );
    };
    const read = await participant('read');
    const lines = createInterface({ input: read.child.stdout as NodeJS.ReadableStream });
    const pinned = new Promise<string>((resolve) => {
      lines.on('line', (line) => line.includes('"directoryPinned"') && resolve(line));
    });
    expect(JSON.parse(await within('the directory', pinned, () => ''))).toMatchObject({
      type: 'directoryPinned',
    });

    const unread = await participant('unread');
    unread.child.stdout?.destroy(); // its first line is what its self-test has found
    expect(await unread.ended()).toEqual({ code: 0, signal: null });

    expect(read.child.exitCode).toBe(null);
    for (const one of [read, { child, ended }]) {
      one.child.kill('SIGTERM');
      expect(await one.ended()).toEqual({ code: 0, signal: null });
    }
  });
});

describe.skipIf(!isBuilt || !existsSync('/dev/full'))('a full disk', () => {
  const full = openSync('/dev/full', 'w');
  afterAll(() => closeSync(full));

  test('under the log ends nothing, and is told where results are lost', async () => {
    const { child, ended, url } = await startCoordinator(full);
    expect(await isWell(url)).toBe(true);
    child.kill('SIGTERM');
    expect(await ended()).toEqual({ code: 0, signal: null });

    const { child: lost, ended: lostEnded } = start(['job', 'list', '--help'], full, 'pipe');
    let said = '';
    lost.stderr?.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
    expect(await lostEnded()).toEqual({ code: 1, signal: null });
    expect(said).toContain('storageFull');
  });
});
