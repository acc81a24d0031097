// covers: client/graph/models/cnn.ts, client/graph/models/layers.ts, client/graph/models/initializers.ts
import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { compilePrediction } from '../../../../client/graph/compile-prediction.ts';
import { cnn, cnnBytes } from '../../../../client/graph/models/cnn.ts';
import { initialParameters, parameterSpecs } from '../../../../client/graph/parameters.ts';
import { hasRuntime, load32 } from '../onnx-runtime.ts';
import { numbers, uniform, worstDifference } from '../random-arrays.ts';
import { initialTensors } from '../training-data.ts';
import { expectStepAgreement, PROVIDERS } from './step-agreement.ts';

/** Drawing its weights takes longer than all that is asked of it. */
const model = cnn(numbers(1));

describe('cnn', () => {
  it('has the 1,663,370 parameters of the paper', () => {
    const specs = parameterSpecs(model);
    expect(specs.map(({ name, shape }) => [name, shape])).toEqual([
      ['conv0.weight', [32, 1, 5, 5]],
      ['conv0.bias', [32]],
      ['conv1.weight', [64, 32, 5, 5]],
      ['conv1.bias', [64]],
      ['dense0.weight', [3136, 512]],
      ['dense0.bias', [512]],
      ['dense1.weight', [512, 10]],
      ['dense1.bias', [10]],
    ]);
    expect(initialParameters(model)).toHaveLength(1_663_370);
  });

  it('starts with weights of the spread that relu wants, and biases of 0', () => {
    const [kernels, bias] = model.parameters.slice(2, 4);
    const squares = (kernels?.data ?? new Float32Array()).reduce((sum, value) => sum + value * value, 0);
    // Of 51,200 normal draws with variance 2 / (32 * 25).
    expect((squares / 51_200) * 400).toBeCloseTo(1, 1);
    expect(bias?.data).toEqual(new Float32Array(64));
  });

  it('gives the same bytes for the same seed, others for another, and as many outputs as there are classes', () => {
    const digest = (seed: number) =>
      createHash('sha256')
        .update(cnnBytes(numbers(seed), 2))
        .digest('hex');
    expect(digest(3)).toBe(digest(3));
    expect(digest(3)).not.toBe(digest(4));
    expect(compilePrediction(cnn(numbers(3), 47), { batchSize: 3 }).outputs[0]?.shape).toEqual([3, 47]);
    expect(() => cnn(numbers(1), 0)).toThrow(RangeError);
  });

  it.skipIf(!hasRuntime)(
    'computes what the layers say, with relu before the pool as in the paper',
    async () => {
      const forward = model;
      const { bytes, parameters } = compilePrediction(forward, { batchSize: 1 });
      const x = uniform(numbers(6), [1, 1, 28, 28], -1, 1);
      const native = await (await load32(bytes))(
        new Map([...initialTensors(forward, { parameters }), ['x', x]]),
      );
      const data = forward.parameters.map((parameter) => parameter.data);
      let image: Image = { channels: 1, side: 28, data: Array.from(x.data) };
      for (const layer of [0, 2]) image = convolved(image, data[layer] ?? [], data[layer + 1] ?? []);
      const hidden = dense(image.data, data[4] ?? [], data[5] ?? []).map((value) => Math.max(0, value));
      const expected = dense(hidden, data[6] ?? [], data[7] ?? []);
      expect(worstDifference(native.get('output') ?? [], expected)).toBeLessThan(1e-4);
    },
  );

  it.each(PROVIDERS)('is trained on %s as the interpreter does it', (_, load) =>
    expectStepAgreement(model, { classes: 10, batchSize: 1 }, load),
  );
});

interface Image {
  readonly channels: number;
  readonly side: number;
  readonly data: readonly number[];
}

/** Convolution of 5 x 5, relu, the largest of each 2 x 2, pixel by pixel. */
function convolved(
  { channels, side, data }: Image,
  weight: ArrayLike<number>,
  bias: ArrayLike<number>,
): Image {
  const half = side / 2;
  const result: number[] = new Array(bias.length * half * half).fill(0);
  for (let made = 0; made < bias.length; made += 1)
    for (let row = 0; row < side; row += 1)
      for (let column = 0; column < side; column += 1) {
        let sum = bias[made] ?? 0;
        for (let channel = 0; channel < channels; channel += 1)
          for (let a = 0; a < 5; a += 1)
            for (let b = 0; b < 5; b += 1) {
              const [down, right] = [row + a - 2, column + b - 2];
              if (down < 0 || right < 0 || down >= side || right >= side) continue;
              const pixel = data[(channel * side + down) * side + right] ?? 0;
              sum += pixel * (weight[((made * channels + channel) * 5 + a) * 5 + b] ?? 0);
            }
        const at = (made * half + (row >> 1)) * half + (column >> 1);
        result[at] = Math.max(result[at] ?? 0, sum);
      }
  return { channels: bias.length, side: half, data: result };
}

function dense(x: readonly number[], weight: ArrayLike<number>, bias: ArrayLike<number>): number[] {
  return Array.from(bias, (start, column) =>
    x.reduce((sum, value, row) => sum + value * (weight[row * bias.length + column] ?? 0), start),
  );
}
