/**
 * The log of a data directory as something to be verified on its own host, without a copy of what its entries name. Everything is
 * only read, so the coordinator may be running. SPEC.md 13.8.
 */
import { primitives } from '#primitives';
import { parseCheckpoint } from '../protocol/audit/checkpoint.ts';
import type { LogSource } from '../protocol/audit/log-source.ts';
import { concatBytes, toHex } from '../protocol/bytes.ts';
import { HanseError, isProblem } from '../protocol/problem.ts';
import { openAuditExportSource } from './audit-export-source.ts';
import { readRecords } from './read-records.ts';

/** A source that is let go of. */
export interface StoredLogSource extends LogSource {
  /** As the data directory has it: whoever verifies for others pins another copy. */
  verifierKey(): Promise<string>;
  /** By which its checkpoint is witnessed, as the data directory has it. */
  policy(): Promise<string>;
  close(): Promise<void>;
}

/**
 * @param path of the data directory of a coordinator. Throws as `readRecords`, and storageCorrupt
 * @param isOpened whether what opens salted fields is told too
 */
export async function openStoredLogSource(
  path: string,
  { isOpened = false }: { readonly isOpened?: boolean } = {},
): Promise<StoredLogSource> {
  const source = openAuditExportSource(path);
  try {
    const manifests = new Map<string, string>();
    for (const jobId of await jobsOf(path)) {
      const manifest = await source.manifest(jobId);
      if (manifest) manifests.set(toHex(await primitives.sha256(manifest)), jobId);
    }
    return {
      checkpoint: () => source.checkpoint(),
      tile: (tile) => source.tile(tile),
      async content(sha256, limitBytes) {
        const jobId = manifests.get(sha256);
        if (jobId !== undefined) return source.manifest(jobId);
        try {
          return await collect(source.content(sha256), limitBytes);
        } catch (error) {
          if (isProblem(error, 'blobUnknown')) return undefined;
          throw error;
        }
      },
      async *salts() {
        if (!isOpened) return;
        const { size } = parseCheckpoint(await source.checkpoint());
        for await (const { index, pointer, salt, value } of source.saltedFields(size))
          yield { index, pointer, salt: toHex(salt), value };
      },
      verifierKey: () => source.verifierKey(),
      policy: () => source.policy(),
      close: () => source.close(),
    };
  } catch (error) {
    await source.close();
    throw error;
  }
}

async function jobsOf(path: string): Promise<string[]> {
  const { store, close } = readRecords(path);
  try {
    return (await store.streams('job/')).map(({ stream }) => stream.slice('job/'.length));
  } finally {
    await close();
  }
}

async function collect(pieces: AsyncIterable<Uint8Array>, limitBytes: number): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const piece of pieces) {
    length += piece.length;
    if (length > limitBytes) throw new HanseError('bodyTooLarge', { limitBytes });
    parts.push(piece);
  }
  return concatBytes(...parts);
}
