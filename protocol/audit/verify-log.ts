/**
 * A whole log against the root that it has signed: every entry against its hash, every tile against the one above, all of them
 * against the root. RFC 6962, 2.1, over C2SP tlog-tiles. Memory is that of one tile a level, however long the log is.
 *
 * Each hash is compared with what stands one level below it, as it is stored: one changed byte is found where it is, and not in
 * everything above.
 */
import { primitives } from '#primitives';
import { equalBytes } from '../bytes.ts';
import { leafHash } from '../merkle.ts';
import { isConsistent } from '../merkle-consistency.ts';
import { HanseError } from '../problem.ts';
import type { Checkpoint, TreeHead } from './checkpoint.ts';
import { entriesOf } from './entry-bundle.ts';
import type { Findings } from './findings.ts';
import { formatNote } from './signed-note.ts';
import { TILE_WIDTH, type Tile, tileAt, tilePath } from './tile.ts';
import { combine, consistencyProofOf, HASH_BYTES, type ReadTile, rootOf } from './tile-tree.ts';

/** Takes an entry that is the one of its hash. @param bytes valid until it returns */
export type TakeEntry = (leaf: number, bytes: Uint8Array) => void | Promise<void>;

/**
 * Takes down what is wrong: `leafMismatch`, `tileMismatch`, `rootMismatch`, `tileMalformed`. Ends at the first tile that is not
 * there, since a log may claim any size.
 * @param read of attacker-controlled bytes @param take is given entries in order, all but the wrong ones
 */
export async function verifyTree(
  read: ReadTile,
  { size, root }: TreeHead,
  findings: Findings,
  take: TakeEntry = () => {},
): Promise<void> {
  const tiles = new OpenTiles(read, size);
  let from = 0;
  try {
    for (; from < size && !findings.isFull; from += TILE_WIDTH) {
      const bundle = await read(tileAt('entries', from, size));
      await tiles.tile(0, from);
      await verifyEntries(bundle, from, tiles, findings, take);
      await verifyAbove(from, tiles, findings);
    }
  } catch (error) {
    findings.add(error, from);
    return;
  }
  // Of the very bytes that were compared: whoever serves them could tell others the second time.
  const got = await rootOf(async ({ level, index }) => {
    const { bytes } = await tiles.tile(level as number, index * TILE_WIDTH);
    return bytes;
  }, size);
  if (!findings.isFull && !equalBytes(got, root)) findings.add(new HanseError('rootMismatch', { size }));
}

/** The entries of one bundle: the first that is wrong is told. */
async function verifyEntries(
  bundle: Uint8Array,
  from: number,
  tiles: OpenTiles,
  findings: Findings,
  take: TakeEntry,
): Promise<void> {
  const tile = tileAt('entries', from, tiles.size);
  const end = from + tile.width;
  let [leaf, length] = [from, 0];
  try {
    for (const entry of entriesOf(bundle)) {
      if (leaf === end) break;
      const hash = await tiles.hash(0, leaf);
      if (!equalBytes(await leafHash(primitives, entry), hash))
        throw new HanseError('leafMismatch', { leaf });
      await take(leaf, entry);
      [leaf, length] = [leaf + 1, length + 2 + entry.length];
    }
    if (leaf < end || length < bundle.length)
      throw new HanseError('tileMalformed', { tile: tilePath(tile), reason: `not ${tile.width} entries` });
  } catch (error) {
    findings.add(error, Math.min(leaf, end - 1));
  }
}

/** Every full tile that ends with the leaves of this bundle, against its hash in the tile above. */
async function verifyAbove(from: number, tiles: OpenTiles, findings: Findings): Promise<void> {
  for (let [level, index] = [0, from / TILE_WIDTH]; ; level += 1) {
    const tile = await tiles.tile(level, index * TILE_WIDTH);
    if (tile.bytes.length < TILE_WIDTH * HASH_BYTES) return;
    if (!equalBytes(await combine(tile.bytes), await tiles.hash(level + 1, index)))
      findings.add(
        new HanseError('tileMismatch', { tile: tilePath(tile.tile) }),
        index * TILE_WIDTH ** (level + 1),
      );
    // The tile above is compared once it is complete.
    if (index % TILE_WIDTH !== TILE_WIDTH - 1) return;
    index = Math.floor(index / TILE_WIDTH);
  }
}

interface OpenTile {
  readonly tile: Tile;
  readonly bytes: Uint8Array;
}

/** The last tile that was looked at, on each level. */
class OpenTiles {
  readonly size: number;
  readonly #read: ReadTile;
  readonly #open = new Map<number, OpenTile>();

  constructor(read: ReadTile, size: number) {
    this.#read = read;
    this.size = size;
  }

  /** That has this place of a level. @throws tileMalformed */
  async tile(level: number, place: number): Promise<OpenTile> {
    const known = this.#open.get(level);
    if (known?.tile.index === Math.floor(place / TILE_WIDTH)) return known;
    const tile = tileAt(level, place, this.size);
    const opened = { tile, bytes: await exactly(this.#read, tile) };
    this.#open.set(level, opened);
    return opened;
  }

  async hash(level: number, place: number): Promise<Uint8Array> {
    const { bytes } = await this.tile(level, place);
    const at = (place % TILE_WIDTH) * HASH_BYTES;
    return bytes.subarray(at, at + HASH_BYTES);
  }
}

/** @throws tileMalformed for one that is longer or shorter */
async function exactly(read: ReadTile, tile: Tile): Promise<Uint8Array> {
  const bytes = await read(tile);
  if (bytes.length !== tile.width * HASH_BYTES)
    throw new HanseError('tileMalformed', { tile: tilePath(tile), reason: `${bytes.length} bytes` });
  return bytes;
}

/**
 * That the log goes on from an older checkpoint of it.
 * @param read of attacker-controlled bytes, of the log as `checkpoint` has it
 * @throws logForked, also where the older one is of a longer log; tileMalformed
 */
export async function verifySince(read: ReadTile, checkpoint: Checkpoint, old: Checkpoint): Promise<void> {
  const { origin, size, root } = checkpoint;
  if (old.size === size ? equalBytes(old.root, root) : old.size < size) {
    if (old.size === 0 || old.size === size) return;
    const claim = { oldSize: old.size, oldRoot: old.root, size, root };
    const proof = await consistencyProofOf((tile) => exactly(read, tile), old.size, size);
    if (await isConsistent(primitives, { ...claim, proof })) return;
  }
  const evidence = [old, checkpoint].map(({ note }) => formatNote(note));
  throw new HanseError('logForked', { origin, oldSize: old.size, size, evidence });
}
