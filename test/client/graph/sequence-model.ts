/**
 * Models of sequences: one row of numbers, or one token, per position.
 */
import { int } from '../../../client/graph/attribute.ts';
import type { ForwardGraph } from '../../../client/graph/forward-graph.ts';
import { writeForward } from '../../../client/graph/forward-writer.ts';
import { TensorProto_DataType as DataType } from '../../../client/graph/gen/onnx_pb.ts';
import { importModel } from '../../../client/graph/import-model.ts';
import type { RandomNumbers } from '../../../protocol/random.ts';

/** x [B, T, F] -> logits [B, T, C], each position by itself. */
export function positionWise(
  [length, features, classes]: readonly [number, number, number],
  random: RandomNumbers,
): ForwardGraph {
  const data = Float32Array.from({ length: features * classes }, () => random.normal());
  return importModel(
    writeForward({
      name: 'position_wise',
      input: { name: 'in', shape: [length, features] },
      parameters: [
        { name: 'kernel', shape: [features, classes], data },
        { name: 'offset', shape: [classes], data: new Float32Array(classes) },
      ],
      nodes: [
        { op: 'MatMul', inputs: ['in', 'kernel'], output: 'product' },
        { op: 'Add', inputs: ['product', 'offset'], output: 'logits' },
      ],
      output: { name: 'logits', shape: [length, classes] },
    }),
  );
}

/** Integers n [B, T] -> n w, w being 2: what is said about tokens without needing a vocabulary. */
export function scaledTokens(length: number, dtype: 'int32' | 'int64'): ForwardGraph {
  return importModel(
    writeForward({
      name: 'scaled_tokens',
      input: { name: 'tokens', shape: [length], dtype },
      parameters: [{ name: 'w', shape: [1], data: Float32Array.of(2) }],
      nodes: [
        { op: 'Cast', inputs: ['tokens'], output: 'numbers', attributes: { to: int(DataType.FLOAT) } },
        { op: 'Mul', inputs: ['numbers', 'w'], output: 'scaled' },
      ],
      output: { name: 'scaled', shape: [length] },
    }),
  );
}
