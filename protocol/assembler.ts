/**
 * WebAssembly modules, written instruction by instruction, so that there is nothing to build and nothing to take on trust.
 * WebAssembly core 2.0, section 5: what the kernels of this folder need of the binary format, by the names of the
 * specification. An instruction is the list of its bytes; those of a body follow one another.
 */

const TYPE = { i32: 0x7f, v128: 0x7b, func: 0x60, empty: 0x40 };
const SECTION = { type: 1, import: 2, function: 3, export: 7, code: 10 };
const KIND = { func: 0, memory: 2 };

export const loop = [0x03, TYPE.empty];
export const end = [0x0b];
export const branchIf = (depth: number) => [0x0d, ...unsigned(depth)];
export const localGet = (local: number) => [0x20, ...unsigned(local)];
export const localSet = (local: number) => [0x21, ...unsigned(local)];
export const localTee = (local: number) => [0x22, ...unsigned(local)];
/** @param value not negative */
export const i32Const = (value: number) => [0x41, ...signed(value)];
export const i32LessUnsigned = [0x49];
export const i32Add = [0x6a];
export const i32Sub = [0x6b];
export const v128Load = (offset: number) => [...vectorOp(0x00), 0, ...unsigned(offset)];
export const v128Load16x4Unsigned = (offset: number) => [...vectorOp(0x04), 0, ...unsigned(offset)];
export const v128Load32Splat = (offset: number) => [...vectorOp(0x09), 0, ...unsigned(offset)];
export const v128Store = (offset: number) => [...vectorOp(0x0b), 0, ...unsigned(offset)];
/** @param bytes 16 of them */
export const v128Const = (bytes: readonly number[]) => [...vectorOp(0x0c), ...bytes];
export const v128Or = vectorOp(0x50);
export const v128Xor = vectorOp(0x51);
/** @param lanes 16 of them: 0..15 of the first operand, 16..31 of the second */
export const i8x16Shuffle = (lanes: readonly number[]) => [...vectorOp(0x0d), ...lanes];
export const i32x4ShiftLeft = vectorOp(0xab);
export const i32x4ShiftRightUnsigned = vectorOp(0xad);
export const i32x4Add = vectorOp(0xae);
export const i32x4Sub = vectorOp(0xb1);

/** What a module exports. */
export interface ModuleFunction {
  readonly name: string;
  /** All of them i32; they are the first locals. */
  readonly parameters: number;
  /** Further locals, in this order. */
  readonly locals: { readonly i32?: number; readonly v128: number };
  /** With the `end` that closes it. */
  readonly body: readonly number[];
}

/** The bytes of a module with one function, which returns nothing, and an imported memory of at least one page. */
export function moduleOf(
  memory: readonly [module: string, name: string],
  { name: exported, parameters, locals, body }: ModuleFunction,
): Uint8Array<ArrayBuffer> {
  const kinds = [[locals.i32 ?? 0, TYPE.i32] as const, [locals.v128, TYPE.v128] as const];
  const declared = kinds.filter(([count]) => count > 0).map(([count, type]) => [...unsigned(count), type]);
  const code = [...vector(declared), ...body];
  const types = vector(Array.from({ length: parameters }, () => [TYPE.i32]));
  return Uint8Array.from([
    ...ascii('\0asm'),
    ...[1, 0, 0, 0],
    ...section(SECTION.type, [[TYPE.func, ...types, ...vector([])]]),
    ...section(SECTION.import, [[...memory.flatMap(name), KIND.memory, 0, ...unsigned(1)]]),
    ...section(SECTION.function, [unsigned(0)]),
    ...section(SECTION.export, [[...name(exported), KIND.func, ...unsigned(0)]]),
    ...section(SECTION.code, [[...unsigned(code.length), ...code]]),
  ]);
}

function vectorOp(code: number): number[] {
  return [0xfd, ...unsigned(code)];
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
