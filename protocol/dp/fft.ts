/**
 * The discrete Fourier transform of real sequences whose length is a power of two: Cooley, Tukey 1965, two levels at a
 * time, the real sequence folded into a complex one of half its length.
 *   X_k = sum_j x_j exp(-2 pi i j k / n),  k = 0 to n/2; the others are their conjugates.
 * Every factor is rounded once, so the relative error grows as log n.
 */

/** X_k for k = 0 to n/2. */
export interface Spectrum {
  readonly re: Float64Array;
  readonly im: Float64Array;
}

export interface RealFft {
  readonly size: number;
  /** @param sequence [size], not modified; the spectrum, [size/2 + 1] each, is written over */
  forward(sequence: Float64Array, into: Spectrum): void;
  /** Back to what `forward` was given. @param spectrum is destroyed; @param into [size], written over */
  inverse(spectrum: Spectrum, into: Float64Array): void;
}

/** @param size a power of two, at least 4. All memory is taken here. */
export function realFft(size: number): RealFft {
  if (size < 4 || !Number.isInteger(Math.log2(size)))
    throw new RangeError('size is no power of two, from 4 on');
  const half = size / 2;
  const factors = factorsOf(size);
  const order = bitReversal(half);
  const re = new Float64Array(half);
  const im = new Float64Array(half);

  return {
    size,
    forward(sequence, into) {
      for (let j = 0; j < half; j += 1) {
        const to = order[j] as number;
        re[to] = sequence[2 * j] as number;
        im[to] = sequence[2 * j + 1] as number;
      }
      transform(re, im, factors);
      for (let k = 0; k <= half / 2; k += 1) {
        const mirror = (half - k) % half;
        const evenRe = ((re[k] as number) + (re[mirror] as number)) / 2;
        const evenIm = ((im[k] as number) - (im[mirror] as number)) / 2;
        const oddRe = ((im[k] as number) + (im[mirror] as number)) / 2;
        const oddIm = ((re[mirror] as number) - (re[k] as number)) / 2;
        const cos = factors.cos[half + k] as number;
        const sin = factors.sin[half + k] as number;
        const turnedRe = oddRe * cos - oddIm * sin;
        const turnedIm = oddRe * sin + oddIm * cos;
        into.re[k] = evenRe + turnedRe;
        into.im[k] = evenIm + turnedIm;
        into.re[half - k] = evenRe - turnedRe;
        into.im[half - k] = turnedIm - evenIm;
      }
    },
    inverse(spectrum, into) {
      for (let k = 0; k < half; k += 1) {
        const evenRe = (spectrum.re[k] as number) + (spectrum.re[half - k] as number);
        const evenIm = (spectrum.im[k] as number) - (spectrum.im[half - k] as number);
        const turnedRe = (spectrum.re[k] as number) - (spectrum.re[half - k] as number);
        const turnedIm = (spectrum.im[k] as number) + (spectrum.im[half - k] as number);
        const cos = factors.cos[half + k] as number;
        const sin = factors.sin[half + k] as number;
        const oddRe = turnedRe * cos + turnedIm * sin;
        const oddIm = turnedIm * cos - turnedRe * sin;
        const to = order[k] as number;
        // With real and imaginary parts exchanged, the forward transform is the inverse one.
        im[to] = evenRe - oddIm;
        re[to] = evenIm + oddRe;
      }
      transform(re, im, factors);
      for (let j = 0; j < half; j += 1) {
        into[2 * j] = (im[j] as number) / size;
        into[2 * j + 1] = (re[j] as number) / size;
      }
    },
  };
}

/** exp(-pi i j / h) for each level h = 1, 2, 4, ..., n/2 and 0 <= j < h, at h + j. */
interface Factors {
  readonly cos: Float64Array;
  readonly sin: Float64Array;
}

function factorsOf(size: number): Factors {
  const cos = new Float64Array(size);
  const sin = new Float64Array(size);
  const last = size / 2;
  for (let j = 0; j < last; j += 1) {
    const angle = (Math.PI * j) / last;
    cos[last + j] = j * 2 === last ? 0 : Math.cos(angle);
    sin[last + j] = -Math.sin(angle);
  }
  for (let at = last - 1; at >= 1; at -= 1) {
    cos[at] = cos[2 * at] as number;
    sin[at] = sin[2 * at] as number;
  }
  return { cos, sin };
}

function bitReversal(size: number): Uint32Array {
  const order = new Uint32Array(size);
  for (let j = 1; j < size; j += 1) order[j] = ((order[j >> 1] as number) >> 1) | (j & 1 ? size >> 1 : 0);
  return order;
}

/** In place, from bit-reversed order to the natural one. */
function transform(re: Float64Array, im: Float64Array, { cos, sin }: Factors): void {
  const size = re.length;
  let h = 1;
  if (Math.log2(size) % 2 === 1) {
    for (let a = 0; a < size; a += 2) {
      const aRe = re[a] as number;
      const aIm = im[a] as number;
      const bRe = re[a + 1] as number;
      const bIm = im[a + 1] as number;
      re[a] = aRe + bRe;
      im[a] = aIm + bIm;
      re[a + 1] = aRe - bRe;
      im[a + 1] = aIm - bIm;
    }
    h = 2;
  }
  // Levels h and 2h at once.
  for (; h < size; h *= 4) {
    for (let block = 0; block < size; block += 4 * h) {
      for (let j = 0; j < h; j += 1) {
        const a = block + j;
        const b = a + h;
        const c = b + h;
        const d = c + h;
        const cos1 = cos[h + j] as number;
        const sin1 = sin[h + j] as number;
        const cos2 = cos[2 * h + j] as number;
        const sin2 = sin[2 * h + j] as number;
        const bRe = (re[b] as number) * cos1 - (im[b] as number) * sin1;
        const bIm = (re[b] as number) * sin1 + (im[b] as number) * cos1;
        const dRe = (re[d] as number) * cos1 - (im[d] as number) * sin1;
        const dIm = (re[d] as number) * sin1 + (im[d] as number) * cos1;
        const sum1Re = (re[a] as number) + bRe;
        const sum1Im = (im[a] as number) + bIm;
        const difference1Re = (re[a] as number) - bRe;
        const difference1Im = (im[a] as number) - bIm;
        const sum2Re = (re[c] as number) + dRe;
        const sum2Im = (im[c] as number) + dIm;
        const difference2Re = (re[c] as number) - dRe;
        const difference2Im = (im[c] as number) - dIm;
        const turned1Re = sum2Re * cos2 - sum2Im * sin2;
        const turned1Im = sum2Re * sin2 + sum2Im * cos2;
        // A quarter turn further: times -i.
        const turned2Re = difference2Re * sin2 + difference2Im * cos2;
        const turned2Im = difference2Im * sin2 - difference2Re * cos2;
        re[a] = sum1Re + turned1Re;
        im[a] = sum1Im + turned1Im;
        re[b] = difference1Re + turned2Re;
        im[b] = difference1Im + turned2Im;
        re[c] = sum1Re - turned1Re;
        im[c] = sum1Im - turned1Im;
        re[d] = difference1Re - turned2Re;
        im[d] = difference1Im - turned2Im;
      }
    }
  }
}
