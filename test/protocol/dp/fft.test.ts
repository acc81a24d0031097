/** The transform against its slow twin and what is known of it. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { realFft, type Spectrum } from '../../../protocol/dp/fft.ts';

const spectrumOf = (size: number): Spectrum => ({
  re: new Float64Array(size / 2 + 1),
  im: new Float64Array(size / 2 + 1),
});

function forward(sequence: Float64Array): Spectrum {
  const spectrum = spectrumOf(sequence.length);
  realFft(sequence.length).forward(sequence, spectrum);
  return spectrum;
}

/** The sum as it is written. */
function slow(sequence: Float64Array): Spectrum {
  const size = sequence.length;
  const spectrum = spectrumOf(size);
  for (let k = 0; k <= size / 2; k += 1)
    sequence.forEach((x, j) => {
      const angle = (-2 * Math.PI * ((j * k) % size)) / size;
      spectrum.re[k] = (spectrum.re[k] ?? 0) + x * Math.cos(angle);
      spectrum.im[k] = (spectrum.im[k] ?? 0) + x * Math.sin(angle);
    });
  return spectrum;
}

const distance = (one: Float64Array, other: Float64Array): number =>
  one.reduce((most, x, at) => Math.max(most, Math.abs(x - (other[at] ?? Number.NaN))), 0);
const noiseOf = (size: number): Float64Array =>
  Float64Array.from({ length: size }, (_, j) => Math.sin(j * j * 0.7 + j));

describe('what is known', () => {
  test('one impulse is flat, its delay turns it, and a constant is one line', () => {
    const impulse = new Float64Array(16);
    impulse[0] = 1;
    expect(Array.from(forward(impulse).re)).toEqual(Array(9).fill(1));
    const delayed = new Float64Array(16);
    delayed[1] = 1;
    const { re, im } = forward(delayed);
    expect(re[4]).toBeCloseTo(0, 15);
    expect(im[4]).toBeCloseTo(-1, 15);
    expect(im[2]).toBeCloseTo(-Math.SQRT1_2, 15);
    expect(Array.from(forward(new Float64Array(16).fill(1)).re)).toEqual([16, ...Array(8).fill(0)]);
  });

  test('a cosine has one line', () => {
    const { re, im } = forward(
      Float64Array.from({ length: 32 }, (_, j) => Math.cos((2 * Math.PI * 3 * j) / 32)),
    );
    for (let k = 0; k <= 16; k += 1) {
      expect(re[k]).toBeCloseTo(k === 3 ? 16 : 0, 13);
      expect(im[k]).toBeCloseTo(0, 13);
    }
  });
});

test.each([4, 8, 16, 32, 256, 1024])('it is the plain sum, for %i', (size) => {
  const sequence = noiseOf(size);
  const [fast, plain] = [forward(sequence), slow(sequence)];
  expect(distance(fast.re, plain.re)).toBeLessThan(1e-14 * size);
  expect(distance(fast.im, plain.im)).toBeLessThan(1e-14 * size);
});

test.each([2 ** 15, 2 ** 16])('it comes back, and keeps the energy, for %i', (size) => {
  const sequence = noiseOf(size);
  const fft = realFft(size);
  const spectrum = spectrumOf(size);
  fft.forward(sequence, spectrum);
  let energy = 0;
  spectrum.re.forEach((re, k) => {
    energy += (k === 0 || k === size / 2 ? 1 : 2) * (re ** 2 + (spectrum.im[k] ?? 0) ** 2);
  });
  expect(energy / size / sequence.reduce((sum, x) => sum + x * x, 0)).toBeCloseTo(1, 13);
  const back = new Float64Array(size);
  fft.inverse(spectrum, back);
  expect(distance(back, sequence)).toBeLessThan(2e-15);
});

test('products of spectra are convolutions around the ring', () => {
  fc.assert(
    fc.property(
      fc.array(fc.double({ min: -1, max: 1, noNaN: true }), { minLength: 16, maxLength: 16 }),
      (values) => {
        const [one, other] = [Float64Array.from(values), noiseOf(16)];
        const [a, b] = [forward(one), forward(other)];
        const product: Spectrum = {
          re: a.re.map((re, k) => re * (b.re[k] ?? 0) - (a.im[k] ?? 0) * (b.im[k] ?? 0)),
          im: a.re.map((re, k) => re * (b.im[k] ?? 0) + (a.im[k] ?? 0) * (b.re[k] ?? 0)),
        };
        const got = new Float64Array(16);
        realFft(16).inverse(product, got);
        const wanted = got.map((_, at) =>
          one.reduce((sum, x, j) => sum + x * (other[(at - j + 16) % 16] ?? 0), 0),
        );
        expect(distance(got, wanted)).toBeLessThan(1e-14);
      },
    ),
  );
});

test.each([0, 2, 6, 12])('%i is no size', (size) => {
  expect(() => realFft(size)).toThrow(RangeError);
  expect(realFft(4).size).toBe(4);
});
