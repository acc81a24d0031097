import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  hashesOfLevel,
  newTiles,
  parseTilePath,
  type Tile,
  tileAt,
  tilePath,
} from '../../../protocol/audit/tile.ts';

test.each<[Tile, string]>([
  [{ level: 0, index: 0, width: 256 }, 'tile/0/000'],
  [{ level: 0, index: 1_234_067, width: 256 }, 'tile/0/x001/x234/067'],
  [{ level: 0, index: 273, width: 112 }, 'tile/0/273.p/112'],
  [{ level: 1, index: 1, width: 17 }, 'tile/1/001.p/17'],
  [{ level: 'entries', index: 1000, width: 1 }, 'tile/entries/x001/000.p/1'],
  [{ level: 6, index: 999, width: 255 }, 'tile/6/999.p/255'],
])('%j is %s', (tile, path) => {
  expect(tilePath(tile)).toBe(path);
  expect(parseTilePath(path)).toEqual(tile);
});

test('each tile has a path of its own', () => {
  const tiles = fc.record({
    level: fc.constantFrom(0, 1, 2, 3, 4, 5, 6, 'entries' as const),
    index: fc.maxSafeNat(),
    width: fc.integer({ min: 1, max: 256 }),
  });
  fc.assert(
    fc.property(tiles, (tile) => {
      expect(parseTilePath(tilePath(tile))).toEqual(tile);
    }),
  );
});

describe('no path of a tile is', () => {
  test.each([
    '',
    'tile',
    'tile/',
    'tile/0',
    'tile/0/',
    'tile/0/0',
    'tile/0/00',
    'tile/0/0000',
    'tile/00/000',
    'tile/01/000',
    'tile/7/000',
    'tile/63/000',
    'tile/-1/000',
    'tile/x/000',
    'tile/0/x000/000',
    'tile/0/x001/x000',
    'tile/0/001/000',
    'tile/0/x001',
    'tile/0/000.p',
    'tile/0/000.p/',
    'tile/0/000.p/0',
    'tile/0/000.p/01',
    'tile/0/000.p/256',
    'tile/0/000.p/999',
    'tile/0/000.p/-1',
    'tile/0/000/',
    'tile/0/000\n',
    '/tile/0/000',
    'tile//000',
    'tile/0/..',
    'tile/0/../000',
    'tile/0/x..',
    'tile/0/%2e%2e',
    'tile/0/000.p/1/../../..',
    'tile\\0\\000',
    'tile/0/\uff10\uff10\uff10',
    'tile/entries/../../checkpoint',
    'tile/Entries/000',
    'tile/0/x999/x999/x999/x999/x999/999',
    `tile/0/${'x001/'.repeat(10_000)}000`,
  ])('%j', (path) => {
    expect(() => parseTilePath(path)).toThrow(expect.objectContaining({ code: 'tilePathInvalid' }));
  });
});

test('a log of 70,000 leaves has the tiles that the specification names', () => {
  const tiles = [...newTiles(0, 70_000)];
  const of = (level: Tile['level']) => tiles.filter((tile) => tile.level === level);
  expect(of(0)).toHaveLength(274);
  expect(of(0).at(-1)).toEqual({ level: 0, index: 273, width: 112 });
  expect(of('entries').map(({ width }) => width)).toEqual(of(0).map(({ width }) => width));
  expect(of(1).map(({ width }) => width)).toEqual([256, 17]);
  expect(of(2).map(({ width }) => width)).toEqual([1]);
  expect(of(3)).toEqual([]);
});

test('one of 256 leaves has a full tile, and above it one of a single hash', () => {
  expect([...newTiles(255, 256)].map(tilePath)).toEqual(['tile/entries/000', 'tile/0/000', 'tile/1/000.p/1']);
  expect([...newTiles(256, 256)]).toEqual([]);
  expect([...newTiles(0, 255)].map(tilePath)).toEqual(['tile/entries/000.p/255', 'tile/0/000.p/255']);
  expect([...newTiles(256, 257)].map(tilePath)).toEqual(['tile/entries/001.p/1', 'tile/0/001.p/1']);
});

test('the leaf that fills the first tile of level 5 gives a hash to each level', () => {
  const size = 256 ** 6;
  expect([...newTiles(size - 1, size)].map(({ level, width }) => [level, width])).toEqual([
    ...['entries', 0, 1, 2, 3, 4, 5].map((level) => [level, 256]),
    [6, 1],
  ]);
  const leaf = [...newTiles(size, size + 1)];
  expect(leaf.map(({ level, width }) => [level, width])).toEqual([
    ['entries', 1],
    [0, 1],
  ]);
});

test('what a log gains step by step is what it has', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 400 }), { maxLength: 8 }), (steps) => {
      const widest = new Map<string, number>();
      let size = 0;
      for (const step of steps) {
        for (const { level, index, width } of newTiles(size, size + step))
          widest.set(`${level}/${index}`, width);
        size += step;
      }
      const whole = [...newTiles(0, size)].map(
        ({ level, index, width }) => [`${level}/${index}`, width] as const,
      );
      expect(new Map([...widest].sort())).toEqual(new Map(whole.toSorted()));
    }),
  );
});

test('a place is in one tile, or in none', () => {
  expect(tileAt(0, 69_999, 70_000)).toEqual({ level: 0, index: 273, width: 112 });
  expect(tileAt(1, 272, 70_000)).toEqual({ level: 1, index: 1, width: 17 });
  expect(tileAt('entries', 69_999, 70_000)).toEqual({ level: 'entries', index: 273, width: 112 });
  expect(tileAt(0, 0, 1)).toEqual({ level: 0, index: 0, width: 1 });
  expect(hashesOfLevel(70_000, 1)).toBe(273);
  for (const place of [70_000, -1, Number.NaN]) expect(() => tileAt(0, place, 70_000)).toThrow(RangeError);
});
