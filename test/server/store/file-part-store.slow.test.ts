// covers: server/store/file-part-store.ts, server/store/checked-chunk.ts, server/store/part-store.ts
import * as nodeFileSystem from 'node:fs/promises';
import { mkdtemp, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openFilePartStore, type PartFileSystem } from '../../../server/store/file-part-store.ts';
import { chunkOf, contentOf, NAME, partStoreContract } from '../../contract/part-store.ts';

const PART = `${NAME}1`;
const NOTE = new TextEncoder().encode('a note');

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hanse-parts-'));
});
afterEach(() => rm(folder, { recursive: true }));

describe('parts in files', () => {
  partStoreContract(async () => {
    const root = join(folder, 'contract');
    return {
      parts: await openFilePartStore(root),
      reopen: () => openFilePartStore(root),
      dispose: async () => {},
    };
  });

  test('only their owner can read them', async () => {
    const root = join(folder, 'uploads');
    const parts = await openFilePartStore(root);
    await parts.begin(PART, NOTE);
    expect((await stat(root)).mode & 0o777).toBe(0o700);
    expect((await stat(join(root, PART))).mode & 0o777).toBe(0o600);
  });

  test('wherever the file was cut off, whole chunks are there and the next can follow', async () => {
    const parts = await openFilePartStore(folder);
    await parts.begin(PART, NOTE);
    const texts = ['first', 'the second', '3'];
    const ends = [(await stat(join(folder, PART))).size];
    for (const text of texts) {
      await parts.append(PART, chunkOf(text));
      ends.push((await stat(join(folder, PART))).size);
    }
    const whole = await readFile(join(folder, PART));
    for (let size = 0; size <= whole.length; size += 1) {
      await writeFile(join(folder, PART), whole.subarray(0, size));
      const again = await openFilePartStore(folder);
      const count = ends.filter((end) => end <= size).length;
      if (count === 0) {
        expect(await readdir(folder)).not.toContain(PART);
        continue;
      }
      const kept = texts.slice(0, count - 1).join('');
      expect(await contentOf(again, PART)).toBe(kept);
      await again.append(PART, chunkOf('next'));
      expect(await contentOf(await openFilePartStore(folder), PART)).toBe(`${kept}next`);
    }
  });

  test('a head whose content never reached the medium is no chunk', async () => {
    const parts = await openFilePartStore(folder);
    await parts.begin(PART, NOTE);
    await parts.append(PART, chunkOf('first'));
    const { size } = await stat(join(folder, PART));
    await parts.append(PART, chunkOf('second'));
    const whole = await readFile(join(folder, PART));
    whole.fill(0, size + 36); // its head is before that
    await writeFile(join(folder, PART), whole);
    const again = await openFilePartStore(folder);
    expect(await contentOf(again, PART)).toBe('first');
    expect((await stat(join(folder, PART))).size).toBe(size);
  });

  test('what has no whole note is removed, what is not ours stays', async () => {
    await writeFile(join(folder, 'something'), 'x');
    await writeFile(join(folder, PART), new Uint8Array(100));
    await truncate(join(folder, PART), 50);
    const parts = await openFilePartStore(folder);
    expect(await parts.list()).toEqual([]);
    expect((await readdir(folder)).sort()).toEqual(['contract', 'something']);
  });

  test('a full disk is told, nothing of the chunk is seen, and it can come again', async () => {
    const full = Object.assign(new Error('no space'), { code: 'ENOSPC' });
    let writesLeft = Number.POSITIVE_INFINITY;
    const fileSystem: PartFileSystem = {
      ...nodeFileSystem,
      open: async (...args) => {
        const file = await nodeFileSystem.open(...args);
        const write = file.write.bind(file) as (...values: unknown[]) => Promise<unknown>;
        const limited = async (...values: unknown[]) => {
          writesLeft -= 1;
          if (writesLeft < 0) throw full;
          return write(...values);
        };
        return Object.assign(file, { write: limited });
      },
    };
    const parts = await openFilePartStore(folder, fileSystem);
    await parts.begin(PART, NOTE);
    await parts.append(PART, chunkOf('first'));
    for (const writes of [0, 1]) {
      writesLeft = writes;
      await expect(parts.append(PART, chunkOf('second'))).rejects.toMatchObject({ code: 'storageFull' });
      expect(await contentOf(parts, PART)).toBe('first');
      expect(await contentOf(await openFilePartStore(folder), PART)).toBe('first');
    }
    writesLeft = Number.POSITIVE_INFINITY;
    await parts.append(PART, chunkOf('second'));
    expect(await contentOf(await openFilePartStore(folder), PART)).toBe('firstsecond');
  });
});
