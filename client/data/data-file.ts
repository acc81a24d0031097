/**
 * Opening the files of a data set, with failures told as problems. Node only.
 */
import { type FileHandle, open, stat } from 'node:fs/promises';
import { HanseError } from '../../protocol/problem.ts';

/**
 * Opens a file, passes it on, and closes it whatever happens. Throws `dataFileMissing`, also for what is no file: to
 * open a pipe waits for whoever writes to it.
 */
export async function withDataFile<Result>(
  file: string,
  use: (handle: FileHandle) => Promise<Result>,
): Promise<Result> {
  const missing = (cause?: unknown) => new HanseError('dataFileMissing', { file }, { cause });
  const found = await stat(file).catch((cause: unknown) => {
    throw missing(cause);
  });
  if (!found.isFile()) throw missing();
  const handle = await open(file, 'r').catch((cause: unknown) => {
    throw missing(cause);
  });
  try {
    return await use(handle);
  } finally {
    await handle.close();
  }
}

/**
 * The whole content. Throws `dataFileMissing`.
 * @param limitBytes a larger file is `dataMalformed`
 */
export function readDataFile(file: string, limitBytes = Number.POSITIVE_INFINITY): Promise<Uint8Array> {
  return withDataFile(file, async (handle) => {
    const { size } = await handle.stat();
    if (size > limitBytes) {
      const reason = `${size} bytes; at most ${limitBytes} are read`;
      throw new HanseError('dataMalformed', { file, reason });
    }
    return new Uint8Array(await handle.readFile());
  });
}
