/**
 * `addPacked` in WebAssembly SIMD, for the widths that fill whole bytes. SPEC.md 5.7; WebAssembly core 2.0, section 5.
 *
 * The module is assembled here, instruction by instruction, so that there is nothing to build and nothing to take on
 * trust. Four coordinates at a time:
 *
 *   sums[0..3] += the 16 bytes at `packed`, rearranged so that each coordinate begins a lane
 *
 * As in `addPacked`, what a lane holds above the coordinate is added along and means nothing. The sums live in the
 * memory of the module, behind a staging area through which the packed words pass, a part of them at a time.
 */
import { addPacked, type CoordinateSums } from './add-packed.ts';

/** Coordinates of one pass of the loop. */
const UNROLLED = 16;
/** Coordinates staged at a time: at most 64 KiB, which stays in the cache. */
const STAGED = 16_384;
const PAGE_BYTES = 65_536;
/** Behind the staging area. A load of four 24-bit coordinates reads 4 bytes too far, but never past it. */
const SUMS_OFFSET = PAGE_BYTES;
/** Reserving memory for a module costs more than it saves on a smaller sum. */
const WORTHWHILE = 32_768;

type AddGroups = (sums: number, packed: number, sumsEnd: number) => void;

/** Compiled once for each width. */
const modules = new Map<number, WebAssembly.Module>();

/**
 * Sums of zero, added to by the kernel. Undefined where the width has no kernel, the sum is small, or the platform
 * has no SIMD, forbids compiling or has no memory to give: the twin in `add-packed.ts` gives the same sums then.
 */
export function kernelSums(width: number, length: number): CoordinateSums | undefined {
  if (length < WORTHWHILE || !(width === 16 || width === 24 || width === 32)) return undefined;
  let memory: WebAssembly.Memory;
  let addGroups: AddGroups;
  try {
    const module = modules.get(width) ?? new WebAssembly.Module(assemble(width));
    modules.set(width, module);
    memory = new WebAssembly.Memory({ initial: Math.ceil((SUMS_OFFSET + 4 * length) / PAGE_BYTES) });
    addGroups = new WebAssembly.Instance(module, { ring: { memory } }).exports.add as AddGroups;
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

// The assembler: what the module needs of the binary format, by the names of the specification.

const TYPE = { i32: 0x7f, v128: 0x7b, func: 0x60, empty: 0x40 };
const SECTION = { type: 1, import: 2, function: 3, export: 7, code: 10 };
const KIND = { func: 0, memory: 2 };
const loop = [0x03, TYPE.empty];
const end = [0x0b];
const branchIf = (depth: number) => [0x0d, ...unsigned(depth)];
const localGet = (local: number) => [0x20, ...unsigned(local)];
const localSet = (local: number) => [0x21, ...unsigned(local)];
const localTee = (local: number) => [0x22, ...unsigned(local)];
const i32Const = (value: number) => [0x41, ...signed(value)];
const i32LessUnsigned = [0x49];
const i32Add = [0x6a];
const v128Load = (offset: number) => [0xfd, ...unsigned(0x00), 0, ...unsigned(offset)];
const v128Load16x4Unsigned = (offset: number) => [0xfd, ...unsigned(0x04), 0, ...unsigned(offset)];
const v128Store = (offset: number) => [0xfd, ...unsigned(0x0b), 0, ...unsigned(offset)];
const i8x16Shuffle = (lanes: number[]) => [0xfd, ...unsigned(0x0d), ...lanes];
const i32x4Add = [0xfd, ...unsigned(0xae)];

/** Byte k of lane k div 4 of four 24-bit coordinates; the top byte of each lane is whatever follows. */
const SPREAD_24 = [0, 1, 2, 3, 3, 4, 5, 6, 6, 7, 8, 9, 9, 10, 11, 12];

/** The bytes of a module with one export, `add(sums, packed, sumsEnd)`, for at least 16 coordinates. */
export function assemble(width: number): Uint8Array<ArrayBuffer> {
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
    ...i32x4Add,
    ...v128Store(16 * group),
  ];
  const advance = (local: number, bytes: number): number[] => [
    ...localGet(local),
    ...i32Const(bytes),
    ...i32Add,
    ...localSet(local),
  ];
  const body = [
    ...vector([[1, TYPE.v128]]),
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
  return Uint8Array.from([
    ...ascii('\0asm'),
    ...[1, 0, 0, 0],
    ...section(SECTION.type, [[TYPE.func, ...vector([[TYPE.i32], [TYPE.i32], [TYPE.i32]]), ...vector([])]]),
    ...section(SECTION.import, [[...name('ring'), ...name('memory'), KIND.memory, 0, ...unsigned(1)]]),
    ...section(SECTION.function, [unsigned(0)]),
    ...section(SECTION.export, [[...name('add'), KIND.func, ...unsigned(0)]]),
    ...section(SECTION.code, [[...unsigned(body.length), ...body]]),
  ]);
}

function section(id: number, entries: number[][]): number[] {
  const contents = vector(entries);
  return [id, ...unsigned(contents.length), ...contents];
}

function vector(entries: number[][]): number[] {
  return [...unsigned(entries.length), ...entries.flat()];
}

function name(text: string): number[] {
  return [...unsigned(text.length), ...ascii(text)];
}

function ascii(text: string): number[] {
  return Array.from(text, (character) => character.charCodeAt(0));
}

/** Unsigned LEB128. */
function unsigned(value: number): number[] {
  return value < 128 ? [value] : [(value & 127) | 128, ...unsigned(value >>> 7)];
}

/** Signed LEB128 of a number that is not negative: the last byte must leave the sign bit, 64, free. */
function signed(value: number): number[] {
  return value < 64 ? [value] : [(value & 127) | 128, ...signed(value >>> 7)];
}
