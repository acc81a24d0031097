/**
 * Follows the examples of a batch through the forward graph, and makes sure that it never mixes them: only then does
 * an example have a gradient of its own.
 */
import { HanseError } from '../../../protocol/problem.ts';
import type { Tape } from '../autodiff.ts';
import type { OperatorNode, Value } from '../graph.ts';
import type { GraphBuilder } from '../graph-builder.ts';
import { type BatchAxis, sameBatchAxis } from './batch-axis.ts';
import { batchAxisRule } from './batch-axis-rules.ts';

/**
 * @param roots values whose first axis is the batch: the data and the weights
 * @param batchSize B >= 2
 * @returns where each value that differs from example to example has them
 * @throws perExampleUnsupported where a node mixes examples
 */
export function traceExamples(
  g: GraphBuilder,
  tape: Tape,
  roots: readonly Value[],
  batchSize: number,
): ReadonlyMap<Value, BatchAxis> {
  const axes = new Map<Value, BatchAxis>(roots.map((root) => [root, { axis: 0, inner: 1 }]));
  for (const node of tape.nodes) {
    const batch = node.inputs.map((value) => value && axes.get(value));
    if (batch.every((axis) => axis === undefined)) continue;
    const refuse = () => unsupported(tape, node, 'it mixes the examples of a batch');
    const rule = batchAxisRule(node.op);
    if (!rule) throw refuse();
    const query = { node, batchSize, batch, constantOf: (value: Value) => g.constantOf(value) };
    let found: BatchAxis | undefined;
    node.inputs.forEach((input, index) => {
      const axis = batch[index];
      if (!input || !axis) return;
      const candidate = rule(query, index, axis, input);
      if (candidate === 'mixed' || (found && !sameBatchAxis(found, candidate))) throw refuse();
      found = candidate;
    });
    for (const output of node.outputs) if (found) axes.set(output, found);
  }
  return axes;
}

export function unsupported(
  tape: Tape,
  node: OperatorNode,
  reason: string,
): HanseError<'perExampleUnsupported'> {
  return new HanseError('perExampleUnsupported', { operator: node.op, node: tape.label(node), reason });
}
