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

test('requireFit() accepts what fits and nothing else', () => {
  const examples = numbered(6, 2);
  const fits = layout(4, 2);
  expect(() => requireFit(examples, fits)).not.toThrow();
  const mismatch = expect.objectContaining({ code: 'dataShapeMismatch' });
  expect(() => requireFit(examples, layout(4, 3))).toThrow(mismatch);
  expect(() => requireFit({ ...examples, count: 5 }, fits)).toThrow(mismatch);
  expect(() => requireFit({ ...examples, targets: new Float32Array(6) }, fits)).toThrow(mismatch);
  const empty = expect.objectContaining({ code: 'dataEmpty' });
  expect(() => requireFit(numbered(0, 2), fits)).toThrow(empty);
});
