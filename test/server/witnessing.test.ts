// covers: server/witnessed-log.ts
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, expect, onTestFinished, test } from 'vitest';
import { parseCheckpoint } from '../../protocol/audit/checkpoint.ts';
import { cosign } from '../../protocol/audit/cosignature.ts';
import { parseNote, signatureLine } from '../../protocol/audit/signed-note.ts';
import {
  majorityPolicy,
  parseWitnessPolicy,
  readWitnessed,
  type Witness,
} from '../../protocol/audit/witness-policy.ts';
import { utf8 } from '../../protocol/bytes.ts';
import { HanseError } from '../../protocol/problem.ts';
import type { AuditLog } from '../../server/audit-log.ts';
import { openDataDir } from '../../server/data-dir.ts';
import { witnessedFile } from '../../server/witnessed-log.ts';
import { Witnessing } from '../../server/witnessing.ts';
import { atRest, VirtualClock } from '../../sim/virtual-clock.ts';
import { grow, logOf, type WitnessedMemory, witnessedMemory } from '../fixtures/witnessed-log.ts';
import { type NoteKey, noteKey } from '../protocol/audit/notes.ts';

const FRESH = 10_000;
const SILENCE = 600_000;
const refusal = (code: string) => expect.objectContaining({ code });
const never = new AbortController().signal;

let clock: VirtualClock;
let log: AuditLog;
let kept: WitnessedMemory;
let keys: NoteKey[];
let witnesses: Witness[];
let silent: string[];

beforeEach(async () => {
  clock = new VirtualClock();
  log = await logOf(3);
  kept = witnessedMemory();
  keys = await Promise.all([1, 2, 3].map((i) => noteKey(`org-${i}/node`, 'cosignature', 10 + i)));
  witnesses = keys.map(({ key }) => ({ name: key.name, key }));
  silent = [];
});

const policyOf = (count: number) => majorityPolicy(log.key, witnesses.slice(0, count));
const witnessing = (count = 3) =>
  new Witnessing(policyOf(count), {
    ...{ log, kept, clock, witnessFreshMs: FRESH, witnessSilenceMs: SILENCE },
    silent: ({ name }) => silent.push(name),
  });
/** What witness `i` says of this note. */
const lineOf = async (i: number, note: string) => {
  const { key, signer } = keys[i] as NoteKey;
  return signatureLine(await cosign(parseNote(note).text, key, signer, 1_790_000_000));
};
/** Witness `i` does what it is asked. @returns the size of what it has cosigned */
async function work(desk: Witnessing, i: number): Promise<number | undefined> {
  const witness = witnesses[i] as Witness;
  const note = desk.candidateFor(witness);
  if (note === undefined) return undefined;
  await desk.cosign(witness, await lineOf(i, note));
  return parseCheckpoint(note).size;
}

test('a checkpoint is witnessed once more than half have cosigned that very note, and is kept with the policy', async () => {
  const desk = witnessing();
  let reached: boolean | undefined;
  const waiting = desk.reach(1000, never).then((is) => {
    reached = is;
  });
  expect(await work(desk, 0)).toBe(3);
  await grow(log, 2);
  await atRest();
  expect([reached, desk.note, desk.standing]).toEqual([undefined, undefined, { cosigned: 1, needed: 2 }]);
  // The candidate stays the one of 3 entries, or there would never be two signatures under one note.
  expect(await work(desk, 1)).toBe(3);
  await waiting;
  expect(reached).toBe(true);
  const { checkpoint, policy } = kept.read() ?? { checkpoint: '', policy: '' };
  expect(desk.note).toBe(checkpoint);
  const { cosigned, checkpoint: read } = await readWitnessed(checkpoint, await parseWitnessPolicy(policy));
  expect([read.size, [...cosigned.keys()]]).toEqual([3, ['org-1/node', 'org-2/node']]);
});

test('one that comes after the quorum is added to it', async () => {
  const desk = witnessing();
  for (const i of [0, 1, 2]) expect(await work(desk, i)).toBe(3);
  const { cosigned } = await readWitnessed(desk.note ?? '', desk.policy);
  expect(cosigned.size).toBe(3);
  for (const i of [0, 1, 2]) expect(await work(desk, i)).toBe(undefined);
});

test('what was logged since is the next candidate when somebody waits, else after a while', async () => {
  const desk = witnessing();
  await work(desk, 0);
  await work(desk, 1);
  await grow(log, 1);
  expect(await work(desk, 0)).toBe(undefined);
  const reached = desk.reach(1000, never);
  expect([await work(desk, 0), await work(desk, 1)]).toEqual([4, 4]);
  expect(await reached).toBe(true);
  await grow(log, 1);
  expect(await work(desk, 0)).toBe(undefined);
  await clock.advance(FRESH);
  expect([await work(desk, 0), await work(desk, 1)]).toEqual([5, 5]);
  // A log that has not grown asks nobody.
  await clock.advance(FRESH);
  expect(await work(desk, 0)).toBe(undefined);
});

test('who waits is told when time is over, and when it gives up', async () => {
  const desk = witnessing();
  const late = desk.reach(1000, never);
  const gone = new AbortController();
  const left = desk.reach(Number.POSITIVE_INFINITY, gone.signal);
  await work(desk, 0);
  await clock.advance(1000);
  expect(await late).toBe(false);
  gone.abort();
  expect(await left).toBe(false);
  const again = desk.reach(1000, never);
  await work(desk, 1);
  expect(await again).toBe(true);
});

test('where nobody witnesses nobody is waited for', async () => {
  const desk = witnessing(0);
  expect(await desk.reach(0, never)).toBe(true);
  expect([desk.note, kept.read()]).toEqual([undefined, undefined]);
});

test('another policy counts from then on: fewer may be enough, and others are asked', async () => {
  const desk = witnessing(3);
  const reached = desk.reach(Number.POSITIVE_INFINITY, never);
  await work(desk, 0);
  desk.adopt(policyOf(1));
  expect(await reached).toBe(true);
  const { cosigned } = await readWitnessed(desk.note ?? '', policyOf(1));
  expect([...cosigned.keys()]).toEqual(['org-1/node']);
  desk.adopt(policyOf(3));
  expect(await work(desk, 1)).toBe(3);
  desk.adopt(policyOf(0));
  expect(await desk.reach(0, never)).toBe(true);
});

test('refuses what the witness has not signed of this candidate, and counts nothing of it', async () => {
  const desk = witnessing();
  const [first, second] = witnesses as [Witness, Witness, Witness];
  const note = desk.candidateFor(first) ?? '';
  const own = await lineOf(0, note);
  const other = await logOf(3, 'other');
  const at = own.length - 20;
  const flipped = own.slice(0, at) + (own[at] === 'A' ? 'B' : 'A') + own.slice(at + 1);
  for (const [witness, line] of [
    [second, own],
    [first, await lineOf(0, other.note)],
    [first, `${own}${own}`],
    [first, flipped],
  ] as const)
    await expect(desk.cosign(witness, line)).rejects.toEqual(refusal('noteUnsigned'));
  await expect(desk.cosign(first, 'no line')).rejects.toEqual(refusal('noteMalformed'));
  expect(desk.standing.cosigned).toBe(0);
  await desk.cosign(first, own);
  expect(desk.standing.cosigned).toBe(1);
});

test('a quorum that could not be kept for want of disk comes with the next cosignature of any witness', async () => {
  const whole = kept;
  let isFull = true;
  const full: WitnessedMemory = {
    ...whole,
    read: () => whole.read(),
    write(witnessed) {
      if (isFull) throw new HanseError('storageFull', { path: 'audit.witnessed' });
      whole.write(witnessed);
    },
  };
  kept = full;
  const desk = witnessing();
  const reached = desk.reach(Number.POSITIVE_INFINITY, never);
  await work(desk, 0);
  await expect(work(desk, 1)).rejects.toEqual(refusal('storageFull'));
  expect(desk.note).toBe(undefined);
  isFull = false;
  expect(await work(desk, 1)).toBe(3);
  expect(await reached).toBe(true);

  // Likewise where another policy has made a quorum of what was there.
  await grow(log, 1);
  const again = desk.reach(Number.POSITIVE_INFINITY, never);
  expect(await work(desk, 0)).toBe(4);
  isFull = true;
  expect(() => desk.adopt(policyOf(1))).toThrow(refusal('storageFull'));
  isFull = false;
  expect(await work(desk, 0)).toBe(4);
  expect(await again).toBe(true);
});

test('a start goes on from what was witnessed, and asks anew for what was not', async () => {
  const before = witnessing();
  await work(before, 0);
  await work(before, 1);
  const { note } = before;
  const after = witnessing();
  expect(after.note).toBe(note);
  expect(await after.reach(0, never)).toBe(true);
  await grow(log, 1);
  const reached = after.reach(1000, never);
  expect([await work(after, 1), await work(after, 2)]).toEqual([4, 4]);
  expect(await reached).toBe(true);
});

test('a witness that has not cosigned for long what it was shown is told of once, until it cosigns', async () => {
  const desk = witnessing();
  await work(desk, 0);
  await work(desk, 1);
  await clock.advance(SILENCE - 1);
  await work(desk, 0);
  expect(silent).toEqual([]);
  await clock.advance(1);
  await grow(log, 1);
  await work(desk, 0);
  await work(desk, 1);
  await work(desk, 0);
  expect(silent).toEqual(['org-3/node']);
  expect(await work(desk, 2)).toBe(4);
  await grow(log, 1);
  await clock.advance(SILENCE);
  await work(desk, 0);
  expect(silent).toEqual(['org-3/node']);
  await clock.advance(SILENCE);
  await work(desk, 0);
  expect(silent.toSorted()).toEqual(['org-2/node', 'org-3/node', 'org-3/node']);
});

test('a clock that is set back puts off neither the next candidate nor silence', async () => {
  let back = 0;
  const { now } = clock;
  clock.now = () => now.call(clock) - back;
  const desk = witnessing();
  await work(desk, 0);
  await work(desk, 1);
  await grow(log, 1);
  expect(await work(desk, 0)).toBe(undefined);
  back = 86_400_000;
  expect([await work(desk, 0), await work(desk, 1)]).toEqual([4, 4]);
  await clock.advance(SILENCE);
  await work(desk, 0);
  expect(silent).toEqual(['org-3/node']);
});

test('what is kept is read again, for its owner alone, and what was changed is not', () => {
  const folder = mkdtempSync(join(tmpdir(), 'hanse-witnessed-'));
  const dataDir = openDataDir(join(folder, 'data'), { create: true });
  onTestFinished(() => {
    dataDir.release();
    rmSync(folder, { recursive: true });
  });
  const file = witnessedFile(dataDir);
  expect(file.read()).toBe(undefined);
  file.write({ checkpoint: 'a note\n', policy: 'quorum none\n' });
  expect(witnessedFile(dataDir).read()).toEqual({ checkpoint: 'a note\n', policy: 'quorum none\n' });
  for (const changed of ['', '{}', '{"checkpoint":1,"policy":""}']) {
    writeFileSync(join(dataDir.path, 'audit.witnessed'), utf8(changed));
    expect(() => file.read()).toThrow(refusal('storageCorrupt'));
  }
});
