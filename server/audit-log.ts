/**
 * The audit log of a coordinator: entries in an order that never changes, a Merkle tree over them, and signed checkpoints.
 * C2SP tlog-tiles. SPEC.md chapter 13.
 *
 * Group commit: what is appended while a transaction is under way goes into the next one, with one flush, one root and one
 * signature for all of it. An append that has resolved is on the medium and under a signed checkpoint.
 */
import { primitives } from '#primitives';
import {
  type Checkpoint,
  parseCheckpoint,
  readCheckpoint,
  signCheckpoint,
} from '../protocol/audit/checkpoint.ts';
import { ENTRY_BYTES_MAX, encodeBundle } from '../protocol/audit/entry-bundle.ts';
import { GrowingTree, type TileHash } from '../protocol/audit/growing-tree.ts';
import { decodeLeaf } from '../protocol/audit/leaf.ts';
import type { SaltedField } from '../protocol/audit/salted-field.ts';
import { hashesOfLevel, TILE_WIDTH, type Tile, tilePath } from '../protocol/audit/tile.ts';
import {
  consistencyProofOf,
  HASH_BYTES,
  inclusionProofOf,
  rootOf,
  treeOf,
} from '../protocol/audit/tile-tree.ts';
import type { VerifierKey } from '../protocol/audit/verifier-key.ts';
import { equalBytes } from '../protocol/bytes.ts';
import { leafHash } from '../protocol/merkle.ts';
import type { Signer } from '../protocol/primitives.ts';
import { HanseError, isProblem } from '../protocol/problem.ts';
import type { AuditFile, Cursor } from './store/audit-file.ts';

/** Entries of one transaction, at most: others wait for the next one. */
const BATCH = 8192;

/** Of salted entries that are looked at together: a cohort may have ten thousand names. */
const PLACES = 256;

export interface LogKey {
  /** Of type `note`; its name is the origin of the log. */
  readonly key: VerifierKey;
  readonly signer: Signer;
}

/** What is appended: the bytes of a leaf, and the salts of its salted fields, which are kept beside the tree. */
export interface LogEntry {
  readonly bytes: Uint8Array;
  readonly salted?: readonly SaltedField[];
}

/** A place whose salted members were not all erased. */
export interface SaltedPlace {
  readonly place: number;
  /** RFC 3339, of its entry. */
  readonly time: string;
}

interface Pending {
  readonly entries: readonly LogEntry[];
  readonly cursor: Cursor | undefined;
  readonly resolve: (first: number) => void;
  readonly reject: (problem: unknown) => void;
}

/** Where a log stands. */
interface Head {
  readonly tree: GrowingTree;
  readonly checkpoint: Checkpoint;
  /** As it was signed. */
  readonly note: string;
}

export class AuditLog {
  readonly #file: AuditFile;
  readonly #by: LogKey;
  #head: Head;
  #pending: Pending[] = [];
  #working: Promise<void> | undefined;

  private constructor(file: AuditFile, by: LogKey, head: Head) {
    this.#file = file;
    this.#by = by;
    this.#head = head;
  }

  /**
   * Opens a log where it was left, having checked that its last checkpoint is one of this key, that its root is that of the
   * stored hashes, and that the hashes of the last tile are those of its entries. A new one is signed with no entries.
   * @throws storageCorrupt, originUnknown, noteUnsigned, and what else `readCheckpoint` throws; storageFailed
   */
  static async open(file: AuditFile, by: LogKey): Promise<AuditLog> {
    const head = await storedHead(file, by);
    if (head) return new AuditLog(file, by, head);
    const tree = new GrowingTree();
    const first = await signedHead(tree, by);
    file.grow({ before: 0, entries: [], salted: [], hashes: [], checkpoint: first.note, cursors: [] });
    return new AuditLog(file, by, first);
  }

  /** The last signed checkpoint, as it is. */
  get note(): string {
    return this.#head.note;
  }

  /** By which it is verified. */
  get key(): VerifierKey {
    return this.#by.key;
  }

  get checkpoint(): Checkpoint {
    return this.#head.checkpoint;
  }

  /** Of entries. */
  get size(): number {
    return this.#head.checkpoint.size;
  }

  /**
   * Appends all of the entries one after the other, or none. Resolves to the index of the first once they are durable and under
   * a signed checkpoint.
   * @param entries at least one, each of at most 65,535 bytes. Throws RangeError for others.
   * @param cursor  how far this brings a source, stored with them: events are never twice in the log
   * @throws storageConflict if the cursor would not move on, or another process has written; storageFull, storageFailed. After
   *   the last one, entries are there or are not: a cursor tells
   */
  append(entries: readonly LogEntry[], cursor?: Cursor): Promise<number> {
    if (entries.length === 0 || entries.length > BATCH)
      throw new RangeError(`${entries.length} entries at once`);
    for (const { bytes } of entries)
      if (bytes.length > ENTRY_BYTES_MAX) throw new RangeError(`an entry of ${bytes.length} bytes`);
    return new Promise((resolve, reject) => {
      this.#pending.push({ entries, cursor, resolve, reject });
      this.#working ??= this.#work();
    });
  }

  /** How far this source is in the log: 0 before anything of it is. */
  cursor(source: string): number {
    return this.#file.cursor(source);
  }

  /** Moves the cursor of a source that adds no entries by itself. @throws storageConflict if it would not move on; storageFailed */
  moveCursor(cursor: Cursor): void {
    const nothing = { before: this.size, entries: [], salted: [], hashes: [] };
    this.#file.grow({ ...nothing, checkpoint: this.note, cursors: [cursor] });
  }

  /** The salted fields of an entry that were not erased. */
  saltedFields(index: number): SaltedField[] {
    return this.#file.saltedFields(index);
  }

  /** Those of `count` entries from a place on. */
  saltedFieldsFrom(from: number, count: number): (SaltedField & { readonly place: number })[] {
    return this.#file.saltedFieldsFrom(from, count);
  }

  /** Up to `count` entries from a place on, below the size. */
  entries(from: number, count: number): Uint8Array[] {
    return this.#file.entries(from, Math.max(0, Math.min(count, this.size - from)));
  }

  /** Erases the salt and the value of a field for good. What was signed stays, and so does every proof. */
  eraseField(index: number, pointer: string): boolean {
    return this.#file.eraseField(index, pointer);
  }

  /** A page of the entries that have salted fields which were not erased, from an index on. @throws leafMalformed, storageFailed */
  saltedPlaces(from: number): SaltedPlace[] {
    return this.#file.saltedPlaces(from, PLACES).map((place) => {
      const [entry] = this.#file.entries(place, 1);
      return { place, time: decodeLeaf(entry ?? new Uint8Array()).time };
    });
  }

  /** Erases all salted fields of entries before this one; returns how many. */
  eraseBefore(index: number): number {
    return this.#file.eraseBefore(index);
  }

  /** Salted fields whose value, as JSON, holds one of these texts. */
  holding(texts: readonly string[]): { readonly place: number; readonly pointer: string }[] {
    return texts.flatMap((text) => this.#file.saltsHolding(text));
  }

  /** A tile, or a bundle of entries, of the log as it is. @throws tileUnknown if it has none so wide at this place */
  async tile(tile: Tile): Promise<Uint8Array> {
    const hashes = tile.level === 'entries' ? this.size : hashesOfLevel(this.size, tile.level);
    if (tile.index * TILE_WIDTH + tile.width > hashes)
      throw new HanseError('tileUnknown', { path: tilePath(tile), size: this.size });
    return readTile(this.#file, tile);
  }

  /** That the leaf of this index is in the log of this size. Throws RangeError beyond it, or beyond what is signed. */
  inclusionProof(index: number, size: number): Promise<Uint8Array[]> {
    return inclusionProofOf((tile) => this.#wide(tile), index, this.#within(size));
  }

  /** That the log of this size goes on from the old one. Throws RangeError beyond it, or beyond what is signed. */
  consistencyProof(oldSize: number, size: number): Promise<Uint8Array[]> {
    return consistencyProofOf((tile) => this.#wide(tile), oldSize, this.#within(size));
  }

  /** Of the log when it had this size. */
  rootAt(size: number): Promise<Uint8Array> {
    return rootOf((tile) => this.#wide(tile), this.#within(size));
  }

  /** Resolves once everything that was appended has been answered. */
  async settled(): Promise<void> {
    while (this.#working) await this.#working;
  }

  #within(size: number): number {
    if (!(Number.isInteger(size) && size >= 0 && size <= this.size))
      throw new RangeError(`a size of ${size}, of ${this.size}`);
    return size;
  }

  async #wide(tile: Tile): Promise<Uint8Array> {
    return readTile(this.#file, tile);
  }

  async #work(): Promise<void> {
    // What is issued together goes together.
    await Promise.resolve();
    while (this.#pending.length > 0) {
      const batch = this.#take();
      // What was answered is not tried again: entries that are there after all would come twice.
      if ((await this.#commit(batch, batch.length === 1)) || batch.length === 1) continue;
      // One that cannot be is no reason to refuse the others.
      for (const one of batch) await this.#commit([one], true);
    }
    this.#working = undefined;
  }

  #take(): Pending[] {
    let [count, sum] = [0, 0];
    while (count < this.#pending.length) {
      sum += (this.#pending[count] as Pending).entries.length;
      if (sum > BATCH && count > 0) break;
      count += 1;
    }
    return this.#pending.splice(0, count);
  }

  /** Answers the batch, unless it has failed and is not to be answered then. Never rejects. */
  async #commit(batch: readonly Pending[], isLast: boolean): Promise<boolean> {
    const before = this.size;
    let next: Head | undefined;
    try {
      const tree = this.#head.tree.clone();
      const entries = batch.flatMap((one) => one.entries);
      const hashes: TileHash[] = [];
      for (const { bytes } of entries) hashes.push(...(await tree.add(await leafHash(primitives, bytes))));
      next = await signedHead(tree, this.#by);
      const cursors = batch.flatMap(({ cursor }) => (cursor ? [cursor] : []));
      const salted = entries.flatMap(({ salted = [] }, at) =>
        salted.map((field) => ({ ...field, place: before + at })),
      );
      const bytes = entries.map((entry) => entry.bytes);
      this.#file.grow({ before, entries: bytes, salted, hashes, checkpoint: next.note, cursors });
      this.#head = next;
    } catch (error) {
      // A conflict has stored nothing; of another failure that is not known.
      if (isProblem(error, 'storageConflict') || !(await this.#isStored(next))) {
        if (isLast) for (const one of batch) one.reject(error);
        return false;
      }
    }
    let first = before;
    for (const { entries, resolve } of batch) {
      resolve(first);
      first += entries.length;
    }
    return true;
  }

  /** After a failure: whether the medium has what it was given nevertheless. What it has is where the log goes on from. */
  async #isStored(next: Head | undefined): Promise<boolean> {
    try {
      const stored = await storedHead(this.#file, this.#by);
      const isNext = next !== undefined && stored?.note === next.note;
      if (isNext) this.#head = stored;
      return isNext;
    } catch {
      return false; // the next append fails as this one did
    }
  }
}

/** Undefined for a file without a checkpoint. Throws what `open` throws. */
async function storedHead(file: AuditFile, by: LogKey): Promise<Head | undefined> {
  const note = file.lastCheckpoint();
  if (note === undefined) return undefined;
  const checkpoint = await readCheckpoint(note, by.key);
  const { size, root } = checkpoint;
  const tree = await treeOf(async (tile) => readTile(file, tile), size);
  if (!equalBytes(root, await tree.root()))
    throw corrupt(file, `the hashes of ${size} entries are not those of the signed root`);
  await checkTail(file, size);
  return { tree, checkpoint, note };
}

async function signedHead(tree: GrowingTree, { key, signer }: LogKey): Promise<Head> {
  const note = await signCheckpoint({ size: tree.size, root: await tree.root() }, key, signer);
  return { tree, note, checkpoint: parseCheckpoint(note) };
}

/** Of the last tile, and that nothing lies behind it. */
async function checkTail(file: AuditFile, size: number): Promise<void> {
  const from = Math.max(0, Math.ceil(size / TILE_WIDTH) - 1) * TILE_WIDTH;
  const entries = file.entries(from, size - from + 1);
  if (entries.length !== size - from) throw corrupt(file, `there are not ${size} entries`);
  const hashes = file.hashes(0, from, entries.length);
  for (const [at, entry] of entries.entries()) {
    const hash = hashes.subarray(at * HASH_BYTES, (at + 1) * HASH_BYTES);
    if (!equalBytes(await leafHash(primitives, entry), hash))
      throw corrupt(file, `entry ${from + at} is not the one that was signed`);
  }
}

function corrupt({ path }: AuditFile, reason: string): HanseError<'storageCorrupt'> {
  return new HanseError('storageCorrupt', { path, reason });
}

function readTile(file: AuditFile, { level, index, width }: Tile): Uint8Array {
  const from = index * TILE_WIDTH;
  return level === 'entries' ? encodeBundle(file.entries(from, width)) : file.hashes(level, from, width);
}
