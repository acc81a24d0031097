/**
 * Gradients of single examples by a shared operand that broadcasts against the examples: biases, scales, stacks of
 * matrices. If every example had a copy of the operand, its gradient would be by that copy; so the rule of the
 * operator is asked for the gradient by the operand expanded along the axis of the examples.
 */
import { inputGradients } from '../autodiff.ts';
import type { Value } from '../graph.ts';
import { axisLength, elementCount } from '../tensor-type.ts';
import { type ExampleGradient, examplesFirst, fromMaterialized, type Junction } from './example-gradient.ts';

export function expandedGradient(junction: Junction, shared: Value): ExampleGradient {
  const { g, tape, query, index, batch, batchSize } = junction;
  return fromMaterialized(
    g,
    () => {
      const output = query.output.shape;
      const aligned = [...Array<number>(output.length - shared.shape.length).fill(1), ...shared.shape];
      const shape = aligned.with(batch.axis, axisLength(output, batch.axis));
      const copies = g.apply('Expand', [shared, g.integers(shape)]);
      const input = (at: number) => (at === index ? copies : query.input(at));
      const build = inputGradients(tape, { ...query, input })[index];
      if (!build) throw new RangeError(`${query.node.op} has no gradient by input ${index}`);
      const first = examplesFirst(g, build(), batch, batchSize);
      // [B, ...before, outer * inner, ...after]: an example may have several copies.
      const summed = g.reduce('ReduceSum', first, [batch.axis + 1], false);
      return g.reshape(axisLength(first.shape, batch.axis + 1) === 1 ? first : summed, [
        batchSize,
        elementCount(shared.shape),
      ]);
    },
    shared.shape,
  );
}
