/**
 * Content by its hash in the browser's own file system, so that a returning tab need not fetch a model again. WHATWG File
 * System Standard, the origin private file system. Used only where the owner wants it; whatever fails there, the content
 * is fetched as if it were not.
 */
import { primitives } from '#primitives';
import { toHex } from '../../protocol/bytes.ts';
import type { RouteResponse } from '../../protocol/routes.ts';
import type { CoordinatorApi } from '../coordinator-api.ts';
import type { ModelShelf } from './tab-platform.ts';

const FOLDER = 'hanse-models';
/** Files that are kept; the oldest go. */
const KEPT = 8;

/** The origin's folder, or a rejection where a browser has none. */
export type OpenRoot = () => Promise<FileSystemDirectoryHandle>;

export function opfsModels(openRoot: OpenRoot): ModelShelf {
  return {
    around: (api) => keeping(api, openRoot),
    forget: async () => {
      const root = await openRoot().catch(() => undefined);
      await root?.removeEntry(FOLDER, { recursive: true }).catch(() => {}); // there was none
    },
  };
}

function keeping(api: CoordinatorApi, openRoot: OpenRoot): CoordinatorApi {
  return {
    call: async (name, request, options) => {
      if (name !== 'getBlob') return api.call(name, request, options);
      const { sha256 } = (request as { readonly params: { readonly sha256: string } }).params;
      const folder = await folderIn(openRoot);
      const kept = folder && (await readKept(folder, sha256));
      if (kept) return kept as RouteResponse<typeof name>;
      const fetched = await api.call(name, request, options);
      if (folder) await keep(folder, sha256, fetched as Uint8Array<ArrayBuffer>);
      return fetched;
    },
  };
}

async function folderIn(openRoot: OpenRoot): Promise<FileSystemDirectoryHandle | undefined> {
  try {
    return await (await openRoot()).getDirectoryHandle(FOLDER, { create: true });
  } catch {
    return undefined;
  }
}

/** Undefined for what is not there, or is not what its name says. */
async function readKept(folder: FileSystemDirectoryHandle, sha256: string): Promise<Uint8Array | undefined> {
  try {
    const file = await (await folder.getFileHandle(sha256)).getFile();
    const bytes = new Uint8Array(await file.arrayBuffer());
    if (toHex(await primitives.sha256(bytes)) === sha256) return bytes;
    await folder.removeEntry(sha256);
  } catch {
    // as if it had never been kept
  }
  return undefined;
}

async function keep(
  folder: FileSystemDirectoryHandle,
  sha256: string,
  bytes: Uint8Array<ArrayBuffer>,
): Promise<void> {
  try {
    const writable = await (await folder.getFileHandle(sha256, { create: true })).createWritable();
    await writable.write(bytes);
    await writable.close();
    await forgetOldest(folder);
  } catch {
    await folder.removeEntry(sha256).catch(() => {}); // full, or not permitted: it is fetched again
  }
}

async function forgetOldest(folder: FileSystemDirectoryHandle): Promise<void> {
  const files: { name: string; at: number }[] = [];
  for await (const handle of folder.values()) {
    if (handle.kind !== 'file') continue;
    const { lastModified } = await (handle as FileSystemFileHandle).getFile();
    files.push({ name: handle.name, at: lastModified });
  }
  files.sort((a, b) => b.at - a.at);
  for (const { name } of files.slice(KEPT)) await folder.removeEntry(name);
}
