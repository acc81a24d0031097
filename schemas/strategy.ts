/**
 * How the coordinator turns the mean update of a round into the next model. SPEC.md 7.1.
 */
import { type Static, Type } from 'typebox';

const serverLearningRate = Type.Number({ exclusiveMinimum: 0, maximum: 1000 });
const decay = Type.Number({ minimum: 0, exclusiveMaximum: 1 });

export const FedAvg = Type.Object(
  { type: Type.Literal('fedavg'), serverLearningRate },
  { additionalProperties: false },
);
export type FedAvg = Static<typeof FedAvg>;

export const FedAvgM = Type.Object(
  { type: Type.Literal('fedavgm'), serverLearningRate, momentum: decay },
  { additionalProperties: false },
);
export type FedAvgM = Static<typeof FedAvgM>;

export const FedAdam = Type.Object(
  {
    type: Type.Literal('fedadam'),
    serverLearningRate,
    beta1: decay,
    beta2: decay,
    /** Degree of adaptivity: added to the root of the second moment, and the initial value of that root. */
    tau: Type.Number({ exclusiveMinimum: 0, maximum: 1000 }),
  },
  { additionalProperties: false },
);
export type FedAdam = Static<typeof FedAdam>;

export const Strategy = Type.Union([FedAvg, FedAvgM, FedAdam]);
export type Strategy = Static<typeof Strategy>;
