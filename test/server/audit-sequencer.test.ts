// covers: server/logged-store.ts
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { utf8 } from '../../protocol/bytes.ts';
import { AuditLog } from '../../server/audit-log.ts';
import { AuditSequencer } from '../../server/audit-sequencer.ts';
import { loggedStore } from '../../server/logged-store.ts';
import { AuditFile } from '../../server/store/audit-file.ts';
import { memoryStore } from '../../server/store/memory-store.ts';
import type { Store, StoredEvent } from '../../server/store/store.ts';
import { storeContract } from '../contract/store.ts';
import { faultyStore } from '../fixtures/faulty-stores.ts';
import { noteKey } from '../protocol/audit/notes.ts';

const by = await noteKey('hanse.example/log');
const NOON = new Date('2026-01-01T12:00:00.000Z');
const event = (data: unknown, type = 'said') => ({ type, version: 1, data });
/** Nothing of what is only thought. */
const entriesOf = async ({ stream, sequence, type }: StoredEvent) =>
  type === 'thought' ? [] : [{ bytes: utf8(`${stream} ${sequence}`) }];

let folder: string;
const opened: AuditFile[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'hanse-sequencer-'));
});
afterEach(() => {
  for (const file of opened.splice(0)) file.close();
  rmSync(folder, { recursive: true });
});

/** A log on the file of this name, as a process opens it. */
async function started(store: Store, name = 'audit.sqlite') {
  const file = new AuditFile(join(folder, name));
  opened.push(file);
  const log = await AuditLog.open(file, by);
  const sequencer = new AuditSequencer({ store, log, entriesOf });
  const entries = () => file.entries(0, 10_000).map((entry) => new TextDecoder().decode(entry));
  return { log, sequencer, entries, logged: loggedStore(store, sequencer) };
}

test('an append has resolved when its events are in the log, in the order of their positions', async () => {
  const { logged, log, entries, sequencer } = await started(memoryStore());
  await logged.append('a', 0, [event(1), event(2)], NOON);
  expect(entries()).toEqual(['a 1', 'a 2']);
  const [[one], [two]] = await Promise.all([
    logged.append('b', 0, [event(3)], NOON),
    logged.append('a', 2, [event(4)], NOON),
  ]);
  expect(entries()).toEqual(['a 1', 'a 2', 'b 1', 'a 3']);
  expect(log.size).toBe(4);
  expect(sequencer.position).toBe(Math.max(one?.position ?? 0, two?.position ?? 0));
});

test('what does not belong into the log is passed over', async () => {
  const { logged, entries } = await started(memoryStore());
  await logged.append('a', 0, [event(1, 'thought')], NOON);
  expect(entries()).toEqual([]);
  await logged.append('a', 1, [event(2), event(3, 'thought'), event(4)], NOON);
  expect(entries()).toEqual(['a 2', 'a 4']);
});

test('events that were stored and not logged are logged by the next process, and none twice', async () => {
  const store = memoryStore();
  const { logged } = await started(store);
  await logged.append('a', 0, [event(1)], NOON);
  // As a process that was killed between the two has left it.
  await store.append('a', 1, [event(2), event(3, 'thought')], NOON);
  const next = await started(store);
  expect(next.entries()).toEqual(['a 1']);
  await next.sequencer.catchUp();
  await next.sequencer.catchUp();
  expect(next.entries()).toEqual(['a 1', 'a 2']);
  const third = await started(store);
  await third.sequencer.catchUp();
  expect(third.entries()).toEqual(['a 1', 'a 2']);
});

test('more events than go into one append are all logged', async () => {
  const store = memoryStore();
  const many = Array.from({ length: 2345 }, (_, i) => event(i));
  await store.append('a', 0, many, NOON);
  const { sequencer, log } = await started(store);
  await sequencer.catchUp();
  expect(log.size).toBe(2345);
});

describe('failures', () => {
  test('an event that is not stored is not logged', async () => {
    const store = faultyStore(memoryStore());
    store.fault = () => 'full';
    const { logged, entries } = await started(store);
    await expect(logged.append('a', 0, [event(1)], NOON)).rejects.toMatchObject({ code: 'storageFull' });
    expect(entries()).toEqual([]);
  });

  test('one that is stored and not logged is told as failed, and is logged with the next', async () => {
    const store = memoryStore();
    const { log, entries } = await started(store);
    let isBroken = true;
    const sequencer = new AuditSequencer({
      store,
      entriesOf,
      log: {
        cursor: (source) => log.cursor(source),
        append: (...args) => (isBroken ? Promise.reject(new Error('planted')) : log.append(...args)),
      },
    });
    const logged = loggedStore(store, sequencer);
    await expect(logged.append('a', 0, [event(1)], NOON)).rejects.toThrow('planted');
    expect([await store.read('a'), entries()]).toEqual([[expect.objectContaining({ data: 1 })], []]);
    isBroken = false;
    await logged.append('a', 1, [event(2)], NOON);
    expect(entries()).toEqual(['a 1', 'a 2']);
  });

  test('one that is logged and told as failed is not logged again', async () => {
    const store = memoryStore();
    const { log, entries } = await started(store);
    let isBroken = true;
    const sequencer = new AuditSequencer({
      store,
      entriesOf,
      log: {
        cursor: (source) => log.cursor(source),
        append: async (...args) => {
          const first = await log.append(...args);
          if (isBroken) throw new Error('planted');
          return first;
        },
      },
    });
    const logged = loggedStore(store, sequencer);
    await expect(logged.append('a', 0, [event(1)], NOON)).rejects.toThrow('planted');
    isBroken = false;
    // The next one comes before it was looked whether the first is there.
    await logged.append('a', 1, [event(2)], NOON);
    expect(entries()).toEqual(['a 1', 'a 2']);
  });

  test('a position that the store does not have is a defect, and is waited for by nobody', async () => {
    const { sequencer } = await started(memoryStore());
    await expect(sequencer.reach(1)).rejects.toThrow('unreachable');
  });
});

test('whatever is appended by many at once, and whenever processes end, each event is logged once and in order', () =>
  fc.assert(
    fc.asyncProperty(
      fc.array(fc.array(fc.constantFrom('a', 'b', 'c'), { minLength: 1, maxLength: 6 }), { maxLength: 4 }),
      fc.nat(),
      async (lives, name) => {
        const store = memoryStore();
        const lengths = new Map<string, number>();
        for (const streams of lives) {
          const { logged, sequencer } = await started(store, `${name}-${lives.length}.sqlite`);
          await sequencer.catchUp();
          const appends = streams.map((stream, i) => {
            const length = lengths.get(stream) ?? 0;
            lengths.set(stream, length + 1);
            // Every third as by a process that ends before it has logged.
            return (i % 3 === 2 ? store : logged).append(stream, length, [event(i)], NOON);
          });
          await Promise.all(appends);
        }
        const { sequencer, entries } = await started(store, `${name}-${lives.length}.sqlite`);
        await sequencer.catchUp();
        const all = await store.readAll(0, 1000);
        expect(entries()).toEqual(all.map(({ stream, sequence }) => `${stream} ${sequence}`));
        for (const file of opened.splice(0)) file.close();
        rmSync(folder, { recursive: true });
        folder = mkdtempSync(join(tmpdir(), 'hanse-sequencer-'));
      },
    ),
    { numRuns: 15 },
  ));

storeContract('a logged store', async () => {
  const place = mkdtempSync(join(tmpdir(), 'hanse-logged-'));
  const file = new AuditFile(join(place, 'audit.sqlite'));
  const store = memoryStore();
  const log = await AuditLog.open(file, by);
  return {
    store: loggedStore(store, new AuditSequencer({ store, log, entriesOf })),
    dispose: async () => {
      await log.settled();
      file.close();
      rmSync(place, { recursive: true });
    },
  };
});
