/**
 * The loops of `mask.ts` in WebAssembly SIMD, by the kernels of `ring/sum-kernel.ts`. SPEC.md 11.4.
 *
 * Coordinates and key stream pass through the memory of the kernels together, a part of them at a time: both are in the
 * cache then, where copying costs less than adding four numbers at once saves. So the memory is small, whatever the length
 * of an update, and one serves all updates of a process: whoever uses it has taken out what it needs before another has
 * its turn, and nobody looks for anything there later.
 */
import { kernelOn, PAGE_BYTES, STAGED, UNROLLED } from '../ring/sum-kernel.ts';

/** Adds what a mask has for some coordinates. */
export interface MaskKernel {
  /**
   * target[from + i] += sign * number i of the words, modulo 2^32: as far as they fill whole passes of the loop.
   * @returns how many of the words were added, from the first on
   */
  add(target: Int32Array, from: number, words: Int32Array, sign: 1 | -1): number;
  /** Overwrites what has passed through. May be called whenever no `add` is being executed. */
  wipe(): void;
}

/** Of a shorter update there is less to save than wiping costs. */
const WORTHWHILE = 16_384;
/** Behind the words. */
const COORDINATES_OFFSET = PAGE_BYTES;

/** By the bits of a number, made when they are first asked for: 0.1 ms. */
const kernels = new Map<16 | 32, MaskKernel | undefined>();

/**
 * The kernel for masks with numbers of so many bits.
 * @param length of the update
 * @returns undefined where the update is short, or the platform has no SIMD, forbids compiling or has no memory to give: the
 *   loops of `mask.ts` give the same then
 */
export function maskKernel(bits: 16 | 32, length: number): MaskKernel | undefined {
  if (length < WORTHWHILE) return undefined;
  if (!kernels.has(bits)) kernels.set(bits, makeKernel(bits));
  return kernels.get(bits);
}

function makeKernel(bits: 16 | 32): MaskKernel | undefined {
  try {
    return kernelIn(new WebAssembly.Memory({ initial: 2, maximum: 2 }), bits);
  } catch {
    return undefined;
  }
}

/** @param memory of two pages, for this kernel alone @throws where the platform has no SIMD or forbids compiling */
export function kernelIn(memory: WebAssembly.Memory, bits: 16 | 32): MaskKernel {
  const [add, subtract] = [kernelOn(memory, bits, 'add'), kernelOn(memory, bits, 'subtract')];
  const perWord = 32 / bits;
  const staging = new Int32Array(memory.buffer, 0, STAGED / perWord);
  const coordinates = new Int32Array(memory.buffer, COORDINATES_OFFSET, STAGED);
  const all = new Uint8Array(memory.buffer);
  return {
    add(target, from, words, sign) {
      const run = sign === 1 ? add : subtract;
      // The last word may have a half that belongs to no coordinate.
      const count = Math.min(perWord * words.length, target.length - from);
      const whole = count - (count % UNROLLED);
      for (let start = 0; start < whole; start += STAGED) {
        const staged = Math.min(STAGED, whole - start);
        const part = target.subarray(from + start, from + start + staged);
        staging.set(words.subarray(start / perWord, (start + staged) / perWord));
        coordinates.set(part);
        run(COORDINATES_OFFSET, 0, COORDINATES_OFFSET + 4 * staged);
        part.set(staged === STAGED ? coordinates : coordinates.subarray(0, staged));
      }
      return whole / perWord;
    },
    wipe: () => void all.fill(0),
  };
}
