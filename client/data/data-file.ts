/**
 * Opening the files of a data set, with failures told as problems. Node only.
 */
import { type FileHandle, open } from 'node:fs/promises';
import { HanseError } from '../../protocol/problem.ts';

/** Opens a file, passes it on, and closes it whatever happens. Throws `dataFileMissing`. */
export async function withDataFile<Result>(
  file: string,
  use: (handle: FileHandle) => Promise<Result>,
): Promise<Result> {
  const handle = await open(file, 'r').catch((cause: unknown) => {
    throw new HanseError('dataFileMissing', { file }, { cause });
  });
  try {
    return await use(handle);
  } finally {
    await handle.close();
  }
}

/** The whole content. Throws `dataFileMissing`, also for a directory. */
export function readDataFile(file: string): Promise<Uint8Array> {
  return withDataFile(file, async (handle) => {
    if (!(await handle.stat()).isFile()) throw new HanseError('dataFileMissing', { file });
    return new Uint8Array(await handle.readFile());
  });
}
