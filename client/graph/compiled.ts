/**
 * What the compiler hands to whoever runs a graph: bytes of an ordinary ONNX model, and how to feed it.
 *
 * Every artefact takes the parameters as inputs under their names, so that one set of tensors serves all of them.
 * The other inputs and outputs have fixed names:
 *
 *   artefact    inputs besides the parameters              outputs
 *   step        state..., x, y, weight [B], masks..., lr [] <parameter>_next..., <state>_next..., loss []
 *               and clipNorm [] where examples are clipped
 *   epoch       the same with a leading axis S              <parameter>_next..., <state>_next..., losses [S]
 *   lotGradient clipNorm [], x, weight [B], masks..., y    <parameter>_gradient..., loss []
 *   its run     the same, x to y with a leading axis S,     <parameter>_gradient_next..., losses [S]
 *               and <parameter>_gradient...
 *   evaluation  x, y, weight [B]                           lossSum [], weightSum [], correct [], counted []
 *   prediction  x                                          the outputs of the forward graph
 *
 * In an epoch all but the parameters and the state have a leading axis S, the number of optimiser steps, which is free
 * at run time; S >= 1. Weights are >= 0. A weight of 0 marks padding: such an example changes no result, provided that
 * its x and y are finite and that the forward graph treats each example by itself, as models for training one do.
 */
import type { Cost } from './cost.ts';

/** A tensor that crosses the border of a graph. `shape` is concrete: the batch axis holds the batch size. */
export interface TensorSpec {
  readonly name: string;
  readonly type: 'float32' | 'int32';
  readonly shape: readonly number[];
}

/** Of dropout, drawn for every step anew: each element is 0 with probability `rate`, else 1 / (1 - rate). */
export interface MaskSpec extends TensorSpec {
  readonly type: 'float32';
  /** In (0, 1). */
  readonly rate: number;
}

/** Where a float32 parameter lies in the flat vector: `size` elements from `offset`, in the order of the model. */
export interface ParameterSpec {
  /**
   * The name of the graph's input, the same in all artefacts of a model. It is the name the model gives the
   * parameter, save where artefacts use that name themselves (a model may well call a parameter `weight`, or
   * something that ends in `_next`): then underscores are appended.
   */
  readonly name: string;
  readonly shape: readonly number[];
  readonly offset: number;
  readonly size: number;
}

interface Compiled {
  /** A serialised ModelProto. Equal model and options give equal bytes. */
  readonly bytes: Uint8Array;
  readonly parameters: readonly ParameterSpec[];
  /** The forward graph's input, named `x`, of one batch. */
  readonly input: TensorSpec;
  /** B. */
  readonly batchSize: number;
}

interface CompiledTraining extends Compiled {
  /** Tensors of the optimiser, all float32, zero before the first step. */
  readonly state: readonly TensorSpec[];
  /** What the loss compares with, named `y`, of one batch. */
  readonly target: TensorSpec;
  readonly masks: readonly MaskSpec[];
  /** Names of parameters that are statistics of the data and are not moved by gradients. */
  readonly statistics: readonly string[];
  /** Whether the gradient of each example is clipped to the input `clipNorm`. */
  readonly clipsExamples: boolean;
  /** Of one step. */
  readonly cost: Cost;
}

/** One optimiser step. */
export interface CompiledStep extends CompiledTraining {
  readonly kind: 'step';
}

/** The sum of clipped gradients over one batch: `compile-lot-gradient.ts`. */
export interface CompiledLotGradient extends Compiled {
  readonly kind: 'lotGradient';
  readonly target: TensorSpec;
  readonly masks: readonly MaskSpec[];
  readonly unit: 'example' | 'person';
  /** Of one batch. */
  readonly cost: Cost;
  /** S batches in one model, added in float32 to what goes in; compiled when it is asked for. */
  readonly run: () => Uint8Array;
}

/** S optimiser steps in one run; `input` and `target` are without the leading axis S. */
export interface CompiledEpoch extends CompiledTraining {
  readonly kind: 'epoch';
  /** One of its steps alone, compiled when it is asked for: a device keeps parameters between steps by itself. */
  readonly step: () => CompiledStep;
}

/**
 * Weighted sums over one batch: of the losses and what their mean divides by, of the right predictions and of what
 * could have been right, 0 where a loss knows no right and wrong.
 */
export interface CompiledEvaluation extends Compiled {
  readonly kind: 'evaluation';
  readonly target: TensorSpec;
}

/** The forward graph with its parameters as inputs. */
export interface CompiledPrediction extends Compiled {
  readonly kind: 'prediction';
  readonly outputs: readonly TensorSpec[];
}
