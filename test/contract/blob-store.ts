/**
 * The contract of `server/store/blob-store.ts` as tests, for every implementation: in memory, files, object storage.
 *
 * An implementation gives a fixture: an empty store, a way to open the same content again, and a way to damage what
 * is stored behind the store's back.
 */
import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { BlobStore } from '../../server/store/blob-store.ts';
import { findCorruptBlobs } from '../fixtures/corrupt-blobs.ts';

export interface BlobStoreFixture {
  readonly blobs: BlobStore;
  readonly reopen?: () => Promise<BlobStore>;
  /** Flips a bit of stored content. */
  readonly damage?: (sha256: string) => Promise<void>;
  readonly dispose: () => Promise<void>;
}

const bytes = (text: string) => new TextEncoder().encode(text);
const hashOf = (content: Uint8Array) => createHash('sha256').update(content).digest('hex');
const ABC = 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'; // FIPS 180-2, appendix B.1
const EMPTY = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';
const MIB = { limitBytes: 1_048_576 };

async function* pieces(...parts: Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* parts;
}

async function collect<T>(source: AsyncIterable<T>): Promise<T[]> {
  const items: T[] = [];
  for await (const item of source) items.push(item);
  return items;
}

async function content(source: AsyncIterable<Uint8Array>): Promise<Buffer> {
  return Buffer.concat(await collect(source));
}

export function blobStoreContract(name: string, create: () => Promise<BlobStoreFixture>): void {
  describe(`${name} keeps the contract of a blob store`, () => {
    let fixture: BlobStoreFixture;
    let blobs: BlobStore;
    beforeEach(async () => {
      fixture = await create();
      blobs = fixture.blobs;
    });
    afterEach(() => fixture.dispose());

    test('content is found under its SHA-256, put whole or in pieces', async () => {
      expect(await blobs.has(ABC)).toBeUndefined();
      expect(await blobs.put(bytes('abc'), MIB)).toEqual({ sha256: ABC, size: 3 });
      expect(await blobs.put(pieces(bytes('a'), bytes(''), bytes('bc')), MIB)).toEqual({
        sha256: ABC,
        size: 3,
      });
      expect(await blobs.has(ABC)).toEqual({ size: 3 });
      expect(Buffer.from(await blobs.read(ABC)).toString()).toBe('abc');
      expect(await collect(blobs.list())).toEqual([ABC]);
    });

    test('nothing is content too', async () => {
      expect(await blobs.put(new Uint8Array(0), MIB)).toEqual({ sha256: EMPTY, size: 0 });
      expect(await blobs.put(pieces(), { limitBytes: 0 })).toEqual({ sha256: EMPTY, size: 0 });
      expect(await blobs.has(EMPTY)).toEqual({ size: 0 });
      expect(await blobs.read(EMPTY)).toHaveLength(0);
      expect(await content(blobs.stream(EMPTY))).toHaveLength(0);
    });

    test('bytes are neither kept nor shared', async () => {
      const source = Buffer.from('abc');
      await blobs.put(pieces(source), MIB);
      source.fill(0);
      (await blobs.read(ABC)).fill(0);
      for await (const piece of blobs.stream(ABC)) piece.fill(0);
      expect(Buffer.from(await blobs.read(ABC)).toString()).toBe('abc');
    });

    test('the limit is exact, and nothing is read beyond it', async () => {
      let given = 0;
      let isClosed = false;
      async function* endless() {
        try {
          for (;;) {
            given += 10;
            yield new Uint8Array(10);
          }
        } finally {
          isClosed = true;
        }
      }
      const tooLarge = { code: 'bodyTooLarge', detail: { limitBytes: 25 } };
      await expect(blobs.put(endless(), { limitBytes: 25 })).rejects.toMatchObject(tooLarge);
      expect({ given, isClosed }).toEqual({ given: 30, isClosed: true });
      await expect(blobs.put(new Uint8Array(26), { limitBytes: 25 })).rejects.toMatchObject(tooLarge);
      expect(await collect(blobs.list())).toEqual([]);
      for (const source of [new Uint8Array(25), pieces(new Uint8Array(20), new Uint8Array(5))])
        expect(await blobs.put(source, { limitBytes: 25 })).toMatchObject({ size: 25 });
    });

    test('other content than expected is refused and not kept', async () => {
      for (const source of [bytes('abd'), pieces(bytes('ab'), bytes('d'))])
        await expect(blobs.put(source, { ...MIB, expectedSha256: ABC })).rejects.toMatchObject({
          code: 'hashMismatch',
          detail: { expected: ABC, got: hashOf(bytes('abd')) },
        });
      expect(await collect(blobs.list())).toEqual([]);
      for (const source of [bytes('abc'), pieces(bytes('ab'), bytes('c'))])
        expect(await blobs.put(source, { ...MIB, expectedSha256: ABC })).toMatchObject({ sha256: ABC });
    });

    test('what the source throws comes through unchanged, and nothing is kept', async () => {
      const hungUp = Object.assign(new Error('aborted'), { code: 'ECONNRESET' });
      async function* broken() {
        yield bytes('abc');
        throw hungUp;
      }
      await expect(blobs.put(broken(), MIB)).rejects.toBe(hungUp);
      expect(await collect(blobs.list())).toEqual([]);
    });

    test('ranges are cut as asked', async () => {
      await blobs.put(bytes('abc'), MIB);
      const range = async (start: number, end: number) =>
        (await content(blobs.stream(ABC, { start, end }))).toString();
      expect(await range(0, 3)).toBe('abc');
      expect(await range(1, 2)).toBe('b');
      expect(await range(2, 99)).toBe('c');
      expect(await range(1, 1)).toBe('');
      expect(await range(7, 9)).toBe('');
      for (const [start, end] of [
        [-1, 2],
        [2, 1],
        [0, 0.5],
        [Number.NaN, 1],
      ] as const)
        await expect(range(start, end)).rejects.toMatchObject({ code: 'invalidFormat' });
    });

    test('unknown content is a problem to read and none to delete', async () => {
      await blobs.put(bytes('abc'), MIB);
      await blobs.delete(EMPTY);
      await blobs.delete(ABC);
      await blobs.delete(ABC);
      const unknown = { code: 'blobUnknown', detail: { sha256: ABC } };
      await expect(blobs.read(ABC)).rejects.toMatchObject(unknown);
      await expect(content(blobs.stream(ABC))).rejects.toMatchObject(unknown);
      await expect(content(blobs.stream(ABC, { start: 0, end: 1 }))).rejects.toMatchObject(unknown);
      expect(await blobs.has(ABC)).toBeUndefined();
      expect(await collect(blobs.list())).toEqual([]);
    });

    test('a stream that has begun outlives the deletion', async () => {
      const large = Buffer.alloc(1_000_000, 'hanse');
      const { sha256 } = await blobs.put(large, MIB);
      const parts: Uint8Array[] = [];
      for await (const piece of blobs.stream(sha256)) {
        parts.push(piece);
        await blobs.delete(sha256);
      }
      expect(Buffer.concat(parts).equals(large)).toBe(true);
    });

    test('what is not a hash never reaches the storage', async () => {
      const wrong = [
        '',
        '../../etc/passwd',
        `../${ABC.slice(3)}`,
        ABC.toUpperCase(),
        `${ABC}0`,
        `${ABC}\n`,
        ABC.slice(1),
        `${ABC.slice(0, 63)}\0`,
      ];
      for (const sha256 of wrong)
        for (const call of [
          () => blobs.has(sha256),
          () => blobs.read(sha256),
          () => content(blobs.stream(sha256)),
          () => blobs.delete(sha256),
          () => blobs.put(bytes('abc'), { ...MIB, expectedSha256: sha256 }),
        ])
          await expect(call(), JSON.stringify(sha256)).rejects.toMatchObject({ code: 'invalidFormat' });
      for (const limitBytes of [-1, 0.5, Number.NaN])
        await expect(blobs.put(bytes(''), { limitBytes })).rejects.toMatchObject({ code: 'invalidFormat' });
      expect(await blobs.has(ABC)).toBeUndefined();
    });

    test('simultaneous puts of the same content agree', async () => {
      const results = await Promise.all(
        Array.from({ length: 8 }, (_, i) => blobs.put(i % 2 ? bytes('abc') : pieces(bytes('abc')), MIB)),
      );
      for (const result of results) expect(result).toEqual({ sha256: ABC, size: 3 });
      expect(await collect(blobs.list())).toEqual([ABC]);
    });

    test('damage is found, named and mended by putting the content again', async (context) => {
      if (!fixture.damage) return context.skip('nothing can damage this store');
      const large = Buffer.alloc(300_000, 'hanse');
      const { sha256 } = await blobs.put(large, MIB);
      await blobs.put(bytes('abc'), MIB);
      expect(await collect(findCorruptBlobs(blobs))).toEqual([]);
      await fixture.damage(sha256);
      const corrupt = { code: 'storageCorrupt' };
      await expect(blobs.read(sha256)).rejects.toMatchObject(corrupt);
      await expect(content(blobs.stream(sha256))).rejects.toMatchObject(corrupt);
      expect(await collect(findCorruptBlobs(blobs))).toEqual([sha256]);
      await blobs.put(large, MIB);
      expect(await collect(findCorruptBlobs(blobs))).toEqual([]);
    });

    test('any series of commands leaves what a plain model says', async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(command, { maxLength: 25 }), async (commands) => {
          const subject = await create();
          try {
            await compareWithModel(subject, commands);
          } finally {
            await subject.dispose();
          }
        }),
        { numRuns: 20 },
      );
    });
  });
}

const blob = fc.constantFrom('', 'a', 'abc', 'hanse'.repeat(20_000)).map(bytes);
const command = fc.oneof(
  fc.record({ type: fc.constant('put' as const), blob, cut: fc.option(fc.nat({ max: 9 })) }),
  fc.record({ type: fc.constant('delete' as const), blob }),
  fc.record({ type: fc.constant('read' as const), blob, start: fc.nat({ max: 9 }) }),
  fc.record({ type: fc.constant('reopen' as const) }),
);
type Command = typeof command extends fc.Arbitrary<infer T> ? T : never;

/** Runs each command on the store and on a plain map, and compares after each. */
async function compareWithModel(fixture: BlobStoreFixture, commands: readonly Command[]): Promise<void> {
  let { blobs } = fixture;
  const model = new Map<string, Uint8Array>();
  for (const one of commands) {
    switch (one.type) {
      case 'put': {
        const source =
          one.cut === null ? one.blob : pieces(one.blob.subarray(0, one.cut), one.blob.subarray(one.cut));
        const put = await blobs.put(source, MIB);
        expect(put).toEqual({ sha256: hashOf(one.blob), size: one.blob.length });
        model.set(put.sha256, one.blob);
        break;
      }
      case 'delete':
        await blobs.delete(hashOf(one.blob));
        model.delete(hashOf(one.blob));
        break;
      case 'read': {
        const sha256 = hashOf(one.blob);
        const known = model.get(sha256);
        if (!known) await expect(blobs.read(sha256)).rejects.toMatchObject({ code: 'blobUnknown' });
        else {
          expect(Buffer.from(await blobs.read(sha256)).equals(known)).toBe(true);
          const range = { start: one.start, end: one.start + 70_000 };
          const cut = await content(blobs.stream(sha256, range));
          expect(cut.equals(known.subarray(range.start, range.end))).toBe(true);
        }
        break;
      }
      case 'reopen':
        if (fixture.reopen) blobs = await fixture.reopen();
        break;
      default:
        one satisfies never;
    }
    expect(await collect(blobs.list())).toEqual([...model.keys()].sort());
  }
}
