/**
 * What was done to data under differential privacy, as plain data that accountants interpret: a tree of mechanisms, the
 * samplings they saw and how often they ran. Events are stored and sent instead of epsilons, so anybody can recompute.
 *
 * A node is checked by its own schema; depth and size of the tree are bounded by `parseDpEvent`.
 */
import { type Static, Type } from 'typebox';

const Multiplier = Type.Number({ exclusiveMinimum: 0, maximum: 1e9 });
const Rate = Type.Number({ minimum: 0, maximum: 1 });
const Count = Type.Integer({ minimum: 1, maximum: 1e9 });
const Sensitivity = Type.Integer({ minimum: 1, maximum: 1e9 });
const closed = { additionalProperties: false } as const;

/**
 * Which data sets must be hard to tell apart: one unit more or less; one unit exchanged for any other; one unit exchanged
 * for nothing (zeroed), the number of units being public.
 */
export const Neighbouring = Type.Union([
  Type.Literal('add-or-remove-one'),
  Type.Literal('replace-one'),
  Type.Literal('replace-special'),
]);
export type Neighbouring = Static<typeof Neighbouring>;

/** Normal noise. Its standard deviation over the L2 sensitivity under the neighbouring relation of the figure. */
export const GaussianEvent = Type.Object(
  { type: Type.Literal('gaussian'), noiseMultiplier: Multiplier },
  closed,
);

/** Noise of density exp(-|x|/b)/(2b). b over the L1 sensitivity. */
export const LaplaceEvent = Type.Object(
  { type: Type.Literal('laplace'), scaleOverSensitivity: Multiplier },
  closed,
);

/** Integer noise, P[X = x] proportional to exp(-a |x|); integer sensitivity. */
export const DiscreteLaplaceEvent = Type.Object(
  { type: Type.Literal('discreteLaplace'), a: Multiplier, sensitivity: Sensitivity },
  closed,
);

/** Integer noise, P[X = x] proportional to exp(-x^2 / (2 sigma^2)); integer sensitivity. */
export const DiscreteGaussianEvent = Type.Object(
  { type: Type.Literal('discreteGaussian'), sigma: Multiplier, sensitivity: Sensitivity },
  closed,
);

/** Any mechanism that is (epsilon, delta)-DP. */
export const EpsilonDeltaEvent = Type.Object(
  {
    type: Type.Literal('epsilonDelta'),
    epsilon: Type.Number({ minimum: 0, maximum: 1e9 }),
    delta: Type.Number({ minimum: 0, maximum: 1 }),
  },
  closed,
);

/** A binary tree over sums of `steps` steps, each unit taking part once, normal noise at every node. */
export const TreeAggregationEvent = Type.Object(
  { type: Type.Literal('treeAggregation'), noiseMultiplier: Multiplier, steps: Count },
  closed,
);

/** Normal noise on a Poisson lot of which no more than `maxCohort` are kept. */
export const TruncatedPoissonGaussianEvent = Type.Object(
  {
    type: Type.Literal('truncatedPoissonGaussian'),
    populationSize: Count,
    q: Rate,
    maxCohort: Count,
    noiseMultiplier: Multiplier,
  },
  closed,
);

/**
 * A sum of integers to which each of at least `parties` participants added discrete Gaussian noise of its own.
 * `norm`: L2 sensitivity of the sum, in the steps in which `sigma` of one share is.
 */
export const DistributedDiscreteGaussianEvent = Type.Object(
  {
    type: Type.Literal('distributedDiscreteGaussian'),
    norm: Multiplier,
    dimension: Count,
    sigma: Type.Number({ minimum: 0.5, maximum: 1e9 }),
    parties: Count,
  },
  closed,
);

/** The same with Skellam noise; `sigma` is the root of the variance of one share. */
export const DistributedSkellamEvent = Type.Object(
  {
    type: Type.Literal('distributedSkellam'),
    norm: Multiplier,
    dimension: Count,
    sigma: Type.Number({ minimum: 0.5, maximum: 1e9 }),
    parties: Count,
  },
  closed,
);

/**
 * One of many is chosen, x with a probability proportional to exp(c u(x)), where the scores u of neighbouring data differ
 * such that all losses lie within an interval of length epsilon: c = epsilon / (2 sensitivity of u).
 */
export const ExponentialEvent = Type.Object(
  { type: Type.Literal('exponential'), epsilon: Multiplier },
  closed,
);

/** Every unit tells one of `numBuckets` values: with probability `noiseParameter` any of them, else its own. */
export const RandomizedResponseEvent = Type.Object(
  {
    type: Type.Literal('randomizedResponse'),
    noiseParameter: Type.Number({ exclusiveMinimum: 0, maximum: 1 }),
    numBuckets: Type.Integer({ minimum: 2, maximum: 1e9 }),
  },
  closed,
);

/** A mechanism without parts. */
export type Mechanism =
  | Static<typeof GaussianEvent>
  | Static<typeof LaplaceEvent>
  | Static<typeof DiscreteLaplaceEvent>
  | Static<typeof DiscreteGaussianEvent>
  | Static<typeof EpsilonDeltaEvent>
  | Static<typeof ExponentialEvent>
  | Static<typeof RandomizedResponseEvent>
  | Static<typeof TreeAggregationEvent>
  | Static<typeof TruncatedPoissonGaussianEvent>
  | Static<typeof DistributedDiscreteGaussianEvent>
  | Static<typeof DistributedSkellamEvent>;

const part = Type.Unknown();

/** Each unit takes part with probability q, by itself. */
export const PoissonEvent = Type.Object({ type: Type.Literal('poisson'), q: Rate, event: part }, closed);

/** A random subset of fixed size takes part. */
export const FixedSizeEvent = Type.Object(
  { type: Type.Literal('fixedSize'), populationSize: Count, sampleSize: Count, event: part },
  closed,
);

/** The event `count` times on the same data. */
export const RepeatEvent = Type.Object({ type: Type.Literal('repeat'), count: Count, event: part }, closed);

/** All of the events on the same data. */
export const ComposeEvent = Type.Object(
  { type: Type.Literal('compose'), events: Type.Array(part, { minItems: 1, maxItems: 10_000 }) },
  closed,
);

export type DpEvent =
  | Mechanism
  | { readonly type: 'poisson'; readonly q: number; readonly event: DpEvent }
  | {
      readonly type: 'fixedSize';
      readonly populationSize: number;
      readonly sampleSize: number;
      readonly event: DpEvent;
    }
  | { readonly type: 'repeat'; readonly count: number; readonly event: DpEvent }
  | { readonly type: 'compose'; readonly events: readonly DpEvent[] };

/** By the `type` of a node. */
export const DP_EVENT_NODES = {
  gaussian: GaussianEvent,
  laplace: LaplaceEvent,
  discreteLaplace: DiscreteLaplaceEvent,
  discreteGaussian: DiscreteGaussianEvent,
  epsilonDelta: EpsilonDeltaEvent,
  exponential: ExponentialEvent,
  randomizedResponse: RandomizedResponseEvent,
  treeAggregation: TreeAggregationEvent,
  truncatedPoissonGaussian: TruncatedPoissonGaussianEvent,
  distributedDiscreteGaussian: DistributedDiscreteGaussianEvent,
  distributedSkellam: DistributedSkellamEvent,
  poisson: PoissonEvent,
  fixedSize: FixedSizeEvent,
  repeat: RepeatEvent,
  compose: ComposeEvent,
} as const satisfies Record<DpEvent['type'], unknown>;
