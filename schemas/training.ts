/**
 * How a job wants a model to be trained: loss, optimiser and local work. SPEC.md section 6.
 */
import { type Static, Type } from 'typebox';

const closed = { additionalProperties: false } as const;

const crossEntropyOptions = {
  /** One factor per class, by which an example of that class counts more or less; the mean divides by their sum. */
  classWeights: Type.Optional(Type.Array(Type.Number({ minimum: 0, maximum: 1e6 }), { maxItems: 1_000_000 })),
  /** Share of the target distribution that is spread evenly over all classes. */
  labelSmoothing: Type.Optional(Type.Number({ minimum: 0, exclusiveMaximum: 1 })),
  /** A label that marks what is not to be learnt, such as padding: it adds nothing to the mean. */
  ignoreIndex: Type.Optional(Type.Integer({ minimum: -2_147_483_648, maximum: 2_147_483_647 })),
};

/**
 * What is minimised: a mean, over weighted examples or tokens for cross-entropies, over all elements for the others.
 *
 *   softmax_ce   logits [B, C], int32 labels [B]
 *   sequence_ce  logits [B, T, C], int32 labels [B, T]
 *   bce_logits   logits [B, ...], float targets in [0, 1]
 *   mse, mae, huber  outputs [B, ...], float targets
 */
export const Loss = Type.Union([
  Type.Object({ type: Type.Literal('softmax_ce'), ...crossEntropyOptions }, closed),
  Type.Object({ type: Type.Literal('sequence_ce'), ...crossEntropyOptions }, closed),
  Type.Object({ type: Type.Literal('bce_logits') }, closed),
  Type.Object({ type: Type.Literal('mse') }, closed),
  Type.Object({ type: Type.Literal('mae') }, closed),
  /** Quadratic up to an error of delta, linear beyond. */
  Type.Object(
    { type: Type.Literal('huber'), delta: Type.Number({ exclusiveMinimum: 0, maximum: 1e6 }) },
    closed,
  ),
]);
export type Loss = Static<typeof Loss>;

const momentumOf = Type.Number({ minimum: 0, exclusiveMaximum: 1 });
/** Added to the gradient as weightDecay * parameter; adamw shrinks the parameter itself instead. */
const weightDecay = Type.Optional(Type.Number({ minimum: 0, maximum: 1 }));
const adamSettings = {
  beta1: Type.Number({ minimum: 0, exclusiveMaximum: 1 }),
  beta2: Type.Number({ minimum: 0, exclusiveMaximum: 1 }),
  /** Steps are computed in float32, where less may be 0. */
  epsilon: Type.Number({ minimum: 1e-30, maximum: 1000 }),
  weightDecay,
};

/** Local optimiser. Its state starts at zero in every round and never leaves the participant. */
export const Optimizer = Type.Union([
  Type.Object({ type: Type.Literal('sgd'), weightDecay }, closed),
  Type.Object({ type: Type.Literal('momentum'), momentum: momentumOf, weightDecay }, closed),
  Type.Object({ type: Type.Literal('nesterov'), momentum: momentumOf, weightDecay }, closed),
  Type.Object({ type: Type.Literal('adam'), ...adamSettings }, closed),
  Type.Object({ type: Type.Literal('adamw'), ...adamSettings }, closed),
]);
export type Optimizer = Static<typeof Optimizer>;

const warmup = Type.Number({ minimum: 0, exclusiveMaximum: 1 });
const floor = Type.Number({ minimum: 0, maximum: 1 });

/** How the learning rate changes from step to step over the whole job: `protocol/learning-rate.ts`. */
export const LearningRateSchedule = Type.Union([
  /** Rises evenly from 0 over the share `warmup` of the job, then falls along half a cosine to the share `floor`. */
  Type.Object({ type: Type.Literal('cosine'), warmup, floor }, closed),
  /** The same, falling along a line. */
  Type.Object({ type: Type.Literal('linear'), warmup, floor }, closed),
]);
export type LearningRateSchedule = Static<typeof LearningRateSchedule>;

export const LocalTraining = Type.Object(
  {
    loss: Loss,
    optimizer: Optimizer,
    learningRate: Type.Number({ exclusiveMinimum: 0, maximum: 1000 }),
    /** Multiplies the learning rate after every round: lr(r) = learningRate * decay^(r-1). */
    learningRateDecay: Type.Number({ exclusiveMinimum: 0, maximum: 1 }),
    /** Multiplies the learning rate of every step; absent: 1. */
    schedule: Type.Optional(LearningRateSchedule),
    /** Largest L2 norm of the gradient of a batch; a longer one is scaled down to it. */
    gradientClip: Type.Optional(Type.Number({ exclusiveMinimum: 0, maximum: 1e6 })),
    batchSize: Type.Integer({ minimum: 1, maximum: 65_536 }),
    epochs: Type.Integer({ minimum: 1, maximum: 1000 }),
    /** Stops an epoch early: at most this many optimiser steps a round. */
    maxSteps: Type.Optional(Type.Integer({ minimum: 1, maximum: 1_000_000_000 })),
  },
  closed,
);
export type LocalTraining = Static<typeof LocalTraining>;
