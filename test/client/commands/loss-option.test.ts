import { describe, expect, it, test } from 'vitest';
import { LOSS_OPTIONS, type LossOptions, lossOf } from '../../../client/commands/loss-option.ts';
import { parse } from '../../../protocol/parse.ts';
import { Loss } from '../../../schemas/training.ts';

describe('lossOf', () => {
  it.each<[LossOptions, Loss]>([
    [{ loss: 'softmax_ce' }, { type: 'softmax_ce' }],
    [
      { loss: 'sequence_ce', ignoreIndex: -100 },
      { type: 'sequence_ce', ignoreIndex: -100 },
    ],
    [
      { loss: 'softmax_ce', classWeights: '1, 2.5,0,1e3', labelSmoothing: 0.1, ignoreIndex: 0 },
      { type: 'softmax_ce', classWeights: [1, 2.5, 0, 1000], labelSmoothing: 0.1, ignoreIndex: 0 },
    ],
    [{ loss: 'bce_logits' }, { type: 'bce_logits' }],
    [{ loss: 'mse' }, { type: 'mse' }],
    [{ loss: 'mae' }, { type: 'mae' }],
    [{ loss: 'huber' }, { type: 'huber', delta: 1 }],
    [
      { loss: 'huber', huberDelta: 0.5 },
      { type: 'huber', delta: 0.5 },
    ],
  ])('%j', (options, loss) => {
    expect(lossOf(options)).toEqual(loss);
    expect(parse(Loss, loss, 'loss')).toEqual(loss);
  });

  it.each<[code: string, LossOptions]>([
    ['usage', { loss: 'mse', classWeights: '1,2' }],
    ['usage', { loss: 'bce_logits', labelSmoothing: 0.1 }],
    ['usage', { loss: 'huber', ignoreIndex: 1 }],
    ['usage', { loss: 'mae', huberDelta: 1 }],
    ['usage', { loss: 'softmax_ce', huberDelta: 1 }],
    ['usage', { loss: 'softmax_ce', classWeights: '' }],
    ['usage', { loss: 'softmax_ce', classWeights: '1,,2' }],
    ['usage', { loss: 'softmax_ce', classWeights: '1,two' }],
    ['usage', { loss: 'softmax_ce', classWeights: '1,Infinity' }],
    ['usage', { loss: 'softmax_ce', classWeights: '1,-2' }],
    ['usage', { loss: 'softmax_ce', labelSmoothing: 1 }],
    ['usage', { loss: 'sequence_ce', labelSmoothing: -0.1 }],
    ['usage', { loss: 'sequence_ce', ignoreIndex: 2 ** 31 }],
    ['usage', { loss: 'huber', huberDelta: 0 }],
  ])('%s: %j', (code, options) => {
    expect(() => lossOf(options)).toThrow(expect.objectContaining({ code }));
  });
});

test('every loss can be named', () => {
  const named = LOSS_OPTIONS.find(({ flags }) => flags.startsWith('--loss '))?.choices;
  const types = Loss.anyOf.map(({ properties }) => properties.type.const);
  expect([...(named ?? [])].sort()).toEqual([...types].sort());
});
