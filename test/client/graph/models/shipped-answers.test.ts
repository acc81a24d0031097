// covers: client/graph/models/linear.ts, client/graph/models/mlp.ts, client/graph/models/cnn.ts, client/graph/models/resnet.ts, client/graph/models/bag.ts, client/graph/models/transformer.ts
import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { BUILT_IN_MODELS } from '../../../../client/commands/built-in-models.ts';
import { initialParameters } from '../../../../client/graph/parameters.ts';
import { answerProvider } from '../known-answers.ts';
import {
  failures,
  itFollowsPyTorch,
  PERMITTED,
  PERMITTED_CLIPPED,
  SHIPPED_NAMES,
  shippedAnswer,
  shippedModel,
  trainClipped,
  trainPlainly,
} from './shipped-answers.ts';

/** The other provider has a suite of its own, among the slow ones. */
const some = (await answerProvider('cpu')) ?? (await answerProvider('wasm'));

it('there are answers of every model', () => {
  expect([...SHIPPED_NAMES].sort()).toEqual(Object.keys(BUILT_IN_MODELS).sort());
});

describe.each(SHIPPED_NAMES)(`%s on ${some?.name}`, (name) => {
  it('begins with the parameters that PyTorch began with', async () => {
    const answer = shippedAnswer(name);
    const flat = initialParameters(await shippedModel(answer));
    expect(createHash('sha256').update(flat).digest('hex')).toBe(answer.parametersSha256);
  });

  itFollowsPyTorch(name, some);
});

describe.skipIf(!some)('what is compared', () => {
  it('another rate, seed or number of steps leads elsewhere', async () => {
    if (!some) return;
    const answer = shippedAnswer('transformer');
    for (const change of [{ learningRate: 0.1005 }, { seed: 'another' }, { steps: 4 }]) {
      const trained = await trainPlainly({ ...answer, ...change }, some);
      expect(failures(answer.parameters, trained, PERMITTED)).not.toEqual([]);
    }
  });

  it('a norm that clips a little more, or nothing, leads elsewhere', async () => {
    if (!some) return;
    for (const name of ['mlp', 'bag', 'transformer']) {
      const answer = shippedAnswer(name);
      const { clipped } = answer;
      for (const clipNorm of [clipped.clipNorm * 0.99, 1e9]) {
        const trained = await trainClipped({ ...answer, clipped: { ...clipped, clipNorm } }, some);
        expect(failures(clipped.parameters, trained, PERMITTED_CLIPPED)).not.toEqual([]);
      }
    }
  });

  it('a parameter that is missing or NaN is found', async () => {
    if (!some) return;
    const answer = shippedAnswer('bag');
    const trained = await trainPlainly(answer, some);
    expect(failures(answer.parameters, trained, PERMITTED)).toEqual([]);
    const after = new Map(trained.after).set('head.bias', new Float32Array(3).fill(Number.NaN));
    expect(failures(answer.parameters, { ...trained, after }, PERMITTED)).toEqual([
      ['head.bias', Number.NaN],
    ]);
    const { 'head.bias': _bias, ...fewer } = answer.parameters;
    expect(failures(fewer, trained, PERMITTED)).toEqual([['head.bias', Number.POSITIVE_INFINITY]]);
  });
});
