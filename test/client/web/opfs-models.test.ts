import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { opfsModels } from '../../../client/web/opfs-models.ts';

const hashOf = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

let time = 0;

/** A folder in memory, as far as it is used. */
function folderInMemory(files: Map<string, { bytes: Uint8Array; at: number }>, fails = false) {
  const handle = (name: string) => ({
    kind: 'file',
    name,
    getFile: async () => {
      const { bytes, at } = files.get(name) ?? { bytes: new Uint8Array(), at: 0 };
      return { lastModified: at, arrayBuffer: async () => bytes.slice().buffer };
    },
    createWritable: async () => {
      if (fails) throw new DOMException('no room', 'QuotaExceededError');
      return {
        write: async (bytes: Uint8Array) => {
          time += 1;
          files.set(name, { bytes: bytes.slice(), at: time });
        },
        close: async () => {},
      };
    },
  });
  return {
    getDirectoryHandle: async () => folderInMemory(files, fails),
    getFileHandle: async (name: string, options?: { create?: boolean }) => {
      if (!files.has(name) && !options?.create) throw new DOMException('none', 'NotFoundError');
      return handle(name);
    },
    removeEntry: async (name: string) => void (name === 'hanse-models' ? files.clear() : files.delete(name)),
    async *values() {
      for (const name of [...files.keys()]) yield handle(name);
    },
  };
}

function shelf(files = new Map<string, { bytes: Uint8Array; at: number }>(), fails = false) {
  let fetched = 0;
  const models = opfsModels(async () => folderInMemory(files, fails) as never);
  const contents = Array.from({ length: 10 }, (_, i) => Uint8Array.of(i));
  const api = models.around({
    call: async (name: string, request: { params?: { sha256: string } }) => {
      fetched += 1;
      return name === 'getBlob'
        ? contents.find((bytes) => hashOf(bytes) === request.params?.sha256)
        : { name };
    },
  } as never);
  const get = async (i: number) =>
    api.call('getBlob', { params: { sha256: hashOf(contents[i] ?? new Uint8Array()) } });
  return { api, get, models, files, fetched: () => fetched };
}

test('content is fetched once, and found again by its hash', async () => {
  const { api, get, models, files, fetched } = shelf();
  expect(await get(3)).toEqual(Uint8Array.of(3));
  expect(await get(3)).toEqual(Uint8Array.of(3));
  expect(fetched()).toBe(1);
  await expect(api.call('listJobs', {})).resolves.toEqual({ name: 'listJobs' });
  await models.forget();
  expect(files.size).toBe(0);
});

test('what was altered on the disk is fetched anew', async () => {
  const { get, files, fetched } = shelf();
  await get(3);
  for (const file of files.values()) file.bytes = Uint8Array.of(9);
  expect(await get(3)).toEqual(Uint8Array.of(3));
  expect(await get(3)).toEqual(Uint8Array.of(3));
  expect(fetched()).toBe(2);
});

test('the oldest go; a full or missing file system costs the fetching and nothing else', async () => {
  const { get, files } = shelf();
  for (let i = 0; i < 10; i += 1) await get(i);
  expect(files.size).toBe(8);
  expect([...files.values()].map(({ bytes }) => bytes[0])).toEqual([2, 3, 4, 5, 6, 7, 8, 9]);
  const full = shelf(new Map(), true);
  expect(await full.get(1)).toEqual(Uint8Array.of(1));
  expect(full.files.size).toBe(0);
  const none = opfsModels(async () => Promise.reject(new Error('none')));
  await expect(none.forget()).resolves.toBeUndefined();
});
