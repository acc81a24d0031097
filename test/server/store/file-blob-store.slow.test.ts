import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import * as nodeFileSystem from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type BlobFileSystem, openFileBlobStore } from '../../../server/store/file-blob-store.ts';
import { blobStoreContract } from '../../contract/blob-store.ts';

const ABC = 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad';
const MIB = { limitBytes: 1_048_576 };
const abc = new TextEncoder().encode('abc');
const fileOf = (root: string, sha256: string) => join(root, sha256.slice(0, 2), sha256.slice(2));

blobStoreContract('a folder of files', async () => {
  const root = mkdtempSync(join(tmpdir(), 'hanse-blobs-'));
  return {
    blobs: await openFileBlobStore(root),
    reopen: () => openFileBlobStore(root),
    damage: async (sha256) => {
      const content = readFileSync(fileOf(root, sha256));
      content.writeUInt8(content.readUInt8(0) ^ 1, 0);
      writeFileSync(fileOf(root, sha256), content);
    },
    dispose: async () => rmSync(root, { recursive: true }),
  };
});

interface FailingFileSystem extends BlobFileSystem {
  /** From now on calls are counted. */
  arm(): void;
}

/** A file system in which the call numbered `at` of a kind fails, after having done its work if `afterwards`. */
function failing(kind: string, code: string, { afterwards = false, at = 1 } = {}): FailingFileSystem {
  let isArmed = false;
  let calls = 0;
  const guard = async <T>(name: string, work: () => Promise<T>): Promise<T> => {
    const fails = isArmed && name === kind && ++calls === at;
    if (!fails || afterwards) {
      const result = await work();
      if (!fails) return result;
    }
    throw Object.assign(new Error(`${code}: injected`), { code });
  };
  const open = async (...args: Parameters<typeof nodeFileSystem.open>) => {
    const handle = await guard('open', () => nodeFileSystem.open(...args));
    const isFolder = (await handle.stat()).isDirectory();
    const { sync, writeFile } = handle;
    handle.sync = () => guard(isFolder ? 'folder sync' : 'file sync', () => sync.call(handle));
    handle.writeFile = (...written) => guard('write', () => writeFile.apply(handle, written));
    return handle;
  };
  return {
    ...nodeFileSystem,
    open,
    rename: (...args) => guard('rename', () => nodeFileSystem.rename(...args)),
    arm: () => {
      isArmed = true;
    },
  };
}

describe('a folder of blobs', () => {
  let root: string;
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'hanse-blobs-'));
  });
  afterEach(() => rmSync(root, { recursive: true }));
  /** What a new process would find. */
  const listed = async () => {
    const names: string[] = [];
    for await (const name of (await openFileBlobStore(root)).list()) names.push(name);
    return names;
  };

  test('keeps each blob in a private file named by its hash', async () => {
    await (await openFileBlobStore(join(root, 'blobs'))).put(abc, MIB);
    const file = fileOf(join(root, 'blobs'), ABC);
    expect(readFileSync(file, 'utf8')).toBe('abc');
    expect(statSync(file).mode & 0o777).toBe(0o600);
    for (const folder of ['blobs', 'blobs/ba', 'blobs/temporary'])
      expect(statSync(join(root, folder)).mode & 0o777).toBe(0o700);
  });

  test('sweeps what killed puts have left, and nothing else', async () => {
    const blobs = await openFileBlobStore(root);
    await blobs.put(abc, MIB);
    for (const name of ['half', 'other']) writeFileSync(join(root, 'temporary', name), 'ab');
    expect(await blobs.sweepTemporary()).toBe(2);
    expect(await blobs.sweepTemporary()).toBe(0);
    writeFileSync(join(root, 'temporary', 'half'), 'ab');
    expect(await listed()).toEqual([ABC]);
    expect(readdirSync(join(root, 'temporary'))).toEqual([]);
  });

  test('ignores files that are no blobs', async () => {
    await openFileBlobStore(root);
    writeFileSync(join(root, 'ba', 'README'), '');
    writeFileSync(fileOf(root, ABC), abc);
    expect(await listed()).toEqual([ABC]);
  });

  // Whole content may stay behind after a failure; a part never, and nothing was acknowledged.
  test.each([
    ['open', 'ENOSPC', false, 'storageFull', []],
    ['write', 'ENOSPC', false, 'storageFull', []],
    ['write', 'EDQUOT', true, 'storageFull', []],
    ['file sync', 'EIO', false, 'storageFailed', []],
    ['file sync', 'ENOSPC', true, 'storageFull', []],
    ['rename', 'ENOSPC', false, 'storageFull', []],
    ['rename', 'EIO', true, 'storageFailed', [ABC]],
    ['folder sync', 'EIO', false, 'storageFailed', [ABC]],
    ['folder sync', 'EIO', true, 'storageFailed', [ABC]],
  ])('%s failing with %s (done: %s) is %s and leaves %j', async (kind, code, afterwards, problem, left) => {
    const fileSystem = failing(kind, code, { afterwards });
    const blobs = await openFileBlobStore(root, fileSystem);
    fileSystem.arm();
    await expect(blobs.put(abc, MIB)).rejects.toMatchObject({ code: problem, detail: { path: root } });
    if (kind !== 'open') expect(readdirSync(join(root, 'temporary'))).toEqual([]);
    expect(await listed()).toEqual(left);
    // The fault is past: the same put succeeds.
    expect(await blobs.put(abc, MIB)).toMatchObject({ sha256: ABC });
    expect(await listed()).toEqual([ABC]);
  });

  test('a disk that fills up in the middle of a stream keeps nothing and closes the source', async () => {
    const fileSystem = failing('write', 'ENOSPC', { at: 3 });
    const blobs = await openFileBlobStore(root, fileSystem);
    let isClosed = false;
    async function* endless() {
      try {
        for (;;) yield new Uint8Array(1000);
      } finally {
        isClosed = true;
      }
    }
    fileSystem.arm();
    await expect(blobs.put(endless(), MIB)).rejects.toMatchObject({ code: 'storageFull' });
    expect(isClosed).toBe(true);
    expect(readdirSync(join(root, 'temporary'))).toEqual([]);
    expect(await listed()).toEqual([]);
    await blobs.put(abc, MIB);
    expect(await listed()).toEqual([ABC]);
  });

  test('a folder that cannot be made is storageFailed', async () => {
    writeFileSync(join(root, 'file'), '');
    await expect(openFileBlobStore(join(root, 'file', 'blobs'))).rejects.toMatchObject({
      code: 'storageFailed',
    });
    await openFileBlobStore(join(root, 'folder', 'blobs'));
  });
});
