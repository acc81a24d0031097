import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { compilePrediction } from '../../../../client/graph/compile-prediction.ts';
import { importModel } from '../../../../client/graph/import-model.ts';
import { resnet, resnetBytes } from '../../../../client/graph/models/resnet.ts';
import { initialParameters, parameterSpecs } from '../../../../client/graph/parameters.ts';
import { hasRuntime, load32 } from '../onnx-runtime.ts';
import { numbers, uniform, worstDifference } from '../random-arrays.ts';
import { initialTensors } from '../training-data.ts';
import { expectStepAgreement, PROVIDERS } from './step-agreement.ts';

const SMALL = { input: [2, 9, 7], classes: 3 } as const;

describe('resnet', () => {
  it('has three stages of blocks, the first of a stage with a shortcut where the shape changes', () => {
    const weights = parameterSpecs(resnet(numbers(1))).filter(({ shape }) => shape.length === 4);
    expect(weights.map(({ name, shape }) => [name, shape])).toEqual([
      ['stem.weight', [16, 1, 3, 3]],
      ['stage0.block0.conv0.weight', [16, 16, 3, 3]],
      ['stage0.block0.conv1.weight', [16, 16, 3, 3]],
      ['stage1.block0.conv0.weight', [32, 16, 3, 3]],
      ['stage1.block0.conv1.weight', [32, 32, 3, 3]],
      ['stage1.block0.shortcut.weight', [32, 16, 1, 1]],
      ['stage2.block0.conv0.weight', [64, 32, 3, 3]],
      ['stage2.block0.conv1.weight', [64, 64, 3, 3]],
      ['stage2.block0.shortcut.weight', [64, 32, 1, 1]],
    ]);
    expect(initialParameters(resnet(numbers(1)))).toHaveLength(77_754);
    const deeper = parameterSpecs(resnet(numbers(1), { blocks: 3 }));
    expect(deeper.filter(({ name }) => name.includes('shortcut.weight'))).toHaveLength(2);
    expect(deeper.filter(({ name }) => /conv\d\.weight$/.test(name))).toHaveLength(18);
  });

  it('trains what normalisation scales and adds, but not the ones and zeros it is written with', () => {
    const names = parameterSpecs(resnet(numbers(1))).map(({ name }) => name);
    expect(names).toContain('stem.norm.weight');
    expect(names).toContain('stem.norm.bias');
    expect(names.filter((name) => /ones|zeros/.test(name))).toEqual([]);
  });

  it('takes images of any size and any number of channels and classes', () => {
    const { outputs } = compilePrediction(resnet(numbers(1), SMALL), { batchSize: 2 });
    expect(outputs[0]?.shape).toEqual([2, 3]);
    for (const options of [{ classes: 0 }, { blocks: 1.5 }, { input: [1, 0, 4] as const }])
      expect(() => resnet(numbers(1), options)).toThrow(RangeError);
  });

  it('gives the same bytes for the same seed and others for another', () => {
    const digest = (seed: number) =>
      createHash('sha256')
        .update(resnetBytes(numbers(seed), SMALL))
        .digest('hex');
    expect(digest(3)).toBe(digest(3));
    expect(digest(3)).not.toBe(digest(4));
  });

  it.skipIf(!hasRuntime)('compiles to what ONNX Runtime makes of the model itself', async () => {
    const bytes = resnetBytes(numbers(5), SMALL);
    const forward = importModel(bytes);
    const prediction = compilePrediction(forward, { batchSize: 2 });
    const x = uniform(numbers(6), [2, ...SMALL.input], -1, 1);
    const ours = await (await load32(prediction.bytes))(
      new Map([...initialTensors(forward, prediction), ['x', x]]),
    );
    const theirs = await (await load32(bytes))(new Map([['x', x]]));
    expect(theirs.get('output')).toHaveLength(6);
    expect(worstDifference(ours.get('output') ?? [], theirs.get('output') ?? [])).toBeLessThan(1e-5);
  });

  it.each(PROVIDERS)('is trained on %s as the interpreter does it', (_, load) =>
    expectStepAgreement(resnet(numbers(7), SMALL), { classes: 3, batchSize: 2 }, load),
  );
});
