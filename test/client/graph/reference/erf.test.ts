import { describe, expect, it } from 'vitest';
import { erf } from '../../../../client/graph/reference/erf.ts';

describe('error function', () => {
  /** By Taylor's series in 60 decimal digits. */
  const known: [number, number][] = [
    [1e-8, 1.1283791670955126e-8],
    [0.1, 0.1124629160182849],
    [0.5, 0.5204998778130465],
    [1, 0.8427007929497149],
    [1.5, 0.9661051464753108],
    [2, 0.9953222650189527],
    [2.49, 0.9995707121322661],
    [2.51, 0.9996142945182758],
    [3, 0.9999779095030014],
    [4, 0.9999999845827421],
    [5, 0.9999999999984626],
  ];

  it.each(known)('of %s, and of its negative', (x, value) => {
    expect(Math.abs(erf(x) / value - 1)).toBeLessThan(1e-15);
    expect(erf(-x)).toBe(-erf(x));
  });

  it('of what lies at the ends', () => {
    expect([erf(0), erf(6), erf(Number.POSITIVE_INFINITY), erf(-100)]).toEqual([0, 1, 1, -1]);
    expect(erf(Number.NaN)).toBeNaN();
  });
});
