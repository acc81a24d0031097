/**
 * What has been acknowledged survives `kill -9`, and nothing is half there. Real processes are killed at moments they
 * do not choose; after each kill the records are opened again, judged, and used further.
 */
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openDataDir } from '../../server/data-dir.ts';
import { openFileBlobStore } from '../../server/store/file-blob-store.ts';
import { openSqliteStore } from '../../server/store/sqlite-store.ts';
import { findCorruptBlobs } from '../fixtures/corrupt-blobs.ts';

const script = fileURLToPath(new URL('store-child.mjs', import.meta.url));
const isBuilt = existsSync(new URL('../../dist/server/data-dir.js', import.meta.url));
const NOON = new Date('2026-01-01T12:00:00.000Z');
const LATER = new Date('2026-01-02T12:00:00.000Z');

type Child = ChildProcessByStdio<Writable, Readable, null>;

let folder: string;
let children: Child[];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'hanse-kill-'));
  children = [];
});
afterEach(async () => {
  for (const child of children) await kill(child);
  rmSync(folder, { recursive: true });
});

function start(command: string, args: string[]): Child {
  const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  children.push(child);
  return child;
}

async function kill(child: Child): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill('SIGKILL');
  await gone;
}

/** Lets a child run until it has printed `count` lines starting with `word`, kills it, and gives all it ever printed. */
async function runAndKill(args: string[], word: string, count: number): Promise<string[]> {
  const child = start(process.execPath, [script, ...args]);
  const printed: string[] = [];
  let seen = 0;
  // To the end of the pipe: what was printed before the kill counts, even if it is read after it.
  for await (const line of createInterface({ input: child.stdout })) {
    printed.push(line);
    if (line.startsWith(word)) seen += 1;
    if (seen === count) child.kill('SIGKILL');
  }
  expect(seen).toBeGreaterThanOrEqual(count);
  return printed;
}

const wordsAfter = (word: string, lines: readonly string[]) =>
  lines.filter((line) => line.startsWith(`${word} `)).map((line) => line.split(' ').slice(1));

/** Every fault of the records against what was acknowledged; none if the contract was kept. */
async function faultsOfEvents(file: string, printed: readonly string[]): Promise<string[]> {
  const faults: string[] = [];
  const store = openSqliteStore(file);
  for (const [stream = '', length] of wordsAfter('appended', printed))
    if ((await store.read(stream, Number(length) - 1, 1)).length === 0)
      faults.push(`${stream}: event ${length} was acknowledged and is not there`);
  for (const { stream } of await store.streams('')) {
    const events = await store.read(stream);
    const places = events.map(({ data }) => data as { place: number; count: number });
    places.forEach(({ place, count }, i) => {
      if (events[i]?.sequence !== i + 1) faults.push(`${stream}: gap at ${i + 1}`);
      if (place > 0 && places[i - 1]?.place !== place - 1) faults.push(`${stream}: begins with a part`);
      if (i === places.length - 1 && place !== count - 1) faults.push(`${stream}: ends with a part`);
    });
  }
  for (const [key = ''] of wordsAfter('claimed', printed))
    if (await store.claimOnce('test', key, LATER, NOON)) faults.push(`claim ${key} was forgotten`);
  await store.close();
  return faults;
}

describe.skipIf(!isBuilt)('processes killed at any moment (needs the build: npm test makes it)', () => {
  test('events and claims: all that was acknowledged, whole appends only', async () => {
    const file = join(folder, 'hanse.sqlite');
    const printed: string[] = [];
    for (const count of [1, 2, 9, 40, 150, 400]) {
      printed.push(...(await runAndKill(['append', file], 'appended', count)));
      expect(await faultsOfEvents(file, printed)).toEqual([]);
    }
    // The judge is not blind: it misses what was never stored, and sees a part of an append.
    expect(await faultsOfEvents(file, ['appended s0 999999', 'claimed never'])).toHaveLength(2);
    const store = openSqliteStore(file);
    const part = { type: 'test.appended', version: 1, data: { place: 0, count: 2 } };
    await store.append('planted', 0, [part], NOON);
    await store.close();
    expect(await faultsOfEvents(file, printed)).toEqual(['planted: ends with a part']);
  });

  test('blobs: all that was acknowledged, whole content only, and no leftovers', async () => {
    const root = join(folder, 'blobs');
    const stored = new Set<string>();
    let leftovers = 0;
    for (const [seed, count] of [1, 2, 3, 7, 12].entries()) {
      const printed = await runAndKill(['put', root, `${seed}`], 'half', count);
      for (const [sha256 = ''] of wordsAfter('stored', printed)) stored.add(sha256);
      leftovers += readdirSync(join(root, 'temporary')).length;
      const blobs = await openFileBlobStore(root);
      expect(readdirSync(join(root, 'temporary'))).toEqual([]);
      for (const sha256 of stored) expect(await blobs.has(sha256)).toBeDefined();
      for await (const sha256 of findCorruptBlobs(blobs)) expect.unreachable(`${sha256} is damaged`);
    }
    expect(stored.size).toBeGreaterThan(10);
    expect(leftovers).toBeGreaterThan(0); // the kills did come in the middle of puts
  });

  test('the data directory: of racing processes one wins, and a dead winner is succeeded', async () => {
    const path = join(folder, 'data');
    for (let round = 0; round < 3; round += 1) {
      const racers = Array.from({ length: 5 }, () => start(process.execPath, [script, 'lock', path]));
      const lines = racers.map((racer) => createInterface({ input: racer.stdout })[Symbol.asyncIterator]());
      const answers = () => Promise.all(lines.map(async (line) => (await line.next()).value as string));
      expect(await answers()).toEqual(racers.map(() => 'ready'));
      for (const racer of racers) racer.stdin.write('go\n');
      const outcomes = await answers();
      const winner = racers[outcomes.findIndex((outcome) => outcome.startsWith('won'))];
      expect(outcomes.map((outcome) => outcome.split(' ')[0]).sort()).toEqual([
        ...racers.slice(1).map(() => 'dataDirInUse'),
        'won',
      ]);
      expect(() => openDataDir(path, { create: false })).toThrow(
        expect.objectContaining({ code: 'dataDirInUse', detail: { path, pid: winner?.pid } }),
      );
      if (winner) await kill(winner);
      openDataDir(path, { create: false }).release();
    }
  });

  test.skipIf(process.platform === 'win32')(
    'a medium that fails: nothing more is acknowledged, nothing that was is lost',
    async () => {
      // 1024 blocks of 512 or 1024 bytes, as the shell counts: no file of the child can grow beyond that.
      const child = start('sh', [
        '-c',
        `ulimit -f 1024 && exec "$0" "$@"`,
        process.execPath,
        script,
        'full',
        folder,
      ]);
      const printed: string[] = [];
      for await (const line of createInterface({ input: child.stdout })) printed.push(line);
      expect(wordsAfter('appended', printed).length).toBeGreaterThan(10);
      expect(printed.filter((line) => !line.startsWith('appended'))).toEqual([
        'append storageFailed',
        'then storageFailed',
        'put storageFailed',
        'stored ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad',
      ]);
      expect(await faultsOfEvents(join(folder, 'hanse.sqlite'), printed)).toEqual([]);
      expect(readdirSync(join(folder, 'blobs', 'temporary'))).toEqual([]);
    },
  );
});
