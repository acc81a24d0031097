import { describe, expect, test } from 'vitest';
import { seededRandom } from '../../../protocol/random.ts';
import { kernelIn, type MaskKernel, maskKernel } from '../../../protocol/secagg/mask-kernel.ts';

const LENGTH = 50_003;

function randomWords(count: number, seed: number): Int32Array {
  const words = new Int32Array(count);
  seededRandom(new Uint8Array(32).fill(seed)).fill(new Uint8Array(words.buffer));
  return words;
}

const kernelFor = (bits: 16 | 32): MaskKernel => {
  const kernel = maskKernel(bits, LENGTH);
  if (!kernel) throw new Error('no kernel on this platform');
  return kernel;
};

/** Number by number, as far as the kernel has added them. */
function addSlowly(target: Int32Array, from: number, words: Int32Array, bits: 16 | 32, sign: 1 | -1): void {
  const view = new DataView(words.buffer, words.byteOffset, words.byteLength);
  const count = (words.byteLength * 8) / bits;
  for (let i = 0; i < count; i += 1) {
    const number = bits === 16 ? view.getUint16(2 * i, true) : view.getInt32(4 * i, true);
    target[from + i] = (target[from + i] as number) + sign * number;
  }
}

const firstDifference = (a: Int32Array, b: Int32Array) => a.findIndex((value, i) => value !== b[i]);

describe.each([16, 32] as const)('the kernel for numbers of %i bits', (bits) => {
  const perWord = 32 / bits;
  // Whole, more than passes through at a time, exactly that, unaligned places, less than a pass of the loop, nothing.
  const parts = [
    [0, LENGTH],
    [7, 16_384 + 17],
    [3, 16_384],
    [LENGTH - 31, 31],
    [5, 13],
    [5, 0],
  ] as const;

  test.each([1, -1] as const)('adds with sign %i what its slow twin adds, at any place', (sign) => {
    const target = randomWords(LENGTH, 100);
    const slow = target.slice();
    parts.forEach(([from, count], i) => {
      const words = randomWords(Math.ceil(count / perWord), i);
      const added = kernelFor(bits).add(target, from, words, sign);
      expect(added).toBe((16 * Math.floor(count / 16)) / perWord);
      expect(firstDifference(target, slow)).toBe(added > 0 ? from : -1);
      addSlowly(slow, from, words.subarray(0, added), bits, sign);
      expect(firstDifference(target, slow)).toBe(-1);
    });
  });

  test('a half word that belongs to no coordinate is not added', () => {
    const target = new Int32Array(31);
    const words = new Int32Array(16).fill(-1);
    expect(kernelFor(bits).add(target, 0, words, 1)).toBe(16 / perWord);
    expect([...target].slice(14, 18)).toEqual(bits === 16 ? [65_535, 65_535, 0, 0] : [-1, -1, 0, 0]);
  });

  test('what has passed through can be wiped', () => {
    const memory = new WebAssembly.Memory({ initial: 2, maximum: 2 });
    const kernel = kernelIn(memory, bits);
    const isWiped = () => new Uint8Array(memory.buffer).every((byte) => byte === 0);
    kernel.add(randomWords(LENGTH, 1), 0, randomWords(Math.ceil(LENGTH / perWord), 2), 1);
    expect(isWiped()).toBe(false);
    kernel.wipe();
    expect(isWiped()).toBe(true);
  });
});

test('short updates are left to the loops; all others share a kernel', () => {
  expect(maskKernel(32, 16_383)).toBeUndefined();
  expect(maskKernel(32, 16_384)).toBeDefined();
  expect(maskKernel(32, 16_384)).toBe(maskKernel(32, 1_000_000));
  expect(maskKernel(16, 16_384)).not.toBe(maskKernel(32, 16_384));
});
