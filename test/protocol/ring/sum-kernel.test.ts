import { describe, expect, test } from 'vitest';
import { seededRandom } from '../../../protocol/random.ts';
import { portableSums } from '../../../protocol/ring/add-packed.ts';
import { assemble, kernelOn, kernelSums, PAGE_BYTES } from '../../../protocol/ring/sum-kernel.ts';

function randomWords(count: number, seed: number): Uint32Array {
  const words = new Uint32Array(count);
  seededRandom(new Uint8Array(32).fill(seed)).fill(new Uint8Array(words.buffer));
  return words;
}

/** Where the low bits of two sums first differ, or undefined. */
function firstDifference(a: Int32Array, b: Int32Array, width: number): number | undefined {
  const shift = 32 - width;
  const at = a.findIndex((value, i) => value << shift !== (b[i] ?? 0) << shift);
  return a.length === b.length && at === -1 ? undefined : at;
}

describe.each([16, 24, 32])('the kernel for %i bits', (width) => {
  test.each(['add', 'subtract'] as const)('is a module that runs on this platform: %s', (operation) => {
    expect(WebAssembly.validate(assemble(width, operation))).toBe(true);
    const broken = assemble(width, operation);
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
      expect(firstDifference(kernel.values, portable.values, width)).toBeUndefined();
    });
    // The control: a single addition that only one of them makes.
    portable.add(32 * 7, Uint32Array.of(1), 1);
    expect(firstDifference(kernel.values, portable.values, width)).toBe(32 * 7);
  });
});

test.each([16, 24, 32])('takes away what it has added, and nothing else: %i bits', (width) => {
  const memory = new WebAssembly.Memory({ initial: 2 });
  const [packed, sums] = [randomWords(16_384, 1), randomWords(48, 2)];
  new Uint32Array(memory.buffer, 0, PAGE_BYTES / 4).set(packed);
  const inMemory = new Uint32Array(memory.buffer, PAGE_BYTES, sums.length);
  inMemory.set(sums);
  const [from, to] = [PAGE_BYTES, PAGE_BYTES + 4 * 32] as const;
  kernelOn(memory, width, 'subtract')(from, 0, to);
  expect(inMemory).not.toEqual(sums);
  expect(inMemory.subarray(32)).toEqual(sums.subarray(32));
  kernelOn(memory, width, 'add')(from, 0, to);
  expect(inMemory).toEqual(sums);
});

test('small sums and other widths are left to the portable twin', () => {
  expect(kernelSums(24, 32_768)).toBeDefined();
  expect(kernelSums(24, 32_767)).toBeUndefined();
  expect(kernelSums(20, 32_768)).toBeUndefined();
});
