import { expect, test } from 'vitest';
import { ORIENTED_INPUTS, orientedGradients } from '../../../sim/privacy-utility/oriented-gradients.ts';

const SIDE = 28;

/** By row and column. */
function image(valueAt: (row: number, column: number) => number): Float32Array {
  return Float32Array.from({ length: SIDE * SIDE }, (_, i) => valueAt(Math.floor(i / SIDE), i % SIDE));
}

/** How much of each direction there is, in all cells. */
function directions(features: Float32Array): number[] {
  const sums = Array<number>(8).fill(0);
  features.forEach((value, i) => {
    sums[i % 8] = (sums[i % 8] ?? 0) + value;
  });
  return sums;
}

// Away from the border, where a picture ends in an edge of its own.
const inside = (row: number, column: number) => row > 3 && row < 24 && column > 3 && column < 24;
const ramp = (across: number, down: number) =>
  image((row, column) => (inside(row, column) ? 2 + 0.05 * (across * column + down * row) : 0));

test('an edge is in the direction in which it gets brighter', () => {
  const edge = image((row, column) => (row >= 6 && row < 22 && column >= 14 && column < 27 ? 1 : 0));
  const sums = directions(orientedGradients(edge, 1));
  // Brighter to the right, to the left, downwards and upwards, in turns of a quarter; hardly anything between.
  const between = [1, 3, 5, 7].map((at) => sums[at] ?? 0);
  for (const at of [0, 2, 4, 6]) expect(sums[at]).toBeGreaterThan(3 * Math.max(...between));
});

test('turning a picture by a quarter turns directions and cells', () => {
  const picture = image((row, column) => (inside(row, column) ? Math.sin(row + 2 * column) + 1 : 0));
  const turned = image((row, column) => picture[(SIDE - 1 - column) * SIDE + row] ?? 0);
  const [plain, after] = [orientedGradients(picture, 1), orientedGradients(turned, 1)];
  let largest = 0;
  for (let y = 0; y < 7; y += 1)
    for (let x = 0; x < 7; x += 1)
      for (let direction = 0; direction < 8; direction += 1) {
        const from = plain[((6 - x) * 7 + y) * 8 + direction] ?? 0;
        const to = after[(y * 7 + x) * 8 + ((direction + 2) % 8)] ?? 0;
        largest = Math.max(largest, Math.abs(from - to));
      }
  expect(largest).toBeLessThan(1e-5);
  expect(plain).not.toEqual(after);
});

test('every picture has norm 4, but for a blank one, and does not depend on those beside it', () => {
  const pictures = new Float32Array(3 * SIDE * SIDE);
  pictures.set(ramp(1, 0), 0);
  pictures.set(ramp(1, -1), 2 * SIDE * SIDE);
  const features = orientedGradients(pictures, 3);
  const normOf = (i: number) =>
    Math.hypot(...features.subarray(i * ORIENTED_INPUTS, (i + 1) * ORIENTED_INPUTS));
  expect([normOf(0), normOf(1), normOf(2)]).toEqual([expect.closeTo(4, 5), 0, expect.closeTo(4, 5)]);
  expect(orientedGradients(ramp(1, -1), 1)).toEqual(features.slice(2 * ORIENTED_INPUTS));
});
