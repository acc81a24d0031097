import { inflateRawSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { BLOCK_VALUES, decodeDelta } from '../../protocol/model-delta.ts';
import { RandomNumbers, seededRandom } from '../../protocol/random.ts';
import { bytesOf } from '../../protocol/vector.ts';
import { ModelDeltas, WORTHWHILE } from '../../server/model-deltas.ts';
import { hashOf, vectorFile } from '../fixtures/vector-files.ts';

/** Content that is read by its hash; counts how often. */
class Shelf {
  readonly contents = new Map<string, Uint8Array>();
  reads = 0;
  fails = false;

  add(bytes: Uint8Array): string {
    const sha256 = hashOf(bytes);
    this.contents.set(sha256, bytes);
    return sha256;
  }

  addModel(values: Float32Array<ArrayBuffer>): string {
    const header = { kind: 'parameters', width: 32, length: values.length, secondBlock: 0 } as const;
    return this.add(vectorFile(bytesOf(values), header));
  }

  read = async (sha256: string) => {
    this.reads += 1;
    if (this.fails) throw new Error('the disk is gone');
    return this.contents.get(sha256);
  };
}

function valuesOf(length: number, seed: number): Float32Array<ArrayBuffer> {
  const numbers = new RandomNumbers(seededRandom(new Uint8Array(32).fill(seed)));
  return Float32Array.from({ length }, () => numbers.unit() - 0.5);
}

/** As a round of training moves them: by a small share of their size. */
function moved(values: Float32Array, share: number, seed: number): Float32Array<ArrayBuffer> {
  const steps = valuesOf(values.length, seed);
  return values.map((value, i) => value + share * (steps[i] as number)) as Float32Array<ArrayBuffer>;
}

const inflate = async (bytes: Uint8Array, length: number) =>
  new Uint8Array(inflateRawSync(bytes, { maxOutputLength: length }));

describe('a difference', () => {
  test('is made of models that are near each other, and not of others', async () => {
    const shelf = new Shelf();
    const deltas = new ModelDeltas(shelf);
    const values = valuesOf(5000, 1);
    const base = shelf.addModel(values);
    const near = shelf.addModel(moved(values, 1e-3, 2));
    const delta = await deltas.between(base, near);
    const whole = shelf.contents.get(near) as Uint8Array;
    expect(delta?.sha256).toBe(hashOf(delta?.bytes as Uint8Array));
    expect(delta?.bytes.length).toBeLessThan(WORTHWHILE * whole.length);
    const from = shelf.contents.get(base) as Uint8Array;
    expect(await decodeDelta(delta?.bytes as Uint8Array, from, inflate)).toEqual(whole);

    const far = shelf.addModel(valuesOf(5000, 3));
    const longer = shelf.addModel(valuesOf(5001, 3));
    const text = shelf.add(new Uint8Array(whole.length));
    for (const other of [far, longer, text, 'f'.repeat(64)]) {
      expect(await deltas.between(base, other)).toBeUndefined();
      expect(await deltas.between(other, base)).toBeUndefined();
    }
  });

  test('of a large model is tried on a sample first: where little is frozen at its end too', async () => {
    const shelf = new Shelf();
    const deltas = new ModelDeltas(shelf);
    const values = valuesOf(2 * BLOCK_VALUES, 1);
    const base = shelf.addModel(values);
    const half = values.slice();
    half.set(valuesOf(BLOCK_VALUES, 2)); // another first half, and the same second one
    const delta = await deltas.between(base, shelf.addModel(half));
    expect(delta?.bytes.length).toBeLessThan(0.6 * 4 * values.length);
    expect(await deltas.between(base, shelf.addModel(valuesOf(2 * BLOCK_VALUES, 3)))).toBeUndefined();
  });

  test('is made once, also for those who ask at the same time, and so is the finding that there is none', async () => {
    const shelf = new Shelf();
    const deltas = new ModelDeltas(shelf);
    const values = valuesOf(1000, 1);
    const base = shelf.addModel(values);
    const near = shelf.addModel(moved(values, 1e-3, 2));
    const far = shelf.addModel(valuesOf(1000, 3));
    const [first, second] = await Promise.all([deltas.between(base, near), deltas.between(base, near)]);
    expect(second).toBe(first);
    expect(await deltas.between(base, near)).toBe(first);
    expect(shelf.reads).toBe(2);
    expect(await deltas.between(base, far)).toBeUndefined();
    expect(shelf.reads).toBe(4);
    expect(await deltas.between(base, far)).toBeUndefined();
    expect(shelf.reads).toBe(4);
  });

  test('that could not be made for want of the content is tried again', async () => {
    const shelf = new Shelf();
    const deltas = new ModelDeltas(shelf);
    const values = valuesOf(1000, 1);
    const base = shelf.addModel(values);
    const near = shelf.addModel(moved(values, 1e-3, 2));
    shelf.fails = true;
    await expect(deltas.between(base, near)).rejects.toThrow('the disk is gone');
    shelf.fails = false;
    expect(await deltas.between(base, near)).toBeDefined();
  });

  test('is forgotten where others are asked for and there is no room', async () => {
    const shelf = new Shelf();
    const values = valuesOf(1000, 1);
    const base = shelf.addModel(values);
    const targets = [1, 2, 3].map((seed) => shelf.addModel(moved(values, 1e-3, seed)));
    const [a, b, c] = targets as [string, string, string];
    const size = (await new ModelDeltas(shelf).between(base, a))?.bytes.length ?? 0;
    expect(size).toBeGreaterThan(0);
    const deltas = new ModelDeltas({ read: shelf.read, keptBytes: 2.5 * size });
    await deltas.between(base, a);
    await deltas.between(base, b);
    await deltas.between(base, a); // used again
    await deltas.between(base, c);
    const { reads } = shelf;
    await deltas.between(base, a);
    await deltas.between(base, c);
    expect(shelf.reads).toBe(reads);
    await deltas.between(base, b);
    expect(shelf.reads).toBe(reads + 2);
  });

  test('is not waited for where many are to be made', async () => {
    const shelf = new Shelf();
    const values = valuesOf(1000, 1);
    const base = shelf.addModel(values);
    const targets = Array.from({ length: 6 }, (_, seed) => shelf.addModel(moved(values, 1e-3, seed)));
    const deltas = new ModelDeltas(shelf);
    const answers = await Promise.all(targets.map((target) => deltas.between(base, target)));
    expect(answers.map((delta) => delta !== undefined)).toEqual([true, true, true, true, false, false]);
    expect(await deltas.between(base, targets[5] as string)).toBeDefined();
  });
});
