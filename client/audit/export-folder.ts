/**
 * A log as a folder of files that stock tools and strangers verify, without whoever runs the log: tiles, bundles, checkpoint and
 * keys at the paths of C2SP tlog-tiles, and beside them what entries name by its hash. SPEC.md 13.6.
 *
 * Nothing is verified here, so that a log that was tampered with can be shown to others as it is. One tile is in memory at a time,
 * and one record; whatever the log has. The checkpoint is written last: a folder without one is not whole.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Static, type TSchema, Type } from 'typebox';
import { parseCheckpoint } from '../../protocol/audit/checkpoint.ts';
import { decodeBundle } from '../../protocol/audit/entry-bundle.ts';
import type { ExportSource } from '../../protocol/audit/export-source.ts';
import { decodeLeaf } from '../../protocol/audit/leaf.ts';
import {
  contentNamedBy,
  contentNamedByRecord,
  mayNameContent,
  type NamedContent,
} from '../../protocol/audit/named-content.ts';
import { newTiles, TILE_WIDTH, type Tile, tilePath } from '../../protocol/audit/tile.ts';
import { toHex, utf8 } from '../../protocol/bytes.ts';
import { parseJson } from '../../protocol/parse.ts';
import { HanseError, isProblem } from '../../protocol/problem.ts';
import type { AuditEvent } from '../../schemas/audit-event.ts';
import { type JobId, Sha256 } from '../../schemas/ids.ts';
import { SignedRecord } from '../../schemas/secagg.ts';
import { contentPath, FolderWriter } from './folder-writer.ts';

/** As much of a manifest as is looked at. */
const NamingModel = Type.Object({ initialModel: Sha256 });

export interface ExportOptions {
  /** Else tiles, checkpoint and keys alone. */
  readonly content: boolean;
  /** Content of this job alone. */
  readonly jobId?: JobId;
  /** With what opens salted fields, which tells who took part. */
  readonly salts: boolean;
  /** After each file of the log. */
  readonly progress: (written: {
    readonly tiles: number;
    readonly of: number;
    readonly content: number;
  }) => void;
  /** What is not as it should be, and goes into the folder as it is, or not at all. */
  readonly note: (line: string) => void;
  readonly signal: AbortSignal;
}

export interface ExportedFolder {
  /** Absolute. */
  readonly folder: string;
  /** Of the checkpoint, in leaves. */
  readonly size: number;
  /** Hex. */
  readonly root: string;
  /** Files: tiles of hashes, and bundles of entries. */
  readonly tiles: number;
  /** Files. */
  readonly content: number;
  /** Names in entries and records of content that is gone, or damaged. */
  readonly missing: number;
  /** Of all files. */
  readonly bytes: number;
}

/**
 * @param folder that is not there, or empty. What a failure leaves in it has no checkpoint
 * @throws folderNotEmpty, jobUnknown, interrupted, storageFull, storageFailed; noteMalformed, checkpointMalformed, tileMalformed
 *   for a log that has no such form; what the source throws
 */
export async function exportFolder(
  source: ExportSource,
  folder: string,
  options: ExportOptions,
): Promise<ExportedFolder> {
  const { jobId } = options;
  if (jobId !== undefined && !(await source.manifest(jobId))) throw new HanseError('jobUnknown', { jobId });
  const note = await source.checkpoint();
  const { size, root } = parseCheckpoint(note);
  const writer = await FolderWriter.create(folder);
  const contents = new ContentExport(source, writer, options);
  const of = tilesOf(size);
  let tiles = 0;
  for (const tile of newTiles(0, size)) {
    if (options.signal.aborted) throw new HanseError('interrupted');
    const bytes = await source.tile(tile);
    await writer.write(tilePath(tile), [bytes]);
    tiles += 1;
    if (tile.level === 'entries' && options.content) await contents.addNamedBy(tile, bytes);
    options.progress({ tiles, of, content: contents.written });
  }
  if (options.salts) await writer.write('salts.jsonl', saltLines(source, size), 0o600);
  await writer.write('log.vkey', [utf8(`${await source.verifierKey()}\n`)]);
  await writer.write('witness-policy', [utf8(await source.policy())]);
  await writer.write('checkpoint', [utf8(note)]);
  const { written: content, missing } = contents;
  return { folder: writer.path, size, root: toHex(root), tiles, content, missing, bytes: writer.bytes };
}

/** Of all levels, and bundles of entries. */
function tilesOf(size: number): number {
  let [tiles, hashes] = [Math.ceil(size / TILE_WIDTH), size];
  for (; hashes > 0; hashes = Math.floor(hashes / TILE_WIDTH)) tiles += Math.ceil(hashes / TILE_WIDTH);
  return tiles;
}

/** Salts in hex; values as the text that was hashed with them. */
async function* saltLines(source: ExportSource, size: number): AsyncGenerator<Uint8Array> {
  for await (const { index, pointer, salt, value } of source.saltedFields(size))
    yield utf8(`${JSON.stringify({ index, pointer, salt: toHex(salt), value })}\n`);
}

/** What entries name by its hash. */
class ContentExport {
  written = 0;
  missing = 0;
  readonly #source: ExportSource;
  readonly #writer: FolderWriter;
  readonly #options: ExportOptions;

  constructor(source: ExportSource, writer: FolderWriter, options: ExportOptions) {
    this.#source = source;
    this.#writer = writer;
    this.#options = options;
  }

  /** @param bundle the bytes of this tile of entries */
  async addNamedBy(tile: Tile, bundle: Uint8Array): Promise<void> {
    for (const [at, entry] of decodeBundle(bundle, tile.width).entries()) {
      const named = this.#namedBy(entry, tile.index * TILE_WIDTH + at);
      if (!named || (this.#options.jobId ?? named.jobId) !== named.jobId) continue;
      if (this.#options.signal.aborted) throw new HanseError('interrupted');
      if (named.of === 'job') await this.#addJob(named.jobId, named.manifest);
      else {
        for (const sha256 of named.contents) await this.#add(sha256);
        if (named.record) await this.#addRecord(named.record);
      }
    }
  }

  #namedBy(entry: Uint8Array, index: number): NamedContent | undefined {
    if (!mayNameContent(entry)) return undefined;
    let event: AuditEvent;
    try {
      event = decodeLeaf(entry);
    } catch (error) {
      if (!isProblem(error, 'leafMalformed')) throw error;
      this.#options.note(`entry ${index} is no event that is known: what it names is not looked for`);
      return undefined;
    }
    return contentNamedBy(event);
  }

  async #addJob(jobId: JobId, sha256: Sha256): Promise<void> {
    const bytes = await this.#source.manifest(jobId);
    if (!bytes) this.missing += 1;
    if (!bytes || !(await this.#add(sha256, [bytes]))) return;
    const manifest = await this.#parsed(NamingModel, sha256);
    if (manifest) await this.#add(manifest.initialModel);
  }

  async #addRecord(sha256: Sha256): Promise<void> {
    if (!(await this.#add(sha256))) return;
    const signed = await this.#parsed(SignedRecord, sha256);
    for (const named of signed ? contentNamedByRecord(signed) : []) {
      if (this.#options.signal.aborted) throw new HanseError('interrupted');
      await this.#add(named);
    }
  }

  /** Whether it is in the folder now. */
  async #add(
    sha256: Sha256,
    pieces: Iterable<Uint8Array> | AsyncIterable<Uint8Array> = this.#source.content(sha256),
  ): Promise<boolean> {
    if (this.#writer.has(contentPath(sha256))) return true;
    try {
      await this.#writer.writeContent(sha256, pieces);
      this.written += 1;
      return true;
    } catch (error) {
      const isDamaged = isProblem(error, 'hashMismatch') || isProblem(error, 'storageCorrupt');
      if (!isDamaged && !isProblem(error, 'blobUnknown')) throw error;
      if (isDamaged) this.#options.note(`content ${sha256} is damaged, and left out`);
      this.missing += 1;
      return false;
    }
  }

  /** What is in the folder under this hash; undefined for a form that a newer version may have. */
  async #parsed<Schema extends TSchema>(schema: Schema, sha256: Sha256): Promise<Static<Schema> | undefined> {
    const bytes = await readFile(join(this.#writer.path, contentPath(sha256)));
    try {
      return parseJson(schema, new TextDecoder().decode(bytes), 'content');
    } catch (error) {
      if (!isProblem(error, 'invalidFormat')) throw error;
      this.#options.note(`content ${sha256} has no form that is known: what it names is not looked for`);
      return undefined;
    }
  }
}
