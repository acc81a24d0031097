import { Type } from 'typebox';
import { beforeEach, expect, test } from 'vitest';
import { EventStream } from '../../server/event-stream.ts';
import { memoryStore } from '../../server/store/memory-store.ts';
import type { Store, StoredEvent } from '../../server/store/store.ts';
import { VirtualClock } from '../../sim/virtual-clock.ts';
import { faultyStore } from '../fixtures/faulty-stores.ts';

interface Added {
  readonly type: 'added';
  readonly amount: number;
}

const definition = {
  name: 'sum',
  schema: Type.Object({ type: Type.Literal('added'), amount: Type.Number() }),
  initial: 0,
  fold: (sum: number, { amount }: Added) => sum + amount,
};
const added = (amount: number): Added => ({ type: 'added', amount });
const problem = (code: string) => expect.objectContaining({ code });

let store: Store;
const clock = new VirtualClock();
const open = (over: Store = store) => EventStream.open<number, Added>(over, clock, definition);

beforeEach(() => {
  store = memoryStore();
});

test('state is what the events make of it, also when opened again', async () => {
  const stream = await open();
  expect([stream.state, stream.sequence]).toEqual([0, 0]);
  expect(await stream.command(() => [added(1), added(2)])).toBe(3);
  expect(await stream.command((sum) => [added(sum)])).toBe(6);
  expect([stream.state, stream.sequence]).toEqual([6, 3]);
  const again = await open();
  expect([again.state, again.sequence]).toEqual([6, 3]);
});

test('commands decide one after another, each upon the state that the one before has left', async () => {
  const stream = await open();
  const seen: number[] = [];
  const commands = [1, 2, 3].map((amount) =>
    stream.command(async (sum) => {
      seen.push(sum);
      await Promise.resolve();
      return [added(amount)];
    }),
  );
  expect(await Promise.all(commands)).toEqual([1, 3, 6]);
  expect(seen).toEqual([0, 1, 3]);
});

test('what a decision throws is passed on, writes nothing and stops nobody', async () => {
  const stream = await open();
  const refused = stream.command(() => {
    throw new Error('no');
  });
  const next = stream.command(() => [added(1)]);
  await expect(refused).rejects.toThrow('no');
  expect(await next).toBe(1);
  expect(await store.read('sum')).toHaveLength(1);
});

test('watchers see the new state, and only changes', async () => {
  const stream = await open();
  const seen: number[] = [];
  const stop = stream.watch(() => seen.push(stream.state));
  await stream.command(() => [added(1)]);
  await stream.command(() => []);
  stop();
  await stream.command(() => [added(1)]);
  expect(seen).toEqual([1]);
});

test('after a failed append the stream is read again, whether its events are there or not', async () => {
  for (const [fault, expected] of [
    ['full', 0],
    ['fullAfter', 5],
  ] as const) {
    store = memoryStore();
    const faulty = faultyStore(store);
    const stream = await open(faulty);
    let recovered = 0;
    stream.onRecovery(() => {
      recovered += 1;
    });
    faulty.fault = () => fault;
    await expect(stream.command(() => [added(5)])).rejects.toEqual(problem('storageFull'));
    expect(stream.state).toBe(0);
    faulty.fault = () => undefined;
    const decided: number[] = [];
    await stream.command((sum) => {
      decided.push(sum);
      return [];
    });
    expect(decided).toEqual([expected]);
    expect(recovered).toBe(expected === 0 ? 0 : 1);
    expect(await stream.command(() => [added(1)])).toBe(expected + 1);
    expect((await open()).state).toBe(expected + 1);
  }
});

test('a rival at the same stream is noticed', async () => {
  const [one, other] = [await open(), await open()];
  await one.command(() => [added(1)]);
  await expect(other.command(() => [added(2)])).rejects.toEqual(problem('storageConflict'));
  expect(await other.command((sum) => [added(10 * sum)])).toBe(11);
});

test('what could not be read back is not written', async () => {
  const stream = await open();
  for (const amount of [Number.POSITIVE_INFINITY, Number.NaN, '1' as unknown as number])
    await expect(stream.command(() => [added(1), added(amount)])).rejects.toEqual(problem('invalidFormat'));
  expect(await store.read('sum')).toEqual([]);
  expect(await stream.command(() => [added(1)])).toBe(1);
});

test('records of a newer version, or that do not fit, are refused rather than guessed', async () => {
  const records = [
    { type: 'added', version: 2, data: { amount: 1 } },
    { type: 'added', version: 1, data: { amount: 'one' } },
    { type: 'removed', version: 1, data: { amount: 1 } },
  ];
  for (const record of records) {
    store = memoryStore();
    await store.append('sum', 0, [record], new Date());
    await expect(open()).rejects.toEqual(problem('storageCorrupt'));
  }
  store = memoryStore();
  await store.append('sum', 0, [{ type: 'added', version: 1, data: { amount: 1 } }], new Date());
  expect((await open()).state).toBe(1);
});

/** A store that gives back what another holds, changed by `damage`. */
function damaged(damage: (records: StoredEvent[]) => StoredEvent[]): Store {
  return { ...faultyStore(store), read: async (...args) => damage(await store.read(...args)) };
}

test('records that are missing, doubled or out of order are refused rather than guessed around', async () => {
  const stream = await open();
  for (const amount of [1, 2, 3]) await stream.command(() => [added(amount)]);
  const renumbered = (records: StoredEvent[]) => records.map((record, i) => ({ ...record, sequence: i + 1 }));
  const damages: ((records: StoredEvent[]) => StoredEvent[])[] = [
    ([, ...rest]) => rest,
    ([first, , last]) => [first, last] as StoredEvent[],
    ([first, ...rest]) => [first, first, ...rest] as StoredEvent[],
    ([first, second, third]) => renumbered([second, first, third] as StoredEvent[]),
  ];
  expect((await open(damaged((records) => records))).state).toBe(6);
  for (const damage of damages)
    await expect(open(damaged(damage))).rejects.toEqual(problem('storageCorrupt'));
});

test('an event that the fold does not take is neither written nor read', async () => {
  const strict = {
    ...definition,
    fold: (sum: number, event: Added) => {
      if (event.amount < 0) throw new Error('negative');
      return definition.fold(sum, event);
    },
  };
  const reopened = () => EventStream.open<number, Added>(store, clock, strict);
  const stream = await reopened();
  await expect(stream.command(() => [added(1), added(-1)])).rejects.toThrow('negative');
  expect(await store.read('sum')).toEqual([]);
  await stream.command(() => [added(1)]);
  expect((await reopened()).state).toBe(1);
  await store.append('sum', 1, [{ type: 'added', version: 1, data: { amount: -1 } }], new Date());
  const reason = expect.objectContaining({ path: 'sum, event 2', reason: 'negative' });
  await expect(reopened()).rejects.toMatchObject({ code: 'storageCorrupt', detail: reason });
});

test('commands that come while others are written are written together, and each gets its own answer', async () => {
  const faulty = faultyStore(store);
  const stream = await open(faulty);
  const lengths: number[] = [];
  const { append } = faulty;
  faulty.append = (name, expected, events, at) => {
    lengths.push(events.length);
    return append.call(faulty, name, expected, events, at);
  };
  const first = stream.command(() => [added(1)]);
  await Promise.resolve();
  await Promise.resolve();
  const refused = stream.command(() => {
    throw new Error('no');
  });
  const others = [2, 3, 4].map((amount) => stream.command((sum) => [added(amount * sum)]));
  expect(await first).toBe(1);
  await expect(refused).rejects.toThrow('no');
  expect(await Promise.all(others)).toEqual([3, 12, 60]);
  expect(lengths).toEqual([1, 3]);
  expect([stream.state, stream.sequence]).toEqual([60, 4]);
  expect((await open()).state).toBe(60);
});

test('a failed append fails all that it held, and the next decides upon what is stored', async () => {
  const faulty = faultyStore(store);
  const stream = await open(faulty);
  faulty.fault = () => 'full';
  const together = [1, 2].map((amount) => stream.command(() => [added(amount)]));
  for (const command of together) await expect(command).rejects.toEqual(problem('storageFull'));
  expect(stream.state).toBe(0);
  faulty.fault = () => undefined;
  expect(await stream.command((sum) => [added(sum + 5)])).toBe(5);
  expect(await store.read('sum')).toHaveLength(1);
});
