// covers: sim/privacy-utility/unit-images.ts
import { expect, test } from 'vitest';
import { RandomNumbers, seededRandom } from '../../../protocol/random.ts';
import { accuracyOf, CLASSES, trainLocally } from '../../../sim/privacy-utility/softmax-regression.ts';
import { normalized, pooled, type UnitImages, unitImages } from '../../../sim/privacy-utility/unit-images.ts';

const numbers = new RandomNumbers(seededRandom(new Uint8Array(32).fill(5)));

function some(count: number, width: number): UnitImages {
  const pixels = Float32Array.from({ length: count * width }, () => numbers.unit());
  const labels = Int32Array.from({ length: count }, () => numbers.below(CLASSES));
  return normalized(pixels, labels, count);
}

/** The slow twin: one gradient of W after the other, as in the header of the file. */
function steppedDelta(model: Float64Array, data: UnitImages, rows: Uint32Array, steps: number, rate: number) {
  const weights = Float64Array.from(model);
  for (let step = 0; step < steps; step += 1) {
    const gradient = new Float64Array(weights.length);
    for (const row of rows) {
      const x = data.features.subarray(row * data.inputs, (row + 1) * data.inputs);
      const logits = Array.from({ length: CLASSES }, (_, c) =>
        x.reduce((sum, value, k) => sum + value * (weights[k * CLASSES + c] as number), 0),
      );
      const total = logits.reduce((sum, logit) => sum + Math.exp(logit), 0);
      logits.forEach((logit, c) => {
        const error = Math.exp(logit) / total - (data.labels[row] === c ? 1 : 0);
        x.forEach((value, k) => {
          gradient[k * CLASSES + c] = (gradient[k * CLASSES + c] as number) + (value * error) / rows.length;
        });
      });
    }
    for (let i = 0; i < weights.length; i += 1)
      weights[i] = (weights[i] as number) - rate * (gradient[i] as number);
  }
  return weights.map((value, i) => value - (model[i] as number));
}

test.each([1, 2, 5])('%i local steps move the model as steps of gradient descent do', (steps) => {
  const data = some(12, 20);
  const rows = Uint32Array.of(1, 4, 5, 11);
  const model = Float64Array.from({ length: data.inputs * CLASSES }, () => numbers.normal());
  const delta = new Float32Array(model.length).fill(9);
  trainLocally(model, data, rows, { steps, learningRate: 3 }, delta);
  const slow = steppedDelta(model, data, rows, steps, 3);
  expect(Math.max(...slow.map((value, i) => Math.abs(value - (delta[i] as number))))).toBeLessThan(1e-6);
  expect(Math.max(...slow.map(Math.abs))).toBeGreaterThan(0.01);
});

test('a model that has seen the labels is right, and one that has seen nothing by chance', () => {
  // Each class is bright in a place of its own.
  const labels = Int32Array.from({ length: 60 }, (_, i) => (i * 7) % CLASSES);
  const pixels = Float32Array.from({ length: 60 * CLASSES }, (_, at) =>
    labels[Math.floor(at / CLASSES)] === at % CLASSES ? 1 : 0.5 * numbers.unit(),
  );
  const data = normalized(pixels, labels, 60);
  const model = new Float64Array(data.inputs * CLASSES);
  expect(accuracyOf(model, data)).toBe(0.1);
  const delta = new Float32Array(model.length);
  trainLocally(model, data, Uint32Array.from(labels.keys()), { steps: 20, learningRate: 20 }, delta);
  expect(accuracyOf(Float64Array.from(delta), data)).toBe(1);
});

test('images are pooled by means of four pixels, and each row has norm 1', () => {
  const image = Float32Array.from({ length: 28 * 28 }, (_, i) => (i % 28) + 100 * Math.floor(i / 28));
  const [first, second] = pooled(image, 1);
  expect([first, second]).toEqual([50.5, 52.5]);
  expect(pooled(new Float32Array(2 * 784), 2)).toHaveLength(2 * 196);
  const data = some(5, 8);
  for (let i = 0; i < 5; i += 1) {
    const row = data.features.subarray(9 * i, 9 * (i + 1));
    expect(row.reduce((sum, value) => sum + value * value, 0)).toBeCloseTo(1, 6);
    expect(row.at(-1)).toBeCloseTo(0.25 / Math.sqrt(1.0625), 6);
  }
  expect([...normalized(new Float32Array(3), Int32Array.of(0), 1).features]).toEqual([0, 0, 0, 1]);
});

test('the digits of a split, in their order', async () => {
  const data = await unitImages({ split: 'test', from: 0, to: 3, isPooled: true });
  expect(data).toMatchObject({ count: 3, inputs: 197 });
  expect([...data.labels]).toEqual([7, 2, 1]);
});
