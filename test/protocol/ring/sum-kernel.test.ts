import { describe, expect, test } from 'vitest';
import { seededRandom } from '../../../protocol/random.ts';
import { portableSums } from '../../../protocol/ring/add-packed.ts';
import { assemble, kernelSums } from '../../../protocol/ring/sum-kernel.ts';

function randomWords(count: number, seed: number): Uint32Array {
  const words = new Uint32Array(count);
  seededRandom(new Uint8Array(32).fill(seed)).fill(new Uint8Array(words.buffer));
  return words;
}

function low(values: Int32Array, width: number): Int32Array {
  return values.map((value) => (value << (32 - width)) >> (32 - width));
}

describe.each([16, 24, 32])('the kernel for %i bits', (width) => {
  test('is a module that runs on this platform', () => {
    expect(WebAssembly.validate(assemble(width))).toBe(true);
    const broken = assemble(width);
    broken[broken.length - 1] = 0;
    expect(WebAssembly.validate(broken)).toBe(false);
  });

  test('adds what its portable twin adds, at any place and of any length', () => {
    const length = 50_003;
    const kernel = kernelSums(width, length);
    if (!kernel) throw new Error('no kernel on this platform');
    const portable = portableSums(width, length);
    // Whole, unaligned ends, less than a pass of the loop, just over what is staged at a time, and nothing.
    const parts = [
      [0, length],
      [32, 16_384 + 17],
      [length - 15, 15],
      [64, 16],
      [96, 0],
      [31 * 1024, 16_385],
    ] as const;
    parts.forEach(([first, count], i) => {
      const words = randomWords(Math.ceil((count * width) / 32), i);
      kernel.add(first, words, count);
      portable.add(first, words, count);
      expect(low(kernel.values, width)).toEqual(low(portable.values, width));
    });
    expect(kernel.values.some((value) => value !== 0)).toBe(true);
  });
});

test('small sums and other widths are left to the portable twin', () => {
  expect(kernelSums(24, 32_768)).toBeDefined();
  expect(kernelSums(24, 32_767)).toBeUndefined();
  expect(kernelSums(20, 32_768)).toBeUndefined();
});
