/**
 * The contract of `server/store/part-store.ts` as tests, for every implementation.
 */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { PartStore } from '../../server/store/part-store.ts';
import { hashOf } from '../fixtures/vector-files.ts';

export interface PartStoreFixture {
  readonly parts: PartStore;
  readonly reopen?: () => Promise<PartStore>;
  readonly dispose: () => Promise<void>;
}

export const NAME = '0'.repeat(31);
const ONE = `${NAME}1`;
const OTHER = `${NAME}2`;
const bytes = (text: string) => new TextEncoder().encode(text);

export const chunkOf = (text: string) => {
  const source = bytes(text);
  return { source, length: source.length, sha256: hashOf(source) };
};

export async function contentOf(parts: PartStore, name: string): Promise<string> {
  const pieces: Uint8Array[] = [];
  for await (const piece of parts.stream(name)) pieces.push(piece);
  return Buffer.concat(pieces).toString();
}

async function* pieces(...texts: string[]): AsyncGenerator<Uint8Array> {
  for (const text of texts) yield bytes(text);
}

export function partStoreContract(create: () => Promise<PartStoreFixture>): void {
  let fixture: PartStoreFixture;
  let parts: PartStore;
  beforeEach(async () => {
    fixture = await create();
    parts = fixture.parts;
  });
  afterEach(() => fixture.dispose());

  const listed = async (store = parts) =>
    (await store.list())
      .map(({ name, note, bytes: length }) => [name, Buffer.from(note).toString(), length])
      .sort();

  test('chunks follow each other, each part by itself', async () => {
    await parts.begin(ONE, bytes('one'));
    await parts.begin(OTHER, bytes('other'));
    expect(await contentOf(parts, ONE)).toBe('');
    await parts.append(ONE, chunkOf('ab'));
    await parts.append(OTHER, chunkOf('x'));
    const source = pieces('c', '', 'de');
    await parts.append(ONE, { ...chunkOf('cde'), source });
    expect(await contentOf(parts, ONE)).toBe('abcde');
    expect(await contentOf(parts, OTHER)).toBe('x');
    expect(await listed()).toEqual([
      [ONE, 'one', 5],
      [OTHER, 'other', 1],
    ]);
    await parts.delete(ONE);
    await parts.delete(ONE);
    expect(await listed()).toEqual([[OTHER, 'other', 1]]);
  });

  test.each([
    ['of another content', { ...chunkOf('cde'), source: bytes('cdX') }, 'hashMismatch'],
    ['that is shorter', { ...chunkOf('cde'), source: bytes('cd') }, 'invalidLength'],
    ['that is longer', { ...chunkOf('cde'), source: bytes('cdef') }, 'invalidLength'],
    ['without end', { ...chunkOf('cde'), source: endless() }, 'invalidLength'],
  ])('nothing remains of a chunk %s', async (_, chunk, code) => {
    await parts.begin(ONE, bytes('one'));
    await parts.append(ONE, chunkOf('ab'));
    await expect(parts.append(ONE, chunk)).rejects.toMatchObject({ code });
    expect(await contentOf(parts, ONE)).toBe('ab');
    if (fixture.reopen) expect(await contentOf(await fixture.reopen(), ONE)).toBe('ab');
    await parts.append(ONE, chunkOf('c'));
    expect(await contentOf(parts, ONE)).toBe('abc');
  });

  test('what the source throws comes out as it is, and nothing of the chunk remains', async () => {
    await parts.begin(ONE, bytes('one'));
    const broken = new Error('the connection broke');
    const source = (async function* () {
      yield bytes('ab');
      throw broken;
    })();
    await expect(parts.append(ONE, { ...chunkOf('abc'), source })).rejects.toBe(broken);
    expect(await listed()).toEqual([[ONE, 'one', 0]]);
  });

  test('begun again, it is empty', async () => {
    await parts.begin(ONE, bytes('one'));
    await parts.append(ONE, chunkOf('abc'));
    await parts.begin(ONE, bytes('again'));
    expect(await listed()).toEqual([[ONE, 'again', 0]]);
  });

  test('what was never begun takes nothing', async () => {
    await expect(parts.append(ONE, chunkOf('a'))).rejects.toMatchObject({ code: 'storageFailed' });
    expect(await listed()).toEqual([]);
  });

  test.each(['', '..', `../${NAME}`, 'A'.repeat(32), `${ONE}0`])('%j is no name', async (name) => {
    for (const work of [
      parts.begin(name, bytes('x')),
      parts.append(name, chunkOf('a')),
      parts.delete(name),
      contentOf(parts, name),
    ])
      await expect(work).rejects.toMatchObject({ code: 'invalidFormat' });
  });

  describe('opened again', () => {
    test('everything is there, and goes on', async () => {
      if (!fixture.reopen) return;
      await parts.begin(ONE, bytes('one'));
      await parts.append(ONE, chunkOf('ab'));
      await parts.append(ONE, chunkOf('cd'));
      await parts.begin(OTHER, bytes('other'));
      const again = await fixture.reopen();
      expect(await listed(again)).toEqual([
        [ONE, 'one', 4],
        [OTHER, 'other', 0],
      ]);
      await again.append(ONE, chunkOf('e'));
      expect(await contentOf(again, ONE)).toBe('abcde');
    });
  });
}

async function* endless(): AsyncGenerator<Uint8Array> {
  for (;;) yield bytes('cde');
}
