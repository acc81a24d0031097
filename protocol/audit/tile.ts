/**
 * Names of the tiles in which a log is stored and served: C2SP tlog-tiles. A tile holds up to 256 hashes of one level, each
 * of a full tile of the level below; level 0 has those of the leaves, and a bundle of entries the leaves themselves.
 *
 *   tile/<level>/<index>[.p/<width>],  tile/entries/<index>[.p/<width>];  index 1234067 is x001/x234/067
 */
import { HanseError } from '../problem.ts';

/** Hashes in a full tile. */
export const TILE_WIDTH = 256;
/** Levels of tiles that a log of 2^53 leaves has. */
const LEVELS = 7;

export interface Tile {
  /** 0..6; bundles of entries have none. */
  readonly level: number | 'entries';
  /** In its level, from 0 on. */
  readonly index: number;
  /** 1..256; 256 is full. */
  readonly width: number;
}

/** The path from the prefix of the log on, without a slash before it. */
export function tilePath({ level, index, width }: Tile): string {
  const groups = String(index)
    .padStart(3 * Math.ceil(String(index).length / 3), '0')
    .match(/\d{3}/g) as string[];
  const last = groups.pop();
  const path = ['tile', level, ...groups.map((group) => `x${group}`), last].join('/');
  return width === TILE_WIDTH ? path : `${path}.p/${width}`;
}

const PATH = /^tile\/(entries|0|[1-9]\d?)\/((?:x\d{3}\/)*\d{3})(?:\.p\/([1-9]\d{0,2}))?$/;

/**
 * The tile that a path names: each has one path, and nothing else is one.
 * @param path attacker-controlled
 * @throws tilePathInvalid
 */
export function parseTilePath(path: string): Tile {
  const [, level = '', groups = '', width] = PATH.exec(path) ?? [];
  const tile: Tile = {
    level: level === 'entries' ? level : Number(level),
    index: Number(groups.replaceAll(/[x/]/g, '')),
    width: width === undefined ? TILE_WIDTH : Number(width),
  };
  const isOne =
    groups !== '' &&
    (tile.level === 'entries' || tile.level < LEVELS) &&
    Number.isSafeInteger(tile.index) &&
    tile.width <= (width === undefined ? TILE_WIDTH : TILE_WIDTH - 1);
  if (!isOne || tilePath(tile) !== path)
    throw new HanseError('tilePathInvalid', { path: path.slice(0, 200) });
  return tile;
}

/** How many hashes a level of a log of this size has. */
export function hashesOfLevel(size: number, level: number): number {
  return Math.floor(size / TILE_WIDTH ** level);
}

/**
 * The tile of a log of this size that has this place of a level: full, or as wide as the log is long.
 * Throws RangeError where the log has no hash there.
 */
export function tileAt(level: Tile['level'], place: number, size: number): Tile {
  const hashes = level === 'entries' ? size : hashesOfLevel(size, level);
  if (!(place >= 0 && place < hashes)) throw new RangeError(`place ${place} of ${hashes} in level ${level}`);
  const index = Math.floor(place / TILE_WIDTH);
  return { level, index, width: Math.min(TILE_WIDTH, hashes - index * TILE_WIDTH) };
}

/**
 * All tiles of a log of this size that one of `before` leaves does not have, in an order in which each can be made of those
 * before it.
 */
export function* newTiles(before: number, size: number): Generator<Tile> {
  for (const level of ['entries', 0, 1, 2, 3, 4, 5, 6] as const) {
    const [had, has] = [before, size].map((of) => (level === 'entries' ? of : hashesOfLevel(of, level))) as [
      number,
      number,
    ];
    if (has === had) continue;
    for (let index = Math.floor(had / TILE_WIDTH); index * TILE_WIDTH < has; index += 1)
      yield { level, index, width: Math.min(TILE_WIDTH, has - index * TILE_WIDTH) };
  }
}
