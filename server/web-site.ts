/**
 * The pages for browsers as they were built: which files there are, read once, at the start. Requests are compared with this
 * table, and no path is ever made of what a request says.
 */
import { open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { Type } from 'typebox';
import { parseJson } from '../protocol/parse.ts';
import { SIGN_IN_PATH } from '../protocol/sign-in-link.ts';

export interface WebFile {
  readonly mediaType: string;
  /** The name holds a hash of the content: what was read once never changes. */
  readonly isImmutable: boolean;
  /** Strong entity tag, with its quotes. */
  readonly etag: string;
  readonly plain: WebBody;
  /** By brotli; absent where the plain file is as small. */
  readonly compressed?: WebBody;
}

export interface WebBody {
  readonly bytes: number;
  /** Small bodies are held, the others read from the disk each time. Rejects where a file is not what it was. */
  open(): Promise<Uint8Array | Readable>;
}

/** Files by the path under which they are asked for. */
export type WebSite = ReadonlyMap<string, WebFile>;

const Manifest = Type.Record(
  Type.String(),
  Type.Object({
    bytes: Type.Integer({ minimum: 0 }),
    compressedBytes: Type.Integer({ minimum: 0 }),
    integrity: Type.String({ pattern: '^sha384-[A-Za-z0-9+/=]{64}$' }),
  }),
);

/** Beyond it a file stays on the disk: ONNX Runtime alone has tens of megabytes. */
const HELD_BYTES = 2 ** 20;

const MEDIA_TYPES: Readonly<Record<string, string>> = {
  html: 'text/html; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  mjs: 'text/javascript; charset=utf-8',
  css: 'text/css; charset=utf-8',
  json: 'application/json',
  svg: 'image/svg+xml',
  wasm: 'application/wasm',
};

/** Addresses of the pages, by their files: that of a participant has that of invite links, and one to remember. */
const PATHS_OF: Readonly<Record<string, readonly string[]>> = {
  'index.html': ['/', '/join'],
  'sign-in.html': [SIGN_IN_PATH],
};
export const PAGE_PATHS: readonly string[] = Object.values(PATHS_OF).flat();
/** Where the hashes of all files are told. */
const MANIFEST_PATH = '/assets/manifest.json';

/** @returns undefined where nothing was built; throws `invalidFormat` if the list of files is none, and what reading them throws */
export async function openWebSite(folder: string): Promise<WebSite | undefined> {
  const text = await readFile(join(folder, 'manifest.json'), 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  const site = new Map<string, WebFile>();
  for (const [name, { bytes, compressedBytes, integrity }] of Object.entries(
    parseJson(Manifest, text, 'manifest.json of the page'),
  )) {
    const file: WebFile = {
      mediaType: mediaTypeOf(name),
      isImmutable: name.startsWith('assets/'),
      etag: `"${integrity}"`,
      plain: await bodyOf(join(folder, name), bytes),
      ...(compressedBytes < bytes && {
        compressed: await bodyOf(join(folder, `${name}.br`), compressedBytes),
      }),
    };
    for (const path of PATHS_OF[name] ?? [`/${name}`]) site.set(path, file);
  }
  const manifest = new TextEncoder().encode(text);
  site.set(MANIFEST_PATH, {
    mediaType: mediaTypeOf('manifest.json'),
    isImmutable: false,
    etag: `"${site.get('/')?.etag.slice(1, -1)}-list"`,
    plain: { bytes: manifest.length, open: async () => manifest },
  });
  return site;
}

/** @param name that ends as files of its kind do */
export function mediaTypeOf(name: string): string {
  return MEDIA_TYPES[name.slice(name.lastIndexOf('.') + 1)] ?? 'application/octet-stream';
}

async function bodyOf(path: string, bytes: number): Promise<WebBody> {
  if (bytes > HELD_BYTES) return { bytes, open: () => openedFile(path, bytes) };
  const content = await readFile(path);
  return { bytes: content.length, open: async () => content };
}

/** A package may be put in the place of the one that runs: what is promised must not be the length of another file. */
async function openedFile(path: string, bytes: number): Promise<Readable> {
  const file = await open(path);
  const { size } = await file.stat();
  if (size === bytes) return file.createReadStream();
  await file.close();
  throw new Error(`${path} has ${size} bytes, and had ${bytes} when the coordinator was started`);
}
