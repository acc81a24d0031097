/**
 * The contract of `server/store/store.ts` as tests, for every implementation: in memory, SQLite, PostgreSQL.
 *
 * An implementation gives a fixture: empty records, and ways to open them. `another` opens the same records a second
 * time, as a second coordinator would; `reopen` closes the first handle and opens the records again.
 */
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { isProblem } from '../../protocol/problem.ts';
import type { NewEvent, Store, StoredEvent } from '../../server/store/store.ts';

export interface StoreFixture {
  readonly store: Store;
  readonly another?: () => Promise<Store>;
  readonly reopen?: () => Promise<Store>;
  readonly dispose: () => Promise<void>;
}

const NOON = new Date('2026-01-01T12:00:00.000Z');
const seconds = (count: number) => new Date(NOON.getTime() + 1000 * count);
const event = (data: unknown, type = 'job.created'): NewEvent => ({ type, version: 1, data });

export function storeContract(name: string, create: () => Promise<StoreFixture>): void {
  describe(`${name} keeps the contract of a store`, () => {
    let fixture: StoreFixture;
    let store: Store;
    beforeEach(async () => {
      fixture = await create();
      store = fixture.store;
    });
    afterEach(() => fixture.dispose());

    test('what was appended is read back, numbered from 1', async () => {
      const appended = await store.append('job/a', 0, [event({ x: [1, null, 'ü'] }), event('text')], NOON);
      const more = await store.append('job/a', 2, [{ type: 'job.ended', version: 7, data: 0.1 }], seconds(1));
      const [first, second, third] = [...appended, ...more];
      expect(first).toEqual({
        stream: 'job/a',
        sequence: 1,
        position: expect.any(Number),
        type: 'job.created',
        version: 1,
        data: { x: [1, null, 'ü'] },
        at: '2026-01-01T12:00:00.000Z',
      });
      expect(second).toMatchObject({ sequence: 2, data: 'text' });
      expect(third).toMatchObject({ sequence: 3, type: 'job.ended', version: 7, data: 0.1 });
      expect(await store.read('job/a')).toEqual([first, second, third]);
      expect(await store.read('job/b')).toEqual([]);
    });

    test('read() takes a part: after, limit', async () => {
      await store.append(
        's',
        0,
        [1, 2, 3, 4, 5].map((data) => event(data)),
        NOON,
      );
      const data = async (...range: [after?: number, limit?: number]) =>
        (await store.read('s', ...range)).map((stored) => stored.data);
      expect(await data(2)).toEqual([3, 4, 5]);
      expect(await data(1, 2)).toEqual([2, 3]);
      expect(await data(5)).toEqual([]);
      expect(await data(0, 0)).toEqual([]);
      expect(await data(99, 99)).toEqual([]);
    });

    test('positions are unique, and increase within a stream', async () => {
      const stored: StoredEvent[] = [];
      for (let i = 0; i < 6; i += 1)
        stored.push(...(await store.append(`s${i % 2}`, Math.floor(i / 2), [event(i)], NOON)));
      expect(new Set(stored.map(({ position }) => position)).size).toBe(6);
      for (const stream of ['s0', 's1']) {
        const positions = stored.filter((one) => one.stream === stream).map(({ position }) => position);
        expect(positions).toEqual([...positions].sort((a, b) => a - b));
      }
    });

    test('readAll() goes through all streams by position, in parts, and misses nothing', async () => {
      const before = await store.append('b', 0, [event(1), event(2)], NOON);
      const between = await store.append('a', 0, [event(3)], NOON);
      const after = await store.append('b', 2, [event(4)], NOON);
      const all = [...before, ...between, ...after];
      expect(await store.readAll(0, 100)).toEqual(all);
      const parts: StoredEvent[] = [];
      for (;;) {
        const part = await store.readAll(parts.at(-1)?.position ?? 0, 3);
        if (part.length === 0) break;
        expect(part.length).toBeLessThanOrEqual(3);
        parts.push(...part);
      }
      expect(parts).toEqual(all);
      expect(await store.readAll(all.at(-1)?.position ?? 0, 1)).toEqual([]);
      expect(await store.readAll(0, 0)).toEqual([]);
      const added = await store.append('c', 0, [event(5)], NOON);
      expect(await store.readAll(all.at(-1)?.position ?? 0, 1)).toEqual(added);
    });

    test('an append that expects another version is refused and leaves nothing', async () => {
      await store.append('s', 0, [event(1)], NOON);
      for (const expected of [0, 2])
        await expect(store.append('s', expected, [event(2), event(3)], NOON)).rejects.toMatchObject({
          code: 'storageConflict',
          detail: { stream: 's', expected, got: 1 },
        });
      expect(await store.read('s')).toHaveLength(1);
      await store.append('s', 1, [event(2)], NOON);
      expect(await store.read('s')).toHaveLength(2);
    });

    test('an append of no events only checks the version', async () => {
      expect(await store.append('s', 0, [], NOON)).toEqual([]);
      await expect(store.append('s', 1, [], NOON)).rejects.toMatchObject({ code: 'storageConflict' });
      expect(await store.streams('')).toEqual([]);
    });

    test('of rival appends exactly one succeeds', async () => {
      const rival = (await fixture.another?.()) ?? store;
      const outcomes = await Promise.allSettled(
        [store, rival, store, rival].map((handle, i) => handle.append('s', 0, [event(i)], NOON)),
      );
      const won = outcomes.filter((outcome) => outcome.status === 'fulfilled');
      expect(won).toHaveLength(1);
      for (const outcome of outcomes)
        if (outcome.status === 'rejected') expect(isProblem(outcome.reason, 'storageConflict')).toBe(true);
      expect(await store.read('s')).toEqual(won[0]?.value);
      expect(await rival.read('s')).toEqual(won[0]?.value);
      if (rival !== store) await rival.close();
    });

    test('appends issued together fail or succeed alone, and in order within a stream', async () => {
      const outcomes = await Promise.allSettled([
        store.append('a', 0, [event(1)], NOON),
        store.append('a', 0, [event('late')], NOON),
        store.append('b', 3, [event('early')], NOON),
        store.append('b', 0, [event(1), event(2)], NOON),
        store.append('a', 1, [event(2)], NOON),
        store.append('b', 0, [event(10n)], NOON),
      ]);
      expect(outcomes.map(({ status }) => status === 'fulfilled')).toEqual([
        true,
        false,
        false,
        true,
        true,
        false,
      ]);
      expect((await store.read('a')).map(({ data }) => data)).toEqual([1, 2]);
      expect((await store.read('b')).map(({ data }) => data)).toEqual([1, 2]);
    });

    test('readers get copies: changing one changes nothing', async () => {
      const data = { list: [1] };
      const appended = await store.append('s', 0, [event(data)], NOON);
      data.list.push(2);
      for (const stored of [...appended, ...(await store.read('s'))])
        (stored.data as typeof data).list.push(3);
      expect((await store.read('s'))[0]?.data).toEqual({ list: [1] });
    });

    test('data are any JSON text, kept to the character', async () => {
      await fc.assert(
        fc.asyncProperty(fc.uuid(), fc.jsonValue(), async (stream, value) => {
          const expected = JSON.parse(JSON.stringify(value));
          expect((await store.append(stream, 0, [event(value)], NOON))[0]?.data).toEqual(expected);
          expect((await store.read(stream))[0]?.data).toEqual(expected);
        }),
        { numRuns: 60 },
      );
      const awkward = { nul: '\0', half: '\ud800', quote: `'";--`, deep: { __proto__: null } };
      await store.append('awkward', 0, [event(awkward)], NOON);
      expect((await store.read('awkward'))[0]?.data).toEqual(JSON.parse(JSON.stringify(awkward)));
    });

    test('streams() lists by prefix, in ASCII order, with lengths', async () => {
      const names = ['job/b', 'job/a', 'job/a~', 'job/B', 'job', 'jo%', 'jo_', 'log'];
      for (const [i, name] of names.entries())
        await store.append(
          name,
          0,
          Array.from({ length: i + 1 }, () => event(0)),
          NOON,
        );
      expect(await store.streams('job/')).toEqual([
        { stream: 'job/B', length: 4 },
        { stream: 'job/a', length: 2 },
        { stream: 'job/a~', length: 3 },
        { stream: 'job/b', length: 1 },
      ]);
      expect((await store.streams('')).map(({ stream }) => stream)).toEqual([...names].sort());
      expect(await store.streams('jo%')).toEqual([{ stream: 'jo%', length: 6 }]);
      expect(await store.streams('job/a~~')).toEqual([]);
    });

    test('a claim succeeds once, until it expires', async () => {
      expect(await store.claimOnce('nonce', 'k', seconds(10), NOON)).toBe(true);
      expect(await store.claimOnce('nonce', 'k', seconds(99), seconds(9))).toBe(false);
      expect(await store.claimOnce('nonce', 'other', seconds(10), NOON)).toBe(true);
      expect(await store.claimOnce('other', 'k', seconds(10), NOON)).toBe(true);
      // The refused claim did not prolong the first.
      expect(await store.claimOnce('nonce', 'k', seconds(30), seconds(10))).toBe(true);
      expect(await store.claimOnce('nonce', 'k', seconds(40), seconds(29))).toBe(false);
    });

    test('of rival claims exactly one succeeds', async () => {
      const rival = (await fixture.another?.()) ?? store;
      const claims = [store, rival, store, rival].map((one) => one.claimOnce('n', 'k', seconds(1), NOON));
      expect((await Promise.all(claims)).filter(Boolean)).toHaveLength(1);
      if (rival !== store) await rival.close();
    });

    test('sweeping forgets expired claims and no other', async () => {
      const claim = (key: string, until: number, now: number) =>
        store.claimOnce('sweep', key, seconds(until), seconds(now));
      for (let i = 0; i < 300; i += 1) expect(await claim(`brief-${i}`, 10, 0)).toBe(true);
      for (let i = 0; i < 300; i += 1) expect(await claim(`lasting-${i}`, 1000, 0)).toBe(true);
      for (let i = 0; i < 300; i += 1) expect(await claim(`later-${i}`, 1000, 20)).toBe(true);
      for (let i = 0; i < 300; i += 1) {
        expect(await claim(`lasting-${i}`, 1000, 20)).toBe(false);
        expect(await claim(`brief-${i}`, 30, 20)).toBe(true);
      }
    });

    test('what does not have its form is refused, by everything', async () => {
      const append = (stream: string, version: number, one: NewEvent, at = NOON) =>
        store.append(stream, version, [one], at);
      const circular: unknown[] = [];
      circular.push(circular);
      const refused = [
        () => append('', 0, event(1)),
        () => append('with space', 0, event(1)),
        () => append('nul\0', 0, event(1)),
        () => append('ü', 0, event(1)),
        () => append('x'.repeat(257), 0, event(1)),
        () => append('s', -1, event(1)),
        () => append('s', 0.5, event(1)),
        () => append('s', 0, event(1), new Date(Number.NaN)),
        () => append('s', 0, event(undefined)),
        () => append('s', 0, event(circular)),
        () => append('s', 0, event(1, '')),
        () => append('s', 0, { type: 't', version: 0, data: 1 }),
        () => store.read('s', -1),
        () => store.read('s', 0, 0.5),
        () => store.read('s p'),
        () => store.readAll(-1, 1),
        () => store.readAll(0, 0.5),
        () => store.streams('\n'),
        () => store.claimOnce('', 'k', seconds(1), NOON),
        () => store.claimOnce('n', '\ud800', seconds(1), NOON),
        () => store.claimOnce('n', 'k', NOON, NOON),
        () => store.claimOnce('n', 'k', new Date(Number.NaN), NOON),
      ];
      for (const call of refused)
        await expect(call(), String(call)).rejects.toMatchObject({ code: 'invalidFormat' });
      expect(await store.streams('')).toEqual([]);
      await append('!~'.repeat(128), 0, event(1));
      expect(await store.streams('')).toHaveLength(1);
    });

    test('a closed store settles what was issued and refuses everything after', async () => {
      const issued = store.append('s', 0, [event(1)], NOON);
      await store.close();
      expect(await issued).toHaveLength(1);
      const calls = [
        store.append('s', 1, [event(2)], NOON),
        store.read('s'),
        store.readAll(0, 1),
        store.streams(''),
        store.claimOnce('n', 'k', seconds(1), NOON),
      ];
      for (const call of calls) await expect(call).rejects.toMatchObject({ code: 'storageFailed' });
      await store.close();
    });

    test('any series of commands leaves what a plain model says', async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(command, { maxLength: 40 }), async (commands) => {
          const subject = await create();
          try {
            await compareWithModel(subject, commands);
          } finally {
            await subject.dispose();
          }
        }),
        { numRuns: 30 },
      );
    });
  });
}

const streamName = fc.constantFrom('a', 'a/1', 'a/2', 'b');
const command = fc.oneof(
  fc.record({
    type: fc.constant('append' as const),
    stream: streamName,
    error: fc.constantFrom(0, 0, 0, 1, -1),
    data: fc.array(fc.jsonValue({ maxDepth: 2 }), { maxLength: 3 }),
  }),
  fc.record({
    type: fc.constant('read' as const),
    stream: streamName,
    after: fc.nat({ max: 5 }),
    limit: fc.nat({ max: 5 }),
  }),
  fc.record({ type: fc.constant('streams' as const), prefix: fc.constantFrom('', 'a', 'a/', 'c') }),
  fc.record({
    type: fc.constant('claim' as const),
    key: fc.constantFrom('k', 'l', 'm'),
    lasts: fc.integer({ min: 1, max: 9 }),
    passes: fc.nat({ max: 5 }),
  }),
  fc.record({ type: fc.constant('reopen' as const) }),
);
type Command = typeof command extends fc.Arbitrary<infer T> ? T : never;

/** Runs each command on the store and on two plain maps, and compares after each. */
async function compareWithModel(fixture: StoreFixture, commands: readonly Command[]): Promise<void> {
  let { store } = fixture;
  let clock = 0;
  const streams = new Map<string, unknown[]>();
  const claims = new Map<string, number>();
  for (const one of commands) {
    switch (one.type) {
      case 'append': {
        const known = streams.get(one.stream) ?? [];
        const expected = Math.max(0, known.length + one.error);
        const appending = store.append(
          one.stream,
          expected,
          one.data.map((data) => event(data)),
          NOON,
        );
        if (expected !== known.length)
          await expect(appending).rejects.toMatchObject({ code: 'storageConflict' });
        else {
          expect((await appending).map(({ sequence }) => sequence)).toEqual(
            one.data.map((_, i) => known.length + i + 1),
          );
          if (one.data.length > 0)
            streams.set(one.stream, [...known, ...JSON.parse(JSON.stringify(one.data))]);
        }
        break;
      }
      case 'read': {
        const got = await store.read(one.stream, one.after, one.limit);
        const known = (streams.get(one.stream) ?? []).slice(one.after, one.after + one.limit);
        expect(got.map(({ data }) => data)).toEqual(known);
        break;
      }
      case 'streams':
        expect(await store.streams(one.prefix)).toEqual(
          [...streams.keys()]
            .filter((name) => name.startsWith(one.prefix))
            .sort()
            .map((stream) => ({ stream, length: streams.get(stream)?.length })),
        );
        break;
      case 'claim': {
        clock += one.passes;
        const isFree = (claims.get(one.key) ?? 0) <= clock;
        expect(await store.claimOnce('n', one.key, seconds(clock + one.lasts), seconds(clock))).toBe(isFree);
        if (isFree) claims.set(one.key, clock + one.lasts);
        break;
      }
      case 'reopen':
        if (fixture.reopen) store = await fixture.reopen();
        break;
      default:
        one satisfies never;
    }
  }
}
