// covers: client/witness-file.ts, client/evidence-file.ts
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { evidenceFile } from '../../client/evidence-file.ts';
import { LogWitness, type WitnessedLog } from '../../client/log-witness.ts';
import { witnessFile } from '../../client/witness-file.ts';
import { cosignedAt } from '../../protocol/audit/cosignature.ts';
import { parseNote, parseSignatures } from '../../protocol/audit/signed-note.ts';
import { formatVerifierKey } from '../../protocol/audit/verifier-key.ts';
import { HanseError } from '../../protocol/problem.ts';
import type { AuditLog } from '../../server/audit-log.ts';
import { VirtualClock } from '../../sim/virtual-clock.ts';
import { grow, logOf } from '../fixtures/witnessed-log.ts';
import { type NoteKey, noteKey } from '../protocol/audit/notes.ts';

const FEDERATION = 'fed-0123456789abcdef';
const refusal = (code: string) => expect.objectContaining({ code });

let folder: string;
let identity: string;
let own: NoteKey;
const clock = new VirtualClock();
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'hanse-witness-'));
  identity = join(folder, 'identity.json');
  own = await noteKey('org-1/node', 'cosignature', 9);
});
afterEach(() => rmSync(folder, { recursive: true }));

const served = (log: AuditLog): WitnessedLog => ({
  verifierKey: async () => formatVerifierKey(log.key),
  tile: (tile) => log.tile(tile),
});
/** One that lives again with what the file remembers. */
const witnessOf = (log: WitnessedLog, federationId = FEDERATION) =>
  new LogWitness({ log, ...own, memory: witnessFile(identity, federationId), clock });
const remembered = () => readFileSync(`${identity}.witness`, 'utf8');

test('cosigns a log that goes on, over lives, and remembers before it tells', async () => {
  const log = await logOf(3);
  for (const more of [0, 0, 1, 300, 1]) {
    await grow(log, more);
    const { size, line } = await witnessOf(served(log)).witness(log.note);
    expect(size).toBe(log.size);
    const { text } = parseNote(log.note);
    expect(await cosignedAt({ text, signatures: parseSignatures(line) }, own.key)).toBe(
      Math.floor(clock.now() / 1000),
    );
    expect(JSON.parse(remembered())).toMatchObject({ checkpoint: log.note, federationId: FEDERATION });
  }
  expect(statSync(`${identity}.witness`).mode & 0o777).toBe(0o600);
});

test('a log of no entries is cosigned too', async () => {
  const log = await logOf(0);
  expect((await witnessOf(served(log)).witness(log.note)).size).toBe(0);
  await grow(log, 1);
  expect((await witnessOf(served(log)).witness(log.note)).size).toBe(1);
});

test('what was put back, forked, or has another root is refused with both checkpoints, and nothing is remembered of it', async () => {
  const log = await logOf(5);
  const older = log.note;
  await grow(log, 3);
  const witness = witnessOf(served(log));
  await witness.witness(log.note);
  const before = remembered();
  const forked = await logOf(9, 'other');
  const sameSize = await logOf(8, 'other');
  for (const [source, note] of [
    [log, older],
    [forked, forked.note],
    [sameSize, sameSize.note],
  ] as const) {
    const problem = await witnessOf(served(source))
      .witness(note)
      .catch((error: unknown) => error);
    expect(problem).toEqual(refusal('logForked'));
    expect((problem as HanseError<'logForked'>).detail.evidence).toEqual([log.note, note]);
    expect(remembered()).toBe(before);
  }
  await grow(log, 1);
  expect((await witness.witness(log.note)).size).toBe(9);
});

test('the key of the log is the one that it was the first time', async () => {
  const log = await logOf(2);
  await witnessOf(served(log)).witness(log.note);
  const stranger = await logOf(3, 'entry', 2);
  await expect(witnessOf(served(stranger)).witness(stranger.note)).rejects.toEqual(refusal('noteUnsigned'));
  await grow(log, 1);
  expect((await witnessOf({ ...served(log), verifierKey: async () => 'none' }).witness(log.note)).size).toBe(
    3,
  );
  // Another federation has another log.
  expect((await witnessOf(served(stranger), 'fed-1111111111111111').witness(stranger.note)).size).toBe(3);
});

test('a checkpoint that the log has not signed, and a tile that is not there: nothing is cosigned', async () => {
  const log = await logOf(2);
  const witness = witnessOf(served(log));
  await witness.witness(log.note);
  const before = remembered();
  await grow(log, 1);
  const stranger = await logOf(3, 'entry', 2);
  await expect(witness.witness(stranger.note)).rejects.toEqual(refusal('noteUnsigned'));
  await expect(witness.witness(`${log.note.slice(0, -8)}\n`)).rejects.toEqual(refusal('noteMalformed'));
  const missing = new HanseError('tileUnknown', { path: 'tile/0/000', size: 0 });
  const noTiles = { ...served(log), tile: () => Promise.reject(missing) };
  await expect(witnessOf(noTiles).witness(log.note)).rejects.toEqual(refusal('tileUnknown'));
  expect(remembered()).toBe(before);
  expect((await witness.witness(log.note)).size).toBe(3);
});

test('decides one after the other: an older checkpoint that comes at the same time is no fork if it came first', async () => {
  const log = await logOf(2);
  const first = log.note;
  await grow(log, 2);
  const witness = witnessOf(served(log));
  const sizes = await Promise.all([witness.witness(first), witness.witness(log.note)]);
  expect(sizes.map(({ size }) => size)).toEqual([2, 4]);
});

test('cosigns nothing that it could not remember, and nothing while its memory is not to be read', async () => {
  const log = await logOf(2);
  const full = new HanseError('storageFull', { path: identity });
  const memory = { ...witnessFile(identity, FEDERATION), write: () => Promise.reject(full) };
  const witness = new LogWitness({ log: served(log), ...own, memory, clock });
  await expect(witness.witness(log.note)).rejects.toEqual(refusal('storageFull'));
  await witnessOf(served(log)).witness(log.note);
  const good = remembered();
  for (const changed of ['', '{}', good.replace(/"checkpoint":.*/, '"checkpoint":"x"}')]) {
    writeFileSync(`${identity}.witness`, changed, { mode: 0o600 });
    await expect(witnessOf(served(log)).witness(log.note)).rejects.toEqual(refusal('identityUnreadable'));
  }
  writeFileSync(`${identity}.witness`, good, { mode: 0o600 });
  expect((await witnessOf(served(log)).witness(log.note)).size).toBe(2);
});

test('evidence is kept once and for good, for the owner alone', async () => {
  const file = evidenceFile(identity);
  await file.keep(['one', 'two']);
  await file.keep(['one', 'three']);
  await evidenceFile(identity).keep(['one', 'two']);
  const kept = JSON.parse(readFileSync(`${identity}.evidence`, 'utf8'));
  expect(kept).toEqual({
    version: 1,
    evidence: [
      ['one', 'two'],
      ['one', 'three'],
    ],
  });
  expect(statSync(`${identity}.evidence`).mode & 0o777).toBe(0o600);
  writeFileSync(`${identity}.evidence`, '{}', { mode: 0o600 });
  await expect(file.keep(['one', 'two'])).rejects.toEqual(refusal('storageCorrupt'));
});

test('who asks it says when nothing more is to be asked of the log', async () => {
  const log = await logOf(3);
  const asked: (AbortSignal | undefined)[] = [];
  const watched: WitnessedLog = {
    verifierKey: async (signal) => {
      asked.push(signal);
      return formatVerifierKey(log.key);
    },
    tile: async (tile, signal) => {
      asked.push(signal);
      return log.tile(tile);
    },
  };
  const { signal } = new AbortController();
  const witness = witnessOf(watched);
  await witness.witness(log.note, signal);
  await grow(log, 2);
  await witness.witness(log.note, signal);
  expect(asked.length).toBeGreaterThan(1);
  expect(asked.every((one) => one === signal)).toBe(true);
});
