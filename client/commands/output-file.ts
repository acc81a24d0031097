/**
 * Writing what a command was asked to write, where it was asked to; a folder that is not there is made.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { HanseError } from '../../protocol/problem.ts';

/** Throws `storageFailed`. */
export async function writeOutput(path: string, bytes: Uint8Array): Promise<void> {
  try {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, bytes);
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code ?? String(error);
    throw new HanseError('storageFailed', { path, reason }, { cause: error });
  }
}
