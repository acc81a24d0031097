/**
 * The models that come with Hanse where they take seconds: known answers of PyTorch on WebAssembly, and gradients
 * against finite differences on every provider.
 */
import { describe, expect, it } from 'vitest';
import { runnerOn } from '../../../../client/commands/graph-check.ts';
import { checkGradients } from '../../../../client/graph/gradient-check.ts';
import { answerProvider } from '../known-answers.ts';
import { numbers } from '../random-arrays.ts';
import { itFollowsPyTorch, SHIPPED_NAMES, shippedAnswer, shippedModel } from './shipped-answers.ts';

/** Coordinates of each parameter whose slope is measured; for the second provider fewer, as slopes are the same for both. */
const providers = [
  ['cpu', 4, await answerProvider('cpu')],
  ['wasm', 1, await answerProvider('wasm')],
] as const;
const [, [, , wasm]] = providers;

describe.each(SHIPPED_NAMES)('%s', (name) => {
  itFollowsPyTorch(name, wasm);

  it.each(providers)('has right gradients on %s, at %i coordinates', async (_, coordinates, provider) => {
    if (!provider) return;
    const answer = shippedAnswer(name);
    const checked = await checkGradients(await shippedModel(answer), {
      loss: answer.loss,
      batchSize: 2,
      coordinates,
      random: numbers(4),
      run: runnerOn(provider),
    });
    for (const { name: parameter, worstError, providerError, slopes } of checked) {
      expect(worstError, parameter).toBeLessThan(1e-6);
      expect(providerError, parameter).toBeLessThan(1e-4);
      expect(slopes, parameter).toBeGreaterThan(0);
    }
  });
});
