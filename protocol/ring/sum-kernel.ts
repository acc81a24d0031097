/**
 * `addPacked` in WebAssembly SIMD, for the widths that fill whole bytes. SPEC.md 5.7.
 *
 * Four coordinates at a time:
 *
 *   sums[0..3] += the 16 bytes at `packed`, rearranged so that each coordinate begins a lane
 *
 * As in `addPacked`, what a lane holds above the coordinate is added along and means nothing. The sums live in the
 * memory of the module, behind a staging area through which the packed words pass, a part of them at a time. The same
 * loop takes away instead, for masks (`secagg/mask-kernel.ts`).
 */
import {
  branchIf,
  end,
  i8x16Shuffle,
  i32Add,
  i32Const,
  i32LessUnsigned,
  i32x4Add,
  i32x4Sub,
  localGet,
  localSet,
  localTee,
  loop,
  moduleOf,
  v128Load,
  v128Load16x4Unsigned,
  v128Store,
} from '../assembler.ts';
import { addPacked, type CoordinateSums } from './add-packed.ts';

/** Coordinates of one pass of the loop. */
export const UNROLLED = 16;
/** Coordinates staged at a time: at most 64 KiB, which stays in the cache. */
export const STAGED = 16_384;
/** Of the memory of a module. */
export const PAGE_BYTES = 65_536;
/** Behind the staging area. A load of four 24-bit coordinates reads 4 bytes too far, but never past it. */
const SUMS_OFFSET = PAGE_BYTES;
/** Reserving memory for a module costs more than it saves on a smaller sum. */
const WORTHWHILE = 32_768;

/** What happens to the sums with what is packed. */
const OPERATIONS = { add: i32x4Add, subtract: i32x4Sub };
export type Operation = keyof typeof OPERATIONS;

/** On the sums from the byte `sums` of the memory up to `sumsEnd`, at least 16 of them, with what is packed from `packed` on. */
type Kernel = (sums: number, packed: number, sumsEnd: number) => void;

/** Compiled once for each operation and width. */
const modules = new Map<string, WebAssembly.Module>();

/**
 * Sums of zero, added to by the kernel. Undefined where the width has no kernel, the sum is small, or the platform
 * has no SIMD, forbids compiling or has no memory to give: the twin in `add-packed.ts` gives the same sums then.
 */
export function kernelSums(width: number, length: number): CoordinateSums | undefined {
  if (length < WORTHWHILE || !(width === 16 || width === 24 || width === 32)) return undefined;
  let memory: WebAssembly.Memory;
  let addGroups: Kernel;
  try {
    memory = new WebAssembly.Memory({ initial: Math.ceil((SUMS_OFFSET + 4 * length) / PAGE_BYTES) });
    addGroups = kernelOn(memory, width, 'add');
  } catch {
    return undefined;
  }
  const staging = new Uint32Array(memory.buffer, 0, PAGE_BYTES / 4);
  const values = new Int32Array(memory.buffer, SUMS_OFFSET, length);
  const wordsPerCoordinate = width / 32;
  return {
    values,
    add(first, words, count) {
      const whole = count - (count % UNROLLED);
      for (let start = 0; start < whole; start += STAGED) {
        const end = Math.min(whole, start + STAGED);
        staging.set(words.subarray(start * wordsPerCoordinate, end * wordsPerCoordinate));
        addGroups(SUMS_OFFSET + 4 * (first + start), 0, SUMS_OFFSET + 4 * (first + end));
      }
      addPacked(values, first + whole, words.subarray(whole * wordsPerCoordinate), width, count - whole);
    },
  };
}

/** @throws where the platform has no SIMD or forbids compiling */
export function kernelOn(memory: WebAssembly.Memory, width: number, operation: Operation): Kernel {
  const name = `${operation} ${width}`;
  const module = modules.get(name) ?? new WebAssembly.Module(assemble(width, operation));
  modules.set(name, module);
  return new WebAssembly.Instance(module, { ring: { memory } }).exports[operation] as Kernel;
}

/** Byte k of lane k div 4 of four 24-bit coordinates; the top byte of each lane is whatever follows. */
const SPREAD_24 = [0, 1, 2, 3, 3, 4, 5, 6, 6, 7, 8, 9, 9, 10, 11, 12];

/** The bytes of a module with one export, a `Kernel` with the name of its operation. */
export function assemble(width: number, operation: Operation): Uint8Array<ArrayBuffer> {
  const [sums, packed, sumsEnd, loaded] = [0, 1, 2, 3] as const;
  const groupBytes = (4 * width) / 8;
  const load = (offset: number): number[] => {
    if (width === 16) return v128Load16x4Unsigned(offset);
    if (width === 32) return v128Load(offset);
    return [...v128Load(offset), ...localTee(loaded), ...localGet(loaded), ...i8x16Shuffle(SPREAD_24)];
  };
  const addGroup = (group: number): number[] => [
    ...localGet(sums),
    ...localGet(sums),
    ...v128Load(16 * group),
    ...localGet(packed),
    ...load(groupBytes * group),
    ...OPERATIONS[operation],
    ...v128Store(16 * group),
  ];
  const advance = (local: number, bytes: number): number[] => [
    ...localGet(local),
    ...i32Const(bytes),
    ...i32Add,
    ...localSet(local),
  ];
  const body = [
    ...loop,
    ...[0, 1, 2, 3].flatMap(addGroup),
    ...advance(packed, 4 * groupBytes),
    ...advance(sums, 64),
    ...localGet(sums),
    ...localGet(sumsEnd),
    ...i32LessUnsigned,
    ...branchIf(0),
    ...end,
    ...end,
  ];
  return moduleOf(['ring', 'memory'], { name: operation, parameters: 3, locals: { v128: 1 }, body });
}
