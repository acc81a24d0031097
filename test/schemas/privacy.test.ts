import { expect, test } from 'vitest';
import { parse } from '../../protocol/parse.ts';
import { Lot, Noise, PrivacyPromise } from '../../schemas/privacy.ts';

const refused = expect.objectContaining({ code: 'invalidFormat' });

test('noise has a standard deviation for which there is a table', () => {
  for (const type of ['discreteGaussian', 'skellam'] as const)
    for (const sigma of [16, 4096]) expect(parse(Noise, { type, sigma }, 'noise')).toEqual({ type, sigma });
  for (const sigma of [0, -16, 15.9, 4097, Number.NaN, Number.POSITIVE_INFINITY])
    expect(() => parse(Noise, { type: 'skellam', sigma }, 'noise')).toThrow(refused);
  expect(() => parse(Noise, { type: 'laplace', sigma: 16 }, 'noise')).toThrow(refused);
});

test('a rate is a probability above zero, a bound a positive integer', () => {
  expect(parse(Lot, { rate: 1, bound: 1 }, 'lot')).toEqual({ rate: 1, bound: 1 });
  for (const rate of [0, -0.1, 1.01, Number.NaN])
    expect(() => parse(Lot, { rate, bound: 1 }, 'lot')).toThrow(refused);
  for (const bound of [0, 1.5, 2 ** 31]) expect(() => parse(Lot, { rate: 1, bound }, 'lot')).toThrow(refused);
});

test('a promise has figures above zero and a delta below one', () => {
  const promise = { delta: 1e-5, epsilonServer: 2, epsilonModel: 2 };
  expect(parse(PrivacyPromise, promise, 'promise')).toEqual(promise);
  for (const wrong of [
    { delta: 0 },
    { delta: 1 },
    { epsilonServer: 0 },
    { epsilonModel: -1 },
    { epsilonServer: 10.1 },
    { more: 1 },
  ])
    expect(() => parse(PrivacyPromise, { ...promise, ...wrong }, 'promise')).toThrow(refused);
});
