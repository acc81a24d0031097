/**
 * Indices that are known only when a model runs.
 */
import { expect, it } from 'vitest';
import { compilePrediction } from '../../../../client/graph/compile-prediction.ts';
import { writeForward } from '../../../../client/graph/forward-writer.ts';
import { importModel } from '../../../../client/graph/import-model.ts';
import { type Feed, hasRuntime, load32 } from '../onnx-runtime.ts';

it.skipIf(!hasRuntime)('a tuple with an index beyond its own axis is no other row', async () => {
  const table = Float32Array.from({ length: 10 }, (_, at) => at);
  const forward = importModel(
    writeForward({
      name: 'tuples',
      input: { name: 'x', shape: [2], dtype: 'int64' },
      parameters: [{ name: 'table', shape: [5, 2], data: table }],
      nodes: [{ op: 'GatherND', inputs: ['table', 'x'], output: 'y' }],
      output: { name: 'y', shape: [] },
    }),
  );
  const run = await load32(compilePrediction(forward, { batchSize: 1 }).bytes);
  const at = async (...tuple: number[]) => {
    const x = { shape: [1, 2], data: Int32Array.from(tuple) };
    const given = new Map<string, Feed>([
      ['x', x],
      ['table', { shape: [5, 2], data: Float64Array.from(table) }],
    ]);
    return (await run(given)).get('y')?.[0];
  };
  expect(await at(3, 1)).toBe(7);
  expect(await at(-1, -2)).toBe(8);
  // Flattened, each of these would lie within the table.
  for (const tuple of [
    [0, 7],
    [1, -3],
    [-6, 9],
  ])
    await expect(at(...tuple)).rejects.toThrow();
});
