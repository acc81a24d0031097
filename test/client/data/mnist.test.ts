import { describe, expect, test } from 'vitest';
import { loadMnist, loadMnistLabels } from '../../../client/data/mnist.ts';

describe('MNIST', () => {
  test('has the published sizes and label counts', async () => {
    const histogram = (labels: Int32Array) =>
      labels.reduce((counts, label) => counts.with(label, (counts[label] ?? 0) + 1), new Array(10).fill(0));
    const train = await loadMnistLabels('train');
    expect(train.length).toBe(60_000);
    expect(histogram(train)).toEqual([5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]);
    expect(histogram(await loadMnistLabels('test'))).toEqual([
      980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009,
    ]);
  });

  test('the first training image is the familiar five', async () => {
    const { features, targets, inputShape } = await loadMnist('train', Uint32Array.of(0));
    expect(targets[0]).toBe(5);
    expect(inputShape).toEqual([784]);
    const ink = features.reduce((sum, value) => sum + value * 255, 0);
    expect(Math.round(ink)).toBe(27_525);
  });

  test('reads only the rows asked for, and the same as reading all', async () => {
    const part = await loadMnist('test', Uint32Array.of(9999, 7));
    const all = await loadMnist('test');
    expect(all.count).toBe(10_000);
    expect(part.features).toHaveLength(2 * 784);
    expect(part.features.subarray(0, 784)).toEqual(all.features.subarray(9999 * 784));
    expect(part.features.subarray(784)).toEqual(all.features.subarray(7 * 784, 8 * 784));
    expect(part.targets).toEqual(Int32Array.of(all.targets[9999] ?? -1, all.targets[7] ?? -1));
    expect(all.features.every((value) => value >= 0 && value <= 1)).toBe(true);
    expect(Math.max(...all.targets)).toBe(9);
  });
});
