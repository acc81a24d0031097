import { describe, expect, test } from 'vitest';
import { checkTrailingBits, layoutOf, readSecondBlock } from '../../../protocol/ring/payload.ts';

const layout = layoutOf({ width: 24, counters: 2 }, 5);

describe('layout', () => {
  test('is whole words of coordinates, then one word an integer', () => {
    expect(layout).toEqual({ length: 5, width: 24, coordinateBytes: 16, secondBlock: 3, payloadBytes: 28 });
    expect(layoutOf({ width: 32, counters: 0 }, 1_000_000).payloadBytes).toBe(4_000_004);
    expect(layoutOf({ width: 17, counters: 0 }, 500_000_000).payloadBytes).toBe(1_062_500_004);
  });

  test('the second block is read little-endian, at any alignment', () => {
    const payload = new Uint8Array(29).subarray(1);
    payload.set([1, 2, 0, 0, 0, 0, 0, 0x80, 7], 16);
    expect(readSecondBlock(payload.subarray(layout.coordinateBytes))).toEqual([0x201, 0x8000_0000, 7]);
  });
});

describe('checkTrailingBits', () => {
  test('refuses each bit behind the last coordinate, and no bit before', () => {
    for (const [width, length] of [
      [24, 5],
      [16, 3],
      [17, 2],
      [20, 8],
      [20, 2],
      [31, 1],
      [32, 2],
    ] as const) {
      const layout = layoutOf({ width, counters: 0 }, length);
      for (let bit = 0; bit < 8 * layout.coordinateBytes; bit += 1) {
        const payload = new Uint8Array(layout.payloadBytes);
        payload[bit >> 3] = 1 << (bit & 7);
        const check = () => checkTrailingBits(payload.subarray(layout.coordinateBytes - 4), layout);
        if (bit < length * width) expect(check).not.toThrow();
        else
          expect(check).toThrow(
            expect.objectContaining({
              code: 'updateMalformed',
              detail: expect.objectContaining({ field: 'trailing bits' }),
            }),
          );
      }
    }
  });
});
