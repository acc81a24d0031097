// covers: client/graph/models/linear.ts, client/graph/models/mlp.ts, client/graph/models/cnn.ts, client/graph/models/resnet.ts, client/graph/models/bag.ts, client/graph/models/transformer.ts
/**
 * The models that come with Hanse are trained as PyTorch trains the same functions from the same weights.
 */
import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { BUILT_IN_MODELS } from '../../../../client/commands/built-in-models.ts';
import type { ExecutionProvider } from '../../../../client/engine/provider.ts';
import { initialParameters } from '../../../../client/graph/parameters.ts';
import {
  SHIPPED_NAMES,
  type ShippedAnswer,
  shippedAnswer,
  shippedModel,
  type Trained,
  trainClipped,
  trainPlainly,
  worstOf,
} from './shipped-answers.ts';
import { PROVIDERS } from './step-agreement.ts';

/** Largest difference of a parameter from what PyTorch makes of it in five steps. */
const PERMITTED = 2e-5;
/** In one step. */
const PERMITTED_CLIPPED = 2e-6;

it('there are answers of every model', () => {
  expect([...SHIPPED_NAMES].sort()).toEqual(Object.keys(BUILT_IN_MODELS).sort());
});

const providers = await Promise.all(
  PROVIDERS.map(async ([name, load]) => [name, await load()] as [string, ExecutionProvider]),
);

function failures(answers: ShippedAnswer['parameters'], trained: Trained, permitted: number) {
  return [...worstOf(answers, trained)].filter(([, difference]) => !(difference <= permitted));
}

describe.each(SHIPPED_NAMES.map((name) => [name, shippedAnswer(name)] as const))('%s', (_, answer) => {
  it('begins with the parameters that PyTorch began with', async () => {
    const flat = initialParameters(await shippedModel(answer));
    expect(createHash('sha256').update(flat).digest('hex')).toBe(answer.parametersSha256);
  });

  it.each(providers)('has the parameters of PyTorch after five steps on %s', async (_, provider) => {
    const trained = await trainPlainly(answer, provider);
    expect(failures(answer.parameters, trained, PERMITTED)).toEqual([]);
    expect(trained.losses).toHaveLength(answer.losses.length);
    answer.losses.forEach((loss, step) => {
      expect(Math.abs((trained.losses[step] ?? Number.NaN) - loss)).toBeLessThanOrEqual(PERMITTED);
    });
  });

  it.each(providers)('clips examples as a loop over them does, on %s', async (_, provider) => {
    const { clipped } = answer;
    const trained = await trainClipped(answer, provider);
    expect(failures(clipped.parameters, trained, PERMITTED_CLIPPED)).toEqual([]);

    // A norm that clips a little more, or none of them, leads elsewhere.
    for (const clipNorm of [clipped.clipNorm * 0.99, 1e9]) {
      const other = await trainClipped({ ...answer, clipped: { ...clipped, clipNorm } }, provider);
      expect(failures(clipped.parameters, other, PERMITTED_CLIPPED)).not.toEqual([]);
    }
  });
});

describe('what is compared', () => {
  it.each(providers)('another rate, seed or number of steps leads elsewhere, on %s', async (_, provider) => {
    const answer = shippedAnswer('transformer');
    for (const change of [{ learningRate: 0.1005 }, { seed: 'another' }, { steps: 4 }]) {
      const trained = await trainPlainly({ ...answer, ...change }, provider);
      expect(failures(answer.parameters, trained, PERMITTED)).not.toEqual([]);
    }
  });

  it.each(providers)('a parameter that is missing or NaN is found, on %s', async (_, provider) => {
    const answer = shippedAnswer('bag');
    const trained = await trainPlainly(answer, provider);
    const after = new Map(trained.after).set('head.bias', new Float32Array(3).fill(Number.NaN));
    expect(failures(answer.parameters, { ...trained, after }, PERMITTED)).toEqual([
      ['head.bias', Number.NaN],
    ]);
    const { 'head.bias': _bias, ...fewer } = answer.parameters;
    expect(failures(fewer, trained, PERMITTED)).toEqual([['head.bias', Number.POSITIVE_INFINITY]]);
  });
});
