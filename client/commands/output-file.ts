/**
 * Writing what a command was asked to write, where it was asked to.
 */
import { writeFile } from 'node:fs/promises';
import { HanseError } from '../../protocol/problem.ts';

/** Throws `storageFailed`. */
export async function writeOutput(path: string, bytes: Uint8Array): Promise<void> {
  try {
    await writeFile(path, bytes);
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code ?? String(error);
    throw new HanseError('storageFailed', { path, reason }, { cause: error });
  }
}
