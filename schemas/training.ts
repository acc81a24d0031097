/**
 * How a job wants a model to be trained: loss, optimiser and local work. SPEC.md section 6.
 */
import { type Static, Type } from 'typebox';

/** softmax_ce: logits [B, C], int32 labels [B]; mse: any [B, ...]; bce_logits: logits, float targets in [0, 1]. */
export const Loss = Type.Union([Type.Literal('softmax_ce'), Type.Literal('mse'), Type.Literal('bce_logits')]);
export type Loss = Static<typeof Loss>;

/** Local optimiser. Its state starts at zero in every round and never leaves the participant. */
export const Optimizer = Type.Union([
  Type.Object({ type: Type.Literal('sgd') }, { additionalProperties: false }),
  Type.Object(
    { type: Type.Literal('momentum'), momentum: Type.Number({ minimum: 0, exclusiveMaximum: 1 }) },
    { additionalProperties: false },
  ),
  Type.Object(
    {
      type: Type.Literal('adam'),
      beta1: Type.Number({ minimum: 0, exclusiveMaximum: 1 }),
      beta2: Type.Number({ minimum: 0, exclusiveMaximum: 1 }),
      epsilon: Type.Number({ exclusiveMinimum: 0 }),
    },
    { additionalProperties: false },
  ),
]);
export type Optimizer = Static<typeof Optimizer>;

export const LocalTraining = Type.Object(
  {
    loss: Loss,
    optimizer: Optimizer,
    learningRate: Type.Number({ exclusiveMinimum: 0, maximum: 1000 }),
    /** Multiplies the learning rate after every round: lr(r) = learningRate * decay^(r-1). */
    learningRateDecay: Type.Number({ exclusiveMinimum: 0, maximum: 1 }),
    batchSize: Type.Integer({ minimum: 1, maximum: 65_536 }),
    epochs: Type.Integer({ minimum: 1, maximum: 1000 }),
    /** Stops an epoch early: at most this many optimiser steps a round. */
    maxSteps: Type.Optional(Type.Integer({ minimum: 1 })),
  },
  { additionalProperties: false },
);
export type LocalTraining = Static<typeof LocalTraining>;
