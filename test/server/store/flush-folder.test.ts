import { mkdtempSync, rmSync } from 'node:fs';
import * as nodeFiles from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { flushFolder } from '../../../server/store/flush-folder.ts';

/** Files of which it is told what is done to them. */
function recorded(sync: () => Promise<void>) {
  const done: string[] = [];
  const open = async (path: string, flags: string) => {
    done.push(`open ${path} ${flags}`);
    return {
      sync: () => {
        done.push('sync');
        return sync();
      },
      close: async () => {
        done.push('close');
      },
    };
  };
  return { done, open };
}

test('the folder is opened, flushed and closed, also where flushing fails', async () => {
  const good = recorded(async () => {});
  await flushFolder(good, '/data');
  expect(good.done).toEqual(['open /data r', 'sync', 'close']);
  const bad = recorded(() => Promise.reject(new Error('EIO')));
  await expect(flushFolder(bad, '/data')).rejects.toThrow('EIO');
  expect(bad.done).toEqual(good.done);
});

test('the file system takes it for a folder that is there, and for no other', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'hanse-flush-'));
  try {
    await expect(flushFolder(nodeFiles, folder)).resolves.toBeUndefined();
    await expect(flushFolder(nodeFiles, join(folder, 'none'))).rejects.toMatchObject({ code: 'ENOENT' });
  } finally {
    rmSync(folder, { recursive: true });
  }
});
