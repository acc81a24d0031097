import { describe, expect, test } from 'vitest';
import { BatchBuffer, requireFit } from '../../../client/engine/batch-buffer.ts';

/** `width` features an example, all equal to its index, and the index as label. */
function numbered(count: number, width: number) {
  return {
    name: 'numbered',
    count,
    features: Float32Array.from({ length: count * width }, (_, i) => Math.floor(i / width)),
    targets: Int32Array.from({ length: count }, (_, i) => i),
  };
}

const layout = (batchSize: number, width: number) => ({
  input: { name: 'x', type: 'float32', shape: [batchSize, width] } as const,
  target: { name: 'y', type: 'int32', shape: [batchSize] } as const,
  batchSize,
});

describe('BatchBuffer', () => {
  test.each([1, 15, 16, 100])('gathers rows of %d values and pads with zeros', (width) => {
    const buffer = new BatchBuffer(layout(3, width), 2);
    const order = Uint32Array.of(4, 2, 3, 1);
    expect(buffer.gather(0, numbered(5, width), order, 0)).toBe(3);
    expect(buffer.gather(1, numbered(5, width), order, 3)).toBe(1);
    const { x, y, weight } = buffer.stacked(2);
    expect([x?.shape, y?.shape, weight?.shape]).toEqual([
      [2, 3, width],
      [2, 3],
      [2, 3],
    ]);
    expect(y?.data).toEqual(Int32Array.of(4, 2, 3, 1, 0, 0));
    expect(weight?.data).toEqual(Float32Array.of(1, 1, 1, 1, 0, 0));
    const rows = [4, 2, 3, 1, 0, 0].flatMap((row) => new Array(width).fill(row));
    expect(x?.data).toEqual(Float32Array.from(rows));
  });

  test('clears what an earlier batch left behind', () => {
    const buffer = new BatchBuffer(layout(3, 2), 1);
    buffer.gather(0, numbered(5, 2), Uint32Array.of(4, 3, 2), 0);
    expect(buffer.single().weight?.data).toEqual(Float32Array.of(1, 1, 1));
    buffer.gather(0, numbered(5, 2), Uint32Array.of(1), 0);
    const { x, y, weight } = buffer.single();
    expect(x).toEqual({ type: 'float32', shape: [3, 2], data: Float32Array.of(1, 1, 0, 0, 0, 0) });
    expect(y?.data).toEqual(Int32Array.of(1, 0, 0));
    expect(weight?.data).toEqual(Float32Array.of(1, 0, 0));
  });

  test('a shorter stack is a view of the first batches', () => {
    const buffer = new BatchBuffer(layout(1, 2), 3);
    for (const i of [0, 1, 2]) buffer.gather(i, numbered(3, 2), Uint32Array.of(2, 1, 0), i);
    expect(buffer.stacked(3).y?.data).toEqual(Int32Array.of(2, 1, 0));
    expect(buffer.stacked(2).y?.data).toEqual(Int32Array.of(2, 1));
    expect(buffer.stacked(2).x?.data).toEqual(Float32Array.of(2, 2, 1, 1));
  });
});

test('tokens stay integers, in sequences of labels too', () => {
  const tokens = {
    name: 'tokens',
    count: 3,
    features: Int32Array.of(1, 2, 16_777_217, 4, 5, 6),
    targets: Int32Array.of(-100, 1, 2, 3, 4, 5),
  };
  const sequences = {
    input: { name: 'x', type: 'int32', shape: [2, 2] } as const,
    target: { name: 'y', type: 'int32', shape: [2, 2] } as const,
    batchSize: 2,
  };
  expect(() => requireFit(tokens, sequences)).not.toThrow();
  const buffer = new BatchBuffer(sequences, 2);
  expect(buffer.gather(0, tokens, Uint32Array.of(1, 0, 2), 0)).toBe(2);
  expect(buffer.gather(1, tokens, Uint32Array.of(1, 0, 2), 2)).toBe(1);
  const { x, y } = buffer.stacked(2);
  // 2^24 + 1 is no float32.
  const [rows, labels] = [
    Int32Array.of(16_777_217, 4, 1, 2, 5, 6, 0, 0),
    Int32Array.of(2, 3, -100, 1, 4, 5, 0, 0),
  ];
  expect(x).toEqual({ type: 'int32', shape: [2, 2, 2], data: rows });
  expect(y).toEqual({ type: 'int32', shape: [2, 2, 2], data: labels });
});

test('requireFit() accepts what fits and nothing else', () => {
  const examples = numbered(6, 2);
  const fits = layout(4, 2);
  expect(() => requireFit(examples, fits)).not.toThrow();
  const mismatch = expect.objectContaining({ code: 'dataShapeMismatch' });
  expect(() => requireFit(examples, layout(4, 3))).toThrow(mismatch);
  expect(() => requireFit({ ...examples, count: 5 }, fits)).toThrow(mismatch);
  expect(() => requireFit({ ...examples, targets: new Float32Array(6) }, fits)).toThrow(mismatch);
  expect(() => requireFit({ ...examples, features: new Int32Array(12) }, fits)).toThrow(mismatch);
  const empty = expect.objectContaining({ code: 'dataEmpty' });
  expect(() => requireFit(numbered(0, 2), fits)).toThrow(empty);
});
