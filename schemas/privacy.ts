/**
 * What a job promises about the data of its participants, and by what noise it keeps the promise. SPEC.md chapter 12.
 */
import { type Static, Type } from 'typebox';

const closed = { additionalProperties: false } as const;

/**
 * The noise that each participant adds to its update, in steps of the grid; sums of it protect what is opened. At least 16,
 * so that integers are as good as real numbers, and at most 4096, the largest table of the sampler.
 */
export const Noise = Type.Union([
  /** P[X = x] proportional to exp(-x^2 / (2 sigma^2)): Kairouz, Liu, Steinke 2021. */
  Type.Object(
    { type: Type.Literal('discreteGaussian'), sigma: Type.Number({ minimum: 16, maximum: 4096 }) },
    closed,
  ),
  /** Difference of two Poisson variables, of variance sigma^2 together: Agarwal, Kairouz, Liu 2021. */
  Type.Object({ type: Type.Literal('skellam'), sigma: Type.Number({ minimum: 16, maximum: 4096 }) }, closed),
]);
export type Noise = Static<typeof Noise>;

/**
 * An update is the sum of clipped gradients over a lot: every unit of a participant's data enters by itself, by a coin
 * that nobody else sees. Abadi et al., CCS 2016, algorithm 1.
 */
export const Lot = Type.Object(
  {
    /** q: the probability with which a unit is in the lot of a round. */
    rate: Type.Number({ exclusiveMinimum: 0, maximum: 1 }),
    /** M: coordinates of the sum are cut to -M..M, in steps of the grid, before noise is added. */
    bound: Type.Integer({ minimum: 1, maximum: 0x7fff_ffff }),
  },
  closed,
);
export type Lot = Static<typeof Lot>;

/** The promise, in figures that each participant computes anew: SPEC.md 12.3. One of more than 10 would promise nothing. */
export const PrivacyPromise = Type.Object(
  {
    delta: Type.Number({ exclusiveMinimum: 0, exclusiveMaximum: 1 }),
    /** Against the coordinator and whoever takes part in a round. Not less than what the accountant finds. */
    epsilonServer: Type.Number({ exclusiveMinimum: 0, maximum: 10 }),
    /** Against recipients of the models alone. */
    epsilonModel: Type.Number({ exclusiveMinimum: 0, maximum: 10 }),
  },
  closed,
);
export type PrivacyPromise = Static<typeof PrivacyPromise>;
