import { describe, expect, it, test } from 'vitest';
import {
  gradientClipOf,
  OPTIMIZER_OPTIONS,
  type OptimizerOptions,
  optimizerOf,
} from '../../../client/commands/optimizer-option.ts';
import { parse } from '../../../protocol/parse.ts';
import { Optimizer } from '../../../schemas/training.ts';

const ADAM = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 };

describe('optimizerOf', () => {
  it.each<[OptimizerOptions, Optimizer]>([
    [{ optimizer: 'sgd' }, { type: 'sgd' }],
    [
      { optimizer: 'sgd', weightDecay: 0 },
      { type: 'sgd', weightDecay: 0 },
    ],
    [{ optimizer: 'momentum' }, { type: 'momentum', momentum: 0.9 }],
    [
      { optimizer: 'nesterov', momentum: 0.5, weightDecay: 1e-4 },
      { type: 'nesterov', momentum: 0.5, weightDecay: 1e-4 },
    ],
    [{ optimizer: 'adam' }, { type: 'adam', ...ADAM }],
    [
      { optimizer: 'adamw', weightDecay: 0.01 },
      { type: 'adamw', ...ADAM, weightDecay: 0.01 },
    ],
  ])('%j', (options, optimizer) => {
    expect(optimizerOf(options)).toEqual(optimizer);
    expect(parse(Optimizer, optimizer, 'optimizer')).toEqual(optimizer);
  });

  it.each<[code: string, OptimizerOptions]>([
    ['usage', { optimizer: 'sgd', momentum: 0.9 }],
    ['usage', { optimizer: 'adam', momentum: 0.9 }],
    ['usage', { optimizer: 'momentum', momentum: 1 }],
    ['usage', { optimizer: 'nesterov', momentum: -0.1 }],
    ['usage', { optimizer: 'sgd', weightDecay: -1 }],
    ['usage', { optimizer: 'adamw', weightDecay: Number.NaN }],
  ])('%s: %j', (code, options) => {
    expect(() => optimizerOf(options)).toThrow(expect.objectContaining({ code }));
  });
});

test('gradientClipOf() gives nothing where nothing is said, and else a positive norm', () => {
  expect(gradientClipOf({})).toEqual({});
  expect(gradientClipOf({ gradientClip: 0.5 })).toEqual({ gradientClip: 0.5 });
  for (const gradientClip of [0, -1, Number.NaN, Number.POSITIVE_INFINITY])
    expect(() => gradientClipOf({ gradientClip })).toThrow(expect.objectContaining({ code: 'usage' }));
});

test('every optimiser can be named', () => {
  const named = OPTIMIZER_OPTIONS.find(({ flags }) => flags.startsWith('--optimizer '))?.choices;
  const types = Optimizer.anyOf.map(({ properties }) => properties.type.const);
  expect([...(named ?? [])].sort()).toEqual([...types].sort());
});
