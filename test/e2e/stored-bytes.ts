/**
 * Searching all that a coordinator has stored for bytes that it should never have been sent.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Files below the folder that hold the bytes, each by its path. */
export function filesHolding(folder: string, bytes: Uint8Array): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((file) => readFileSync(file).includes(Buffer.from(bytes)));
}
