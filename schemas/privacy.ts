/**
 * What a job promises about the data of its participants, and by what noise it keeps the promise. SPEC.md chapter 12.
 */
import { type Static, Type } from 'typebox';

const closed = { additionalProperties: false } as const;

/** Least standard deviation of noise, in steps of the grid: from here on integers are as good as real numbers. */
export const SIGMA_LEAST = 16;
/** Largest standard deviation that has a table of the samplers: of the noise of one participant. */
export const SIGMA_MAX = 4096;
/** Of a coordinator, which needs no table. */
export const CENTRAL_SIGMA_MAX = 2 ** 28;

const ShareSigma = Type.Number({ minimum: SIGMA_LEAST, maximum: SIGMA_MAX });
const CentralSigma = Type.Number({ minimum: SIGMA_LEAST, maximum: CENTRAL_SIGMA_MAX });

/** The noise that each participant adds to its update, in steps of the grid; sums of it protect what is opened. */
export const Noise = Type.Union([
  /** P[X = x] proportional to exp(-x^2 / (2 sigma^2)): Kairouz, Liu, Steinke 2021. */
  Type.Object({ type: Type.Literal('discreteGaussian'), sigma: ShareSigma }, closed),
  /** Difference of two Poisson variables, of variance sigma^2 together: Agarwal, Kairouz, Liu 2021. */
  Type.Object({ type: Type.Literal('skellam'), sigma: ShareSigma }, closed),
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

/**
 * Noise that a coordinator adds to the opened sum, in steps of the grid, before anybody else sees anything of it: round(N(0,
 * sigma^2)) for each coordinate. Such a coordinator is trusted. SPEC.md 12.11.
 */
export const CentralNoise = Type.Union([
  /** Drawn afresh in each round. */
  Type.Object({ type: Type.Literal('gaussian'), sigma: CentralSigma }, closed),
  /** Of the nodes of binary trees over so many rounds each, in which a participant takes part once at most. */
  Type.Object(
    {
      type: Type.Literal('gaussianTree'),
      sigma: CentralSigma,
      rounds: Type.Integer({ minimum: 1, maximum: 1_000_000 }),
    },
    closed,
  ),
]);
export type CentralNoise = Static<typeof CentralNoise>;

const Epsilon = Type.Number({ exclusiveMinimum: 0, maximum: 10 });

/** The promise, in figures that each participant computes anew: SPEC.md 12.3. One of more than 10 would promise nothing. */
export const PrivacyPromise = Type.Object(
  {
    delta: Type.Number({ exclusiveMinimum: 0, exclusiveMaximum: 1 }),
    /**
     * Against the coordinator and whoever takes part in a round. Not less than what the accountant finds. Absent where the
     * coordinator is trusted: nothing is promised against it.
     */
    epsilonServer: Type.Optional(Epsilon),
    /** Against recipients of the models alone; where the coordinator is trusted, against everybody else. */
    epsilonModel: Epsilon,
    /** Present where the coordinator is trusted; participants then add no noise. */
    centralNoise: Type.Optional(CentralNoise),
  },
  closed,
);
export type PrivacyPromise = Static<typeof PrivacyPromise>;
