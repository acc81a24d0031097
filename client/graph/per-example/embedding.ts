/**
 * Gradients of single examples by an embedding table [V, E]: row v gets the sum of the d_t of the positions t that
 * hold token v, so that |G|^2 = sum_st [token_s = token_t] d_s . d_t, and no table is built per example. Roundings of the sum,
 * gamma_(E + 2T + 8) |d_s| |d_t| of each term, are added: gradients of one token may cancel each other.
 */
import type { Value } from '../graph.ts';
import { axisLength, elementCount } from '../tensor-type.ts';
import { gram, lengths, ROUND_OFF, scaledRule } from './dense.ts';
import { type ExampleGradient, examplesFirst, fromMaterialized, type Junction } from './example-gradient.ts';

/** @param tokens indices along axis 0 of the table, with the examples somewhere */
export function embeddingGradient(junction: Junction, table: Value, tokens: Value): ExampleGradient {
  const { g, query, batchSize, batch } = junction;
  const tokenAxis = junction.batchAxisOf(tokens);
  if (!tokenAxis) throw new RangeError('tokens are the same for all examples');
  const [vocabulary, width] = [axisLength(table.shape, 0), elementCount(table.shape.slice(1))];
  const positions = elementCount(tokens.shape) / batchSize;
  const given = g.cast(tokens, 'int32');
  const rows = g.constant({ dtype: 'int32', shape: [], data: Int32Array.of(vocabulary) });
  const zero = g.constant({ dtype: 'int32', shape: [], data: Int32Array.of(0) });
  // Negative ones count from the end: -1 and V - 1 are the same row.
  const fromStart = g.where(g.apply('Less', [given, zero]), g.add(given, rows), given);
  const ids = g.reshape(examplesFirst(g, fromStart, tokenAxis, batchSize), [batchSize, positions]);
  const gradients = g.reshape(examplesFirst(g, query.upstream, batch, batchSize), [
    batchSize,
    positions,
    width,
  ]);
  const column = () => g.reshape(ids, [batchSize, positions, 1]);
  return {
    ...fromMaterialized(
      g,
      () => {
        const range = Int32Array.from({ length: vocabulary }, (_, token) => token);
        const all = g.constant({ dtype: 'int32', shape: [vocabulary], data: range });
        const oneHot = g.cast(g.apply('Equal', [column(), all]), 'float32');
        const tables = g.apply('MatMul', [g.transpose(oneHot, [0, 2, 1]), gradients]);
        return g.reshape(tables, [batchSize, vocabulary * width]);
      },
      table.shape,
    ),
    squaredNorm() {
      const row = g.reshape(ids, [batchSize, 1, positions]);
      const isSame = g.apply('Equal', [column(), row]);
      const sizes = lengths(g, gradients);
      const [left, right] = [
        g.reshape(sizes, [batchSize, positions, 1]),
        g.reshape(sizes, [batchSize, 1, positions]),
      ];
      const roundings = g.mul(g.mul(left, right), g.scalar((width + 2 * positions + 8) * ROUND_OFF));
      const products = g.where(isSame, g.add(gram(g, gradients), roundings), g.scalar(0));
      return g.reduce('ReduceSum', g.reduce('ReduceSum', products, [2], false), [1], false);
    },
    weightedSum: (factor) => scaledRule(junction, factor),
  };
}
