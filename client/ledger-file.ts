/**
 * The lines of a privacy ledger in a file beside the identity of the node: `identity.json.ledger`. Node only.
 *
 * It is only ever appended to. Whoever is killed while he writes leaves a last line without its end, which nobody has
 * relied on: write(2), then fsync(2), then the answer.
 */
import { type FileHandle, open, readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { fileProblem } from './file-problem.ts';
import type { LedgerStore } from './privacy-ledger.ts';
import { flushFolder } from './private-file.ts';

/** Of the file. */
export function ledgerPath(identityFile: string): string {
  return `${identityFile}.ledger`;
}

/**
 * All of it throws `storageFull`, `storageFailed`.
 * @param identityFile path of the file beside which it lies, locked by this process where it is written
 */
export function ledgerFile(identityFile: string): LedgerStore {
  const path = ledgerPath(identityFile);
  const use = async <T>(flags: string, work: (handle: FileHandle) => Promise<T>): Promise<T> => {
    try {
      const handle = await open(path, flags, 0o600);
      try {
        return await work(handle);
      } finally {
        await handle.close();
      }
    } catch (error) {
      throw fileProblem(path, error);
    }
  };
  let isThere = false;
  return {
    name: path,
    read: async () => {
      try {
        const text = await readFile(path, 'utf8');
        isThere = true;
        return text;
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
        throw fileProblem(path, error);
      }
    },
    append: (lines) =>
      use('a', async (handle) => {
        await handle.writeFile(lines);
        await handle.sync();
        if (!isThere) await flushFolder(dirname(path));
        isThere = true;
      }),
    cut: (bytes) =>
      use('a', async (handle) => {
        await handle.truncate(bytes);
        await handle.sync();
      }),
  };
}
