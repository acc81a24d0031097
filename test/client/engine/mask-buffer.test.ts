import { describe, expect, test } from 'vitest';
import { MaskBuffer } from '../../../client/engine/mask-buffer.ts';
import type { MaskSpec } from '../../../client/graph/compiled.ts';
import { RandomNumbers, seededRandom } from '../../../protocol/random.ts';

const numbers = (seed = 1) => new RandomNumbers(seededRandom(new Uint8Array(32).fill(seed)));
const mask = (name: string, rate: number, ...shape: number[]): MaskSpec => ({
  name,
  type: 'float32',
  shape,
  rate,
});

describe('MaskBuffer', () => {
  test.each([0.1, 0.5, 0.9])('drops the share %d and scales the rest, so that the mean stays 1', (rate) => {
    const buffer = new MaskBuffer([mask('mask0', rate, 100, 200)], 1);
    buffer.draw(0, numbers());
    const { mask0 } = buffer.single();
    expect(mask0).toMatchObject({ type: 'float32', shape: [100, 200] });
    const values = Array.from(mask0?.data ?? [], Number);
    expect(new Set(values)).toEqual(new Set([0, Math.fround(1 / (1 - rate))]));
    const dropped = values.filter((value) => value === 0).length / values.length;
    // Twenty thousand draws: six standard deviations are 0.0212 at most.
    expect(Math.abs(dropped - rate)).toBeLessThan(0.0212);
  });

  test('draws for one step after the other, whatever a buffer holds', () => {
    const specs = [mask('mask0', 0.5, 2, 3), mask('mask1', 0.25, 4)];
    const [whole, random] = [new MaskBuffer(specs, 3), numbers()];
    for (const step of [0, 1, 2]) whole.draw(step, random);
    const [single, again] = [new MaskBuffer(specs, 1), numbers()];
    for (const step of [0, 1, 2]) {
      single.draw(0, again);
      for (const [name, size] of [
        ['mask0', 6],
        ['mask1', 4],
      ] as const)
        expect(single.single()[name]?.data).toEqual(
          whole.stacked(3)[name]?.data.slice(step * size, (step + 1) * size),
        );
    }
    expect(whole.stacked(3).mask0?.shape).toEqual([3, 2, 3]);
    expect(whole.stacked(2).mask1).toMatchObject({
      shape: [2, 4],
      data: whole.stacked(3).mask1?.data.slice(0, 8),
    });
    expect(whole.stacked(3).mask0?.data.slice(0, 6)).not.toEqual(whole.stacked(3).mask0?.data.slice(6, 12));
  });

  test('without masks nothing is drawn', () => {
    const [random, untouched] = [numbers(), numbers()];
    const buffer = new MaskBuffer([], 2);
    buffer.draw(0, random);
    expect(buffer.stacked(2)).toEqual({});
    expect(random.uint32()).toBe(untouched.uint32());
  });
});
