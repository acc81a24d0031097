/**
 * Entries of a verified log, each with a file that proves to anybody that it stands there: C2SP tlog-proof. Pure.
 */
import { primitives } from '#primitives';
import { fromHex, toHex } from '../bytes.ts';
import { isIncluded, leafHash } from '../merkle.ts';
import { HanseError } from '../problem.ts';
import { decodeBundle } from './entry-bundle.ts';
import { formatLogProof } from './log-proof.ts';
import { TILE_WIDTH, type Tile, tileAt, tilePath } from './tile.ts';
import { inclusionProofOf, type ReadTile } from './tile-tree.ts';
import type { VerifiedLog } from './verified-entries.ts';

export interface ProvenLeaf {
  readonly index: number;
  readonly bytes: Uint8Array;
  /** As `formatLogProof` writes it. */
  readonly proof: string;
}

/** Tiles that are kept, as neighbouring entries need the same ones. */
const TILES = 64;

/**
 * @param read of attacker-controlled bytes, which may be others than were verified
 * @param leaves indices, ascending
 * @throws proofInvalid where an entry is not in the log that was verified; tileMalformed, what the transport throws
 */
export async function* provenLeaves(
  read: ReadTile,
  { size, root, checkpoint }: Pick<VerifiedLog, 'size' | 'root' | 'checkpoint'>,
  leaves: Iterable<number>,
): AsyncGenerator<ProvenLeaf> {
  const tile = remembering(read);
  const signed = fromHex(root) ?? new Uint8Array();
  for (const index of leaves) {
    const bundle = tileAt('entries', index, size);
    const entries = decodeBundle(await tile(bundle), bundle.width);
    const bytes = entries[index % TILE_WIDTH] ?? new Uint8Array();
    const hashes = await inclusionProofOf(tile, index, size);
    const claim = { leaf: await leafHash(primitives, bytes), index, size, proof: hashes };
    if (!(await isIncluded(primitives, claim, signed)))
      throw new HanseError('proofInvalid', {
        what: `that leaf ${index} is among ${size} of ${toHex(signed)}`,
      });
    yield { index, bytes, proof: formatLogProof({ index, hashes, checkpoint }) };
  }
}

function remembering(read: ReadTile): ReadTile {
  const known = new Map<string, Promise<Uint8Array>>();
  return (tile: Tile) => {
    const path = tilePath(tile);
    const found = known.get(path) ?? read(tile);
    known.delete(path);
    known.set(path, found);
    const [oldest] = known.keys();
    if (known.size > TILES && oldest !== undefined) known.delete(oldest);
    return found;
  };
}
