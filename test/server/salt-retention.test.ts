import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { primitives } from '#primitives';
import { decodeLeaf } from '../../protocol/audit/leaf.ts';
import { HanseError } from '../../protocol/problem.ts';
import { AuditLog } from '../../server/audit-log.ts';
import { type AuditNotes, LoggedNotes } from '../../server/audit-notes.ts';
import { SaltRetention } from '../../server/salt-retention.ts';
import { AuditFile } from '../../server/store/audit-file.ts';
import { VirtualClock } from '../../sim/virtual-clock.ts';
import { memberId } from '../fixtures/noted-world.ts';
import { noteKey } from '../protocol/audit/notes.ts';

const DAY = 86_400_000;
const KEPT = 10 * DAY;

let folder: string;
let file: AuditFile;
let log: AuditLog;
let clock: VirtualClock;
let notes: LoggedNotes;
let reported: unknown[];
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'hanse-salts-'));
  file = new AuditFile(join(folder, 'audit.sqlite'));
  log = await AuditLog.open(file, await noteKey('hanse.example/log'));
  [clock, reported] = [new VirtualClock(), []];
  notes = new LoggedNotes({ log, clock, coordinatorKey: 'c'.repeat(64), random: primitives.random });
});
afterEach(() => {
  file.close();
  rmSync(folder, { recursive: true });
});

/** An entry about this member, or about several. */
async function read(reader: string): Promise<void> {
  const at = new Date(clock.now()).toISOString();
  const data = { first: 0, last: 0, count: 1, since: at, until: at };
  await notes.record({ type: 'reading.session', data, hidden: { reader } });
}
async function download(members: string[]): Promise<void> {
  const data = { jobId: 'job-0123456789abcdef', round: 1, model: '0'.repeat(64), count: members.length };
  await notes.record({ type: 'model.downloaded', data, hidden: { members } });
}
/** How many entries could be opened when others were told to let go of copies. */
let letGo: number[] = [];
const open = async (keepMs: number, over: Partial<AuditNotes> = {}) => {
  const report = (error: unknown) => void reported.push(error);
  const record = over.record ?? notes.record.bind(notes);
  const erasing = () => void letGo.push(named().length);
  const retention = new SaltRetention({ salts: log, notes: { record }, clock, report, erasing }, keepMs);
  await retention.open();
  return retention;
};
/** Indices of entries about which it can be said whom they name. */
const named = () =>
  Array.from({ length: log.size }, (_, at) => at).filter((at) => log.saltedFields(at).length > 0);
const enforced = () =>
  Array.from({ length: log.size }, (_, at) => decodeLeaf(file.entries(at, 1)[0] as Uint8Array))
    .filter(({ type }) => type === 'hanse.retention.enforced')
    .map(({ data }) => data);

test('whoever has copies of values lets them go before they are erased', async () => {
  letGo = [];
  await read(memberId(1));
  await read(memberId(2));
  const retention = await open(KEPT);
  expect(letGo).toEqual([]);
  await retention.forget([memberId(1)], []);
  expect([letGo, named()]).toEqual([[2], [1]]);
  await clock.advance(KEPT + DAY);
  await retention.settled();
  expect([letGo, named()]).toEqual([[2, 1], []]);
  await retention.close();
});

test('salts go once they are older than the operator wants, day by day, and the log tells', async () => {
  const retention = await open(KEPT);
  await read(memberId(1));
  await clock.advance(5 * DAY);
  await read(memberId(2));
  await clock.advance(5 * DAY);
  expect([named(), enforced()]).toEqual([[0, 1], []]);
  await clock.advance(DAY);
  await retention.settled();
  expect(named()).toEqual([1]);
  const until = new Date(clock.now() - KEPT).toISOString();
  expect(enforced()).toEqual([{ what: 'salts', count: 1, until }]);
  const { root } = log.checkpoint;
  await clock.advance(DAY);
  expect(log.checkpoint.root).toEqual(root);
  await clock.advance(4 * DAY);
  await retention.settled();
  expect([named(), enforced().length, reported]).toEqual([[], 2, []]);
  await retention.close();
  expect(clock.pending).toBe(0);
});

test('a start erases what became due while nothing ran; where all is kept, nothing is looked at', async () => {
  for (let i = 0; i < 600; i += 1) void read(memberId(i));
  await notes.settled();
  await clock.advance(KEPT + 1);
  await open(Number.POSITIVE_INFINITY);
  expect([named().length, clock.pending]).toEqual([600, 0]);
  const retention = await open(KEPT);
  expect([named(), enforced()]).toEqual([[], [expect.objectContaining({ count: 600 })]]);
  await retention.close();
});

test('what cannot be told is not erased, and tried again', async () => {
  await read(memberId(1));
  await clock.advance(KEPT + 1);
  let fault: HanseError | undefined = new HanseError('storageFull', { path: 'x' });
  const retention = await open(KEPT, {
    record: async (note) => {
      if (fault) throw fault;
      await notes.record(note);
    },
  });
  expect([named(), reported]).toEqual([[0], [fault]]);
  fault = undefined;
  await clock.advance(60_000);
  await retention.settled();
  expect([named(), enforced().length]).toEqual([[], 1]);
  await retention.close();
});

test('a member is forgotten: every key, every list that it is in, and nobody else', async () => {
  const retention = await open(Number.POSITIVE_INFINITY);
  await read(memberId(1));
  await read(memberId(2));
  await download([memberId(3), memberId(1)]);
  await download([memberId(2), memberId(3)]);
  await read(memberId(11));
  expect(await retention.forget([memberId(1), memberId(11)], ['Ada'])).toBe(3);
  expect(named()).toEqual([1, 3]);
  expect(enforced()).toEqual([{ what: 'member', count: 3, until: new Date(clock.now()).toISOString() }]);
  expect(await retention.forget([memberId(1)], ['Ada'])).toBe(0);
  expect(enforced()).toHaveLength(1);
});
