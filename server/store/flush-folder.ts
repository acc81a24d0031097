/**
 * Makes the entries of a folder durable: a file that is new or renamed is certain to be found after a crash only then.
 * rename(2), fsync(2).
 */
import type { FileHandle } from 'node:fs/promises';

interface Files {
  open(path: string, flags: string): Promise<Pick<FileHandle, 'sync' | 'close'>>;
}

export async function flushFolder(files: Files, folder: string): Promise<void> {
  const handle = await files.open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
