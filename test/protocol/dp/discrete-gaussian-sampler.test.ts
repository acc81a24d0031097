// covers: protocol/dp/fixed-point.ts, protocol/dp/cumulative-table.ts, protocol/dp/table-sampler.ts, protocol/dp/table-cache.ts
import { expect, test } from 'vitest';
import { nativeSeededRandom } from '../../../client/native-key-stream.ts';
import { discreteGaussianSampler, tableSlack } from '../../../protocol/dp/discrete-gaussian-sampler.ts';

const random = () => nativeSeededRandom(new Uint8Array(32).fill(7));

test('draws have the variance of the law', () => {
  for (const sigma of [1, 3.7, 16, 793.25, 4096]) {
    const values = new Int32Array(200_000);
    discreteGaussianSampler(sigma, random()).addTo(values);
    const variance = values.reduce((sum, value) => sum + value * value, 0) / values.length;
    expect(Math.abs(variance / sigma ** 2 - 1)).toBeLessThan(6 * Math.sqrt(2 / values.length));
    expect(tableSlack(sigma)).toBeLessThan(2 ** -100);
  }
});

test('noise out of range is refused by name', () => {
  for (const sigma of [0, -1, 0.4999, Number.NaN])
    expect(() => tableSlack(sigma)).toThrow(expect.objectContaining({ code: 'noiseTooSmall' }));
  for (const sigma of [4096.001, Infinity])
    expect(() => discreteGaussianSampler(sigma, random())).toThrow(
      expect.objectContaining({ code: 'noiseTableTooLarge' }),
    );
  expect(tableSlack(0.5)).toBeLessThan(2 ** -100);
});
