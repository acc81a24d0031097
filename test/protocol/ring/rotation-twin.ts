/**
 * The rotation as SPEC.md 5.9 has it, slow and obvious: one list of blocks, one bit at a time, one pair at a time.
 */
import { seededRandom } from '../../../protocol/random.ts';

interface Block {
  readonly start: number;
  readonly signs: readonly number[];
}

function blocksOf(length: number, block: number, seed: Uint8Array): { size: number; blocks: Block[] } {
  let size = 1;
  while (2 * size <= Math.min(block, length)) size *= 2;
  const starts = length % size === 0 ? [] : [length - size];
  for (let start = 0; start + size <= length; start += size) starts.push(start);
  const random = seededRandom(seed);
  const blocks = starts.map((start) => {
    const bytes = new Uint8Array(4 * Math.ceil(size / 32));
    random.fill(bytes);
    const bitAt = (i: number) => ((bytes[i >> 3] as number) >> (i & 7)) & 1;
    return { start, signs: Array.from({ length: size }, (_, i) => (bitAt(i) === 1 ? -1 : 1)) };
  });
  return { size, blocks };
}

function hadamard(values: readonly number[]): number[] {
  let now = [...values];
  for (let h = 1; h < now.length; h *= 2) {
    const before = now;
    const at = (i: number) => before[i] as number;
    now = before.map((_, i) => ((i & h) === 0 ? at(i) + at(i + h) : at(i - h) - at(i)));
  }
  return now;
}

export function rotateTwin(values: readonly number[], block: number, seed: Uint8Array): number[] {
  const turned = [...values];
  const { size, blocks } = blocksOf(values.length, block, seed);
  for (const { start, signs } of blocks) {
    const part = hadamard(signs.map((sign, i) => sign * (turned[start + i] as number)));
    part.forEach((value, i) => {
      turned[start + i] = Math.fround(value * Math.sqrt(1 / size));
    });
  }
  return turned;
}

export function rotateBackTwin(values: readonly number[], block: number, seed: Uint8Array): number[] {
  const turned = [...values];
  const { size, blocks } = blocksOf(values.length, block, seed);
  const [first, ...others] = blocks;
  const order = first && first.start > 0 ? [...others, first] : blocks;
  for (const { start, signs } of order) {
    const part = hadamard(turned.slice(start, start + size));
    part.forEach((value, i) => {
      turned[start + i] = value * Math.sqrt(1 / size) * (signs[i] as number);
    });
  }
  return turned;
}
