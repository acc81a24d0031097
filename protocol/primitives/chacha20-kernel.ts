/**
 * The key stream of ChaCha20 in WebAssembly SIMD, for platforms that have no ChaCha20 of their own. RFC 8439, 2.1 to 2.4;
 * SPEC.md section 2.3.
 *
 * Four blocks at a time: vector i holds word i of each of them, so that a quarter round is done for four blocks at once;
 * word 12, the counter, is c, c + 1, c + 2, c + 3. In the end the vectors are turned into blocks. No branch and no address
 * depends on key or stream.
 */
import {
  branchIf,
  end,
  i8x16Shuffle,
  i32Add,
  i32Const,
  i32LessUnsigned,
  i32Sub,
  i32x4Add,
  i32x4ShiftLeft,
  i32x4ShiftRightUnsigned,
  localGet,
  localSet,
  localTee,
  loop,
  moduleOf,
  v128Const,
  v128Load32Splat,
  v128Or,
  v128Store,
  v128Xor,
} from '../assembler.ts';
import type { TakeKeyStream } from '../primitives.ts';
import { portable } from './portable.ts';
import { requireLength } from './require-length.ts';

const BLOCK_BYTES = 64;
/** Of one pass of the loop. */
const PASS_BYTES = 4 * BLOCK_BYTES;
const PAGE_BYTES = 65_536;
/** Of the key stream at a time, behind the page with the state: it is still in the cache when it is added. */
export const KERNEL_PART_BYTES = PAGE_BYTES;
const PART_OFFSET = PAGE_BYTES;

/** The words of the state: "expand 32-byte k", the key, the counter, the nonce of zeros. */
const CONSTANTS = [0x6170_7865, 0x3320_646e, 0x7962_2d32, 0x6b20_6574];
const WORDS = 16;
const KEY_BYTES_OFFSET = 16;
const COUNTER_WORD = 12;

type Fill = (from: number, to: number) => void;
type Chacha20 = (key: Uint8Array, length: number, take: TakeKeyStream) => Promise<void>;

/**
 * As `keyStream` of `Primitives`, of ChaCha20 alone; of key and stream nothing stays in its memory. Undefined where the
 * platform has no SIMD, forbids compiling or has no memory to give: @noble gives the same stream then.
 */
export function chacha20Kernel(): Chacha20 | undefined {
  let memory: WebAssembly.Memory;
  let fill: Fill;
  try {
    memory = new WebAssembly.Memory({ initial: 2, maximum: 2 });
    const module = new WebAssembly.Module(assembleChacha20());
    fill = new WebAssembly.Instance(module, { chacha20: { memory } }).exports.fill as Fill;
  } catch {
    return undefined;
  }
  const state = new Uint32Array(memory.buffer, 0, WORDS);
  const stateBytes = new Uint8Array(memory.buffer, 0, 4 * WORDS);
  const part = new Uint8Array(memory.buffer, PART_OFFSET, KERNEL_PART_BYTES);
  let isBusy = false;
  return async (key, length, take) => {
    requireLength('key of a key stream', key, 32);
    // There is one memory: who asks from within `take` must not write over what is being taken.
    if (isBusy) return portable.keyStream('chacha20', key, length, take);
    isBusy = true;
    try {
      state.set(CONSTANTS);
      stateBytes.set(key, KEY_BYTES_OFFSET);
      for (let offset = 0; offset < length; offset += KERNEL_PART_BYTES) {
        const count = Math.min(KERNEL_PART_BYTES, length - offset);
        state[COUNTER_WORD] = offset / BLOCK_BYTES;
        fill(PART_OFFSET, PART_OFFSET + passBytes(count));
        take(part.subarray(0, count), offset);
      }
    } finally {
      state.fill(0);
      part.fill(0, 0, passBytes(Math.min(KERNEL_PART_BYTES, length)));
      isBusy = false;
    }
  };
}

/** Whole passes, as many as so many bytes take. */
function passBytes(count: number): number {
  return PASS_BYTES * Math.ceil(count / PASS_BYTES);
}

/** Words a, b, c, d of the quarter rounds of a double round: columns, then diagonals (2.3). */
const QUARTER_ROUNDS = [
  [0, 4, 8, 12],
  [1, 5, 9, 13],
  [2, 6, 10, 14],
  [3, 7, 11, 15],
  [0, 5, 10, 15],
  [1, 6, 11, 12],
  [2, 7, 8, 13],
  [3, 4, 9, 14],
] as const;
const DOUBLE_ROUNDS = 10;

/** The bytes of each word, moved up by two places and by one: rotations to the left by 16 and by 8 bits. */
const ROTATED_16 = [2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13];
const ROTATED_8 = [3, 0, 1, 2, 7, 4, 5, 6, 11, 8, 9, 10, 15, 12, 13, 14];

/** Of two vectors, each of four words: the words with these numbers, those of the second from 4 on. */
const shuffleWords = (words: readonly number[]) =>
  i8x16Shuffle(words.flatMap((word) => [0, 1, 2, 3].map((byte) => 4 * word + byte)));

/** The bytes of a module with one export, `fill(from, to)`: at least one pass, and whole ones. */
export function assembleChacha20(): Uint8Array<ArrayBuffer> {
  const [from, to, rounds] = [0, 1, 2] as const;
  const vectorOf = (word: number) => rounds + 1 + word;
  const counters = vectorOf(WORDS);
  const spare = counters + 1;
  const stateWord = (word: number) =>
    word === COUNTER_WORD ? localGet(counters) : [...i32Const(0), ...v128Load32Splat(4 * word)];
  const add = (a: number, b: number) => [...localGet(a), ...localGet(b), ...i32x4Add, ...localSet(a)];
  const xor = (a: number, b: number) => [...localGet(a), ...localGet(b), ...v128Xor, ...localTee(a)];
  const rotateBytes = (a: number, lanes: readonly number[]) => [
    ...localGet(a),
    ...i8x16Shuffle(lanes),
    ...localSet(a),
  ];
  const rotateBits = (a: number, bits: number) => [
    ...i32Const(bits),
    ...i32x4ShiftLeft,
    ...localGet(a),
    ...i32Const(32 - bits),
    ...i32x4ShiftRightUnsigned,
    ...v128Or,
    ...localSet(a),
  ];
  const quarterRound = (a: number, b: number, c: number, d: number) => [
    ...[...add(a, b), ...xor(d, a), ...rotateBytes(d, ROTATED_16)],
    ...[...add(c, d), ...xor(b, c), ...rotateBits(b, 12)],
    ...[...add(a, b), ...xor(d, a), ...rotateBytes(d, ROTATED_8)],
    ...[...add(c, d), ...xor(b, c), ...rotateBits(b, 7)],
  ];
  /** (a, b) become words 0 and 1 of both in turn, and words 2 and 3 of both in turn. */
  const interleave = (a: number, b: number) => [
    ...[...localGet(a), ...localGet(b), ...shuffleWords([0, 4, 1, 5]), ...localSet(spare)],
    ...[...localGet(a), ...localGet(b), ...shuffleWords([2, 6, 3, 7]), ...localSet(b)],
    ...[...localGet(spare), ...localSet(a)],
  ];
  /** Words 4g to 4g + 3 of the four blocks. */
  const storeGroup = (group: number): number[] => {
    const a = vectorOf(4 * group);
    const [b, c, d] = [a + 1, a + 2, a + 3] as const;
    const store = (block: number, low: number, high: number, words: readonly number[]) => [
      ...[...localGet(from), ...localGet(low), ...localGet(high), ...shuffleWords(words)],
      ...v128Store(BLOCK_BYTES * block + 16 * group),
    ];
    return [
      ...[...interleave(a, b), ...interleave(c, d)],
      ...[...store(0, a, c, [0, 1, 4, 5]), ...store(1, a, c, [2, 3, 6, 7])],
      ...[...store(2, b, d, [0, 1, 4, 5]), ...store(3, b, d, [2, 3, 6, 7])],
    ];
  };
  const words = Array.from({ length: WORDS }, (_, word) => word);
  const body = [
    ...[...i32Const(0), ...v128Load32Splat(4 * COUNTER_WORD), ...v128Const(lanesOf([0, 1, 2, 3]))],
    ...[...i32x4Add, ...localSet(counters)],
    ...loop,
    ...words.flatMap((word) => [...stateWord(word), ...localSet(vectorOf(word))]),
    ...[...i32Const(DOUBLE_ROUNDS), ...localSet(rounds)],
    ...loop,
    ...QUARTER_ROUNDS.flatMap(([a, b, c, d]) =>
      quarterRound(vectorOf(a), vectorOf(b), vectorOf(c), vectorOf(d)),
    ),
    ...[...localGet(rounds), ...i32Const(1), ...i32Sub, ...localTee(rounds), ...branchIf(0)],
    ...end,
    ...words.flatMap((word) => [
      ...[...localGet(vectorOf(word)), ...stateWord(word), ...i32x4Add],
      ...localSet(vectorOf(word)),
    ]),
    ...[0, 1, 2, 3].flatMap(storeGroup),
    ...[...localGet(counters), ...v128Const(lanesOf([4, 4, 4, 4])), ...i32x4Add, ...localSet(counters)],
    ...[...localGet(from), ...i32Const(PASS_BYTES), ...i32Add, ...localTee(from)],
    ...[...localGet(to), ...i32LessUnsigned, ...branchIf(0)],
    ...end,
    ...end,
  ];
  const locals = { i32: 1, v128: WORDS + 2 };
  return moduleOf(['chacha20', 'memory'], { name: 'fill', parameters: 2, locals, body });
}

/** Four small numbers as words, little-endian. */
function lanesOf(words: readonly number[]): number[] {
  return words.flatMap((word) => [word, 0, 0, 0]);
}
