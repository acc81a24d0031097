/**
 * Writing what a command was asked to write, where it was asked to; a folder that is not there is made.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { fileProblem } from '../file-problem.ts';

/** @param mode for a file that is not there yet. Throws `storageFull`, `storageFailed`. */
export function writeOutput(path: string, content: string | Uint8Array, mode = 0o666): Promise<void> {
  return attempt(path, async () => {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, content, { mode });
  });
}

/** Makes a folder, and those above it; one that is there will do. Throws `storageFull`, `storageFailed`. */
export async function makeOutputFolder(path: string, mode = 0o777): Promise<void> {
  await attempt(path, () => mkdir(path, { recursive: true, mode }));
}

async function attempt<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw fileProblem(path, error);
  }
}
