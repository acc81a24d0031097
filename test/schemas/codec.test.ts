import { expect, test } from 'vitest';
import { parse } from '../../protocol/parse.ts';
import { Codec } from '../../schemas/codec.ts';
import { CODEC } from '../fixtures/manifest.ts';

const read = (rotation: unknown) => () => parse(Codec, { ...CODEC, rotation }, 'codec');

test('a codec with a rotation has that form, and one without is as it was', () => {
  expect(parse(Codec, CODEC, 'codec')).toEqual(CODEC);
  for (const block of [2, 4096, 262_144, 1_048_576])
    expect(read({ block, bound: 0.5 })()).toEqual({ ...CODEC, rotation: { block, bound: 0.5 } });
});

test.each<[what: string, rotation: unknown, where: string]>([
  ['a block that is no power of two', { block: 4095, bound: 1 }, 'codec/rotation/block'],
  ['a block of one', { block: 1, bound: 1 }, 'codec/rotation/block'],
  ['a block beyond the largest', { block: 2_097_152, bound: 1 }, 'codec/rotation/block'],
  ['a block in words', { block: '4096', bound: 1 }, 'codec/rotation/block'],
  ['a bound of nothing', { block: 4096, bound: 0 }, 'codec/rotation/bound'],
  ['a bound below nothing', { block: 4096, bound: -1 }, 'codec/rotation/bound'],
  ['a bound that is no number', { block: 4096, bound: Number.NaN }, 'codec/rotation/bound'],
  ['no bound', { block: 4096 }, 'codec/rotation/bound'],
  ['a seed that somebody chose', { block: 4096, bound: 1, seed: 'mine' }, 'codec/rotation/seed'],
  ['nothing', null, 'codec/rotation'],
])('%s is refused', (_what, rotation, where) => {
  expect(read({ block: 4096, bound: 1 })).not.toThrow();
  expect(read(rotation)).toThrow(
    expect.objectContaining({ code: 'invalidFormat', detail: expect.objectContaining({ where }) }),
  );
});
