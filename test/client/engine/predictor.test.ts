import { expect, test } from 'vitest';
import { Predictor } from '../../../client/engine/predictor.ts';
import type { Tensors } from '../../../client/engine/provider.ts';
import { lineModel, lineProvider } from './line-provider.ts';

test.each([1, 3, 4, 50])('one row for each example, in batches of %d', async (batchSize) => {
  const provider = lineProvider();
  const predictor = await Predictor.create(provider, lineModel(batchSize).prediction);
  const features = Float32Array.of(0, 1, 2, 3, 4, 5, 6);
  const { line } = await predictor.predict({ parameters: Float32Array.of(2, 1), features });
  expect(line).toEqual({
    type: 'float32',
    shape: [7, 1],
    data: Float32Array.of(1, 3, 5, 7, 9, 11, 13),
  });
  await predictor.release();
  expect(provider.released).toBe(true);
});

test('reads tokens and gives integers as what they are', async () => {
  const { prediction } = lineModel(2);
  const seen: Tensors[] = [];
  const session = {
    /** Twice each token. */
    async run(feeds: Tensors): Promise<Tensors> {
      seen.push(structuredClone(feeds));
      const data = Int32Array.from(Array.from(feeds.x?.data ?? [], Number), (token) => 2 * token);
      return { doubled: { type: 'int32', shape: [2, 1], data } };
    },
    release: async () => {},
  };
  const provider = { ...lineProvider(), createSession: async () => session };
  const predictor = await Predictor.create(provider, {
    ...prediction,
    input: { name: 'x', type: 'int32', shape: [2, 1] },
    outputs: [{ name: 'doubled', type: 'int32', shape: [2, 1] }],
  });
  const parameters = Float32Array.of(2, 1);
  const { doubled } = await predictor.predict({ parameters, features: Int32Array.of(1, -2, 16_777_217) });
  expect(doubled).toEqual({ type: 'int32', shape: [3, 1], data: Int32Array.of(2, -4, 33_554_434) });
  expect(seen.map(({ x }) => x?.data)).toEqual([Int32Array.of(1, -2), Int32Array.of(16_777_217, 0)]);
  await expect(predictor.predict({ parameters, features: Float32Array.of(1) })).rejects.toMatchObject({
    code: 'dataShapeMismatch',
    detail: { what: 'type of the features' },
  });
});

test('refuses half a row, parameters of another model, and an output without examples', async () => {
  const { prediction } = lineModel(4);
  const wide = { ...prediction, input: { ...prediction.input, shape: [4, 2] } };
  const parameters = Float32Array.of(2, 1);
  const predictor = await Predictor.create(lineProvider(), wide);
  await expect(predictor.predict({ parameters, features: new Float32Array(0) })).resolves.toBeDefined();
  await expect(predictor.predict({ parameters, features: new Float32Array(5) })).rejects.toMatchObject({
    code: 'dataShapeMismatch',
  });
  const foreign = { parameters: new Float32Array(3), features: new Float32Array(4) };
  await expect(predictor.predict(foreign)).rejects.toMatchObject({ code: 'invalidLength' });

  const scalar = { ...prediction, outputs: [{ name: 'line', type: 'float32', shape: [1] } as const] };
  const odd = await Predictor.create(lineProvider(), scalar);
  await expect(odd.predict({ parameters, features: new Float32Array(4) })).rejects.toMatchObject({
    code: 'graphMalformed',
  });
});
