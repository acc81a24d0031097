/**
 * Where the examples of a batch are in a tensor.
 *
 * Models fold the batch axis into others and move it: attention reshapes [T, B, E] to [T, B H, E / H], say. An axis of
 * length outer * B * inner holds the examples if the one at position p belongs to example floor(p / inner) mod B.
 */
import { elementCount, type Shape } from '../tensor-type.ts';

export interface BatchAxis {
  readonly axis: number;
  /** Positions of one example that lie side by side, at least 1. */
  readonly inner: number;
}

export function sameBatchAxis(a: BatchAxis, b: BatchAxis): boolean {
  return a.axis === b.axis && a.inner === b.inner;
}

/** How far two neighbouring examples are apart in the elements of a tensor of this shape. */
function strideOf(shape: Shape, { axis, inner }: BatchAxis): number {
  return inner * elementCount(shape.slice(axis + 1));
}

/**
 * Where the examples are after the same elements got another shape; undefined where no axis holds all of them.
 * @param batchSize B >= 2
 */
export function reshapedBatchAxis(
  from: Shape,
  batch: BatchAxis,
  to: Shape,
  batchSize: number,
): BatchAxis | undefined {
  const stride = strideOf(from, batch);
  for (const [axis, length] of to.entries()) {
    const after = elementCount(to.slice(axis + 1));
    const inner = stride / after;
    if (Number.isInteger(inner) && length % (batchSize * inner) === 0) return { axis, inner };
  }
  return undefined;
}
