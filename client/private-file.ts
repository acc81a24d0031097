/**
 * Files of JSON that their owner alone may read, and that are replaced as a whole or not at all. SPEC.md section 4.5.
 * Node only.
 */
import { randomUUID } from 'node:crypto';
import { access, type FileHandle, link, mkdir, open, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Static, TSchema } from 'typebox';
import { parseJson } from '../protocol/parse.ts';
import { HanseError, isProblem } from '../protocol/problem.ts';
import { fileProblem, isOfThePath } from './file-problem.ts';

/** The problem of a file that cannot be used, with why; nothing of its content is in the reason. */
type Unusable = (reason: string, cause?: unknown) => HanseError;

/**
 * Refuses a file that others can read.
 * @param what for messages
 * @param unusable makes the problem that is thrown; its `cause` tells by `ENOENT` that there is no file
 */
export async function readPrivately<Form extends TSchema>(
  form: Form,
  file: string,
  what: string,
  unusable: Unusable,
): Promise<Static<Form>> {
  let text: string;
  try {
    const { mode } = await stat(file);
    if (process.platform !== 'win32' && (mode & 0o077) !== 0)
      throw unusable(`others may read it: mode ${(mode & 0o777).toString(8)}`);
    text = await readFile(file, 'utf8');
  } catch (error) {
    if (error instanceof HanseError) throw error;
    throw unusable((error as NodeJS.ErrnoException).code ?? String(error), error);
  }
  try {
    return parseJson(form, text, what);
  } catch (error) {
    throw unusable(`it is not ${what}`, error);
  }
}

/**
 * Write beside, flush, rename, flush the folder: rename(2), fsync(2). The folder is made where there is none.
 * @throws what `unusable` makes if the path cannot be used; `storageFull`, `storageFailed`
 */
export async function writePrivately(file: string, content: object, unusable: Unusable): Promise<void> {
  await write(file, content, unusable, rename);
}

/** As `writePrivately`, but never in place of another file: link(2). */
export async function writeOncePrivately(file: string, content: object, unusable: Unusable): Promise<void> {
  await write(file, content, unusable, async (temporary) => {
    await link(temporary, file).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error;
      throw unusable('there is a file already, which is never overwritten', error);
    });
    await rm(temporary, { force: true });
  });
}

async function write(
  file: string,
  content: object,
  unusable: Unusable,
  put: (temporary: string, file: string) => Promise<void>,
): Promise<void> {
  const temporary = `${file}.${randomUUID()}`;
  try {
    const handle = await openNew(temporary);
    try {
      await handle.writeFile(`${JSON.stringify(content, null, 2)}\n`);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await put(temporary, file);
    await flushFolder(dirname(file));
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => {}); // the first failure is the one to tell
    if (error instanceof HanseError) throw error;
    if (!isOfThePath(error)) throw fileProblem(file, error);
    throw unusable(`it cannot be written: ${(error as NodeJS.ErrnoException).code}`, error);
  }
}

/** Its folder is nearly always there: that is found out by opening, which costs nothing more. */
async function openNew(file: string): Promise<FileHandle> {
  try {
    return await open(file, 'wx', 0o600);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    await mkdir(dirname(file), { recursive: true, mode: 0o700 });
    return open(file, 'wx', 0o600);
  }
}

/** Whether anything has this name; that it can be read is not said. */
export function isThere(file: string): Promise<boolean> {
  return access(file).then(
    () => true,
    () => false,
  );
}

/** Undefined where the problem is that there is no file; any other is thrown again. */
export function unlessMissing(error: unknown): undefined {
  const { cause } = error as { cause?: { code?: string } };
  if (!isProblem(error) || cause?.code !== 'ENOENT') throw error;
}

/** Makes the entries of a folder durable. Windows does so by itself and opens no folders. */
export async function flushFolder(folder: string): Promise<void> {
  if (process.platform === 'win32') return;
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
