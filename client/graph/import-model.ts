/**
 * Reads a forward model from ONNX, whoever exported it: opsets 7 to 23, float32. SPEC.md section 6.3.
 *
 * The model is attacker-controlled. What passes here is a list of permitted operators whose shapes match, within the
 * limits of the node; any other bytes end in a HanseError.
 */
import { bindForward } from './bind-forward.ts';
import { INFERENCE } from './bind-mode.ts';
import type { ForwardGraph } from './forward-graph.ts';
import { GraphBuilder } from './graph-builder.ts';
import { chooseParameters, type ParameterPatterns } from './import/choose-parameters.ts';
import { attachExternalData, type ExternalData } from './import/external-data.ts';
import { partMergedParameters } from './import/merged-parameters.ts';
import { readInput } from './import/model-input.ts';
import { decodeModel } from './import/model-message.ts';
import { readNodes } from './import/model-nodes.ts';
import { TensorReader } from './import/model-tensors.ts';
import { ValueNames } from './import/value-names.ts';
import { DEFAULT_LIMITS, type GraphLimits } from './limits.ts';
import { malformed } from './onnx-decode.ts';
import type { Shape } from './tensor-type.ts';

/** A batch no exporter would have fixed by accident: shapes that work with it do not depend on the batch. */
const TRIAL_BATCH = 3;

/** `freeze`, `train` and `inputShape` are part of a job: everybody reads its model in the same way. */
export interface ImportOptions extends ParameterPatterns {
  /** The shape of one example, where the model leaves axes other than the batch free. */
  readonly inputShape?: Shape;
  /** Replaces some of the default limits. */
  readonly limits?: Partial<GraphLimits>;
  /** Reads the other files of the model; without it a model has to be one file. */
  readonly externalData?: ExternalData;
}

/**
 * @param bytes kept, and not to be changed any more: a large model lies in memory once
 * @throws graphMalformed, graphTooLarge, operatorUnsupported, graphFileRefused; for options that do not fit the model
 *   graphPatternUnmatched, graphWithoutParameters, dataShapeMismatch
 */
export function importModel(bytes: Uint8Array, options: ImportOptions = {}): ForwardGraph {
  const limits = { ...DEFAULT_LIMITS, ...options.limits };
  const { model, graph, opset } = decodeModel(bytes, limits);
  attachExternalData(graph, options.externalData, limits, bytes.length);
  partMergedParameters(model);

  const tensors = new TensorReader(limits);
  const { floats: initializers, constants } = tensors.initializers(graph);
  const initialized = new Set(graph.initializer.map(({ name }) => name));
  const { input, isBound } = readInput(
    graph.input.filter(({ name }) => !initialized.has(name)),
    options.inputShape,
    limits,
  );

  const names = new ValueNames([...initialized, input.name], graph.node);
  const read = readNodes(graph.node, { opset, names, tensors, constants, limits });
  const outputs = graph.output.map(({ name }) => names.require(name));
  if (outputs.length === 0) malformed('no outputs');
  if (new Set(outputs).size < outputs.length) malformed('an output is named twice');

  const { freeze = [], train = [] } = options;
  const chosen = chooseParameters({ initializers, constants: read.floats }, read.nodes, options, limits);
  const trained = new Set(chosen.parameters.map(({ name }) => name));
  const forward: ForwardGraph = {
    model,
    choices: {
      ...(freeze.length > 0 && { freeze: [...freeze] }),
      ...(train.length > 0 && { train: [...train] }),
      ...(isBound && { inputShape: [...input.example] }),
    },
    input,
    ...chosen,
    constants,
    nodes: read.nodes.filter(({ op, outputs: [output = ''] }) => op !== 'Constant' || !trained.has(output)),
    opset,
    outputs,
    limits,
  };
  bindOnTrial(forward);
  return forward;
}

/** Refuses a model whose nodes do not fit together. */
function bindOnTrial(forward: ForwardGraph): void {
  const { input, parameters } = forward;
  const trial = new GraphBuilder('trial');
  const dtype = input.dtype === 'float32' ? 'float32' : 'int32';
  const x = trial.input('x', dtype, [input.batch ?? TRIAL_BATCH, ...input.example]);
  const values = parameters.map(({ name, shape }) => trial.input(name, 'float32', shape));
  bindForward(trial, forward, x, values, INFERENCE);
}
