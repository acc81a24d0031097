/**
 * Reads a forward model from ONNX, whoever exported it: opsets 7 to 23, float32, data within the file. SPEC.md
 * section 6.3.
 *
 * The model is attacker-controlled. What passes here is a list of permitted operators whose shapes match, within the
 * limits of the node; any other bytes end in a HanseError. Float initialisers are the parameters.
 */
import { fromBinary } from '@bufbuild/protobuf';
import { HanseError } from '../../protocol/problem.ts';
import { type Attribute, int, intAttribute, intsAttribute } from './attribute.ts';
import { bindForward } from './bind-forward.ts';
import { INFERENCE } from './bind-mode.ts';
import type { ForwardGraph, ForwardInput, ForwardNode, ForwardParameter } from './forward-graph.ts';
import { isForwardOperator, supportedOperators } from './forward-operators.ts';
import {
  TensorProto_DataType as DataType,
  type GraphProto,
  type ModelProto,
  ModelProtoSchema,
  type NodeProto,
  type ValueInfoProto,
} from './gen/onnx_pb.ts';
import { GraphBuilder } from './graph-builder.ts';
import { DEFAULT_LIMITS, enforceLimit, type GraphLimits } from './limits.ts';
import { enforceBudget } from './onnx-budget.ts';
import { decodeAttribute, decodeShape, decodeTensor, malformed } from './onnx-decode.ts';
import { type Constant, elementCount } from './tensor-type.ts';

const MIN_OPSET = 7;
const MAX_OPSET = 23;

const INPUT_TYPES: ReadonlyMap<number, ForwardInput['dtype']> = new Map([
  [DataType.FLOAT, 'float32'],
  [DataType.INT32, 'int32'],
  [DataType.INT64, 'int64'],
]);

/** Operators take and give any number; a limit keeps work in proportion to the number of nodes. */
const MAX_NODE_INPUTS = 256;

/** A batch no exporter would have fixed by accident: shapes that work with it do not depend on the batch. */
const TRIAL_BATCH = 3;

export interface ImportOptions {
  /** Replaces some of the default limits. */
  readonly limits?: Partial<GraphLimits>;
}

/** @throws graphMalformed, graphTooLarge, operatorUnsupported */
export function importModel(bytes: Uint8Array, options: ImportOptions = {}): ForwardGraph {
  const limits = { ...DEFAULT_LIMITS, ...options.limits };
  enforceLimit(limits, 'bytes', bytes.length);
  enforceBudget(bytes, limits);
  // A copy of its own: decoded byte fields alias what they were decoded from.
  const model = decodeModel(new Uint8Array(bytes));
  const { graph } = model;
  if (!graph) return malformed('no graph');
  const opset = readOpset(model);
  enforceLimit(limits, 'nodes', graph.node.length);

  const { floats, constants } = readInitializers(graph, limits);
  const initialized = new Set([...floats.map(({ name }) => name), ...constants.keys()]);
  const inputs = graph.input.filter(({ name }) => !initialized.has(name));
  const [first] = inputs;
  if (!first || inputs.length > 1) return malformed(`${inputs.length} inputs; a model has one`);
  const input = readInput(first, limits);

  const names = new Names([...initialized, input.name]);
  const nodes = graph.node.map((node) => readNode(node, opset, names, constants, limits));
  const outputs = graph.output.map(({ name }) => names.require(name, 'the outputs'));
  if (outputs.length === 0) malformed('no outputs');
  const fixed = fixedStatistics(nodes);
  const parameters = floats.filter(({ name }) => !fixed.has(name));
  const frozen = floats.filter(({ name }) => fixed.has(name));
  const forward: ForwardGraph = {
    model,
    input,
    parameters,
    frozen,
    constants,
    nodes,
    opset,
    outputs,
    limits,
  };

  const trial = new GraphBuilder('trial');
  const dtype = input.dtype === 'float32' ? 'float32' : 'int32';
  const x = trial.input('x', dtype, [input.batch ?? TRIAL_BATCH, ...input.example]);
  const values = parameters.map(({ name, shape }) => trial.input(name, 'float32', shape));
  bindForward(trial, forward, x, values, INFERENCE);
  return forward;
}

/** Mean and variance of batch normalisation that was exported for inference: nothing moves them. */
function fixedStatistics(nodes: readonly ForwardNode[]): Set<string> {
  const fixed = nodes.filter(
    ({ op, attributes }) => op === 'BatchNormalization' && intAttribute(attributes, 'training_mode', 0) === 0,
  );
  return new Set(fixed.flatMap(({ inputs }) => inputs.slice(3, 5)));
}

function decodeModel(bytes: Uint8Array): ModelProto {
  try {
    return fromBinary(ModelProtoSchema, bytes);
  } catch (cause) {
    throw new HanseError('graphMalformed', { reason: 'not an ONNX model (protobuf)' }, { cause });
  }
}

function readOpset(model: ModelProto): number {
  const opset = Number(
    model.opsetImport.find(({ domain }) => domain === '' || domain === 'ai.onnx')?.version ?? 0,
  );
  if (!(opset >= MIN_OPSET && opset <= MAX_OPSET))
    malformed(`opset ${opset}; ${MIN_OPSET} to ${MAX_OPSET} are read`);
  return opset;
}

function readInitializers(graph: GraphProto, limits: GraphLimits) {
  const floats: ForwardParameter[] = [];
  const constants = new Map<string, Constant>();
  const seen = new Set<string>();
  let elements = 0;
  for (const tensor of graph.initializer) {
    const { name } = tensor;
    if (name === '' || seen.has(name))
      malformed(`initialiser name ${JSON.stringify(name)} is empty or repeats`);
    seen.add(name);
    const constant = decodeTensor(tensor, limits);
    elements += elementCount(constant.shape);
    enforceLimit(limits, 'parameters', elements);
    if (constant.dtype !== 'float32') constants.set(name, constant);
    else if (constant.data.length === 0) malformed(`parameter ${name} is empty`);
    else floats.push({ name, shape: constant.shape, data: constant.data });
  }
  return { floats, constants };
}

function readInput(info: ValueInfoProto, limits: GraphLimits): ForwardInput {
  const where = `input ${info.name}`;
  const tensor = info.type?.value.case === 'tensorType' ? info.type.value.value : undefined;
  if (info.name === '' || !tensor?.shape) return malformed(`${where} has no tensor shape`);
  const dtype = INPUT_TYPES.get(tensor.elemType);
  if (!dtype)
    return malformed(`${where} has element type ${tensor.elemType}; float32, int32 and int64 are read`);
  const [batch, ...example] = tensor.shape.dim.map(({ value }) =>
    value.case === 'dimValue' ? value.value : undefined,
  );
  if (tensor.shape.dim.length === 0) malformed(`${where} has no batch axis`);
  const fixed = example.filter((length) => length !== undefined);
  if (fixed.length < example.length) malformed(`${where}: only the first axis may be free`);
  const shape = decodeShape(batch === undefined ? fixed : [batch, ...fixed], where, limits);
  if (shape.some((length) => length === 0)) malformed(`${where} is empty`);
  return {
    name: info.name,
    dtype,
    batch: batch === undefined ? undefined : shape[0],
    example: batch === undefined ? shape : shape.slice(1),
  };
}

function readNode(
  node: NodeProto,
  opset: number,
  names: Names,
  constants: Map<string, Constant>,
  limits: GraphLimits,
): ForwardNode {
  const label = node.name || (node.output[0] ?? '');
  const op = node.opType;
  if ((node.domain !== '' && node.domain !== 'ai.onnx') || !isForwardOperator(op)) {
    const operator = node.domain === '' ? op : `${node.domain}.${op}`;
    throw new HanseError('operatorUnsupported', { operator, node: label, supported: supportedOperators() });
  }
  const attributes: Record<string, Attribute> = Object.create(null);
  for (const attribute of node.attribute)
    attributes[attribute.name] = decodeAttribute(attribute, label, limits);
  if (node.input.length > MAX_NODE_INPUTS) malformed(`node ${label}: ${node.input.length} inputs`);
  const inputs = node.input.map((name) => (name === '' ? '' : names.require(name, `node ${label}`)));
  const [output = ''] = node.output;
  if (output === '') return malformed(`node ${label} has no output`);
  if (node.output.length > MAX_NODE_INPUTS) malformed(`node ${label}: ${node.output.length} outputs`);

  // Up to opset 12 or 17, depending on the operator, axes are an attribute; since then they are an input.
  const axes = intsAttribute(attributes, 'axes');
  if (axes && inputs.length === 1) {
    const name = names.define(names.unused(`${output}_axes`), label);
    constants.set(name, { dtype: 'int64', shape: [axes.length], data: BigInt64Array.from(axes, BigInt) });
    inputs.push(name);
    delete attributes.axes;
  }
  if (op === 'Softmax' && opset < 13) {
    // Before opset 13 Softmax normalised over all axes from this one on; the two agree on the last axis alone.
    if (intAttribute(attributes, 'axis', 1) !== -1)
      malformed(`node ${label}: Softmax of opset ${opset} with an axis other than -1; export with opset 13`);
    attributes.axis = int(-1);
  }
  const outputs = node.output.map((name) => (name === '' ? '' : names.define(name, `node ${label}`)));
  return { op, label, inputs, outputs, attributes };
}

/** The names defined so far: each once, and none used before. */
class Names {
  readonly #defined: Set<string>;

  constructor(defined: Iterable<string>) {
    this.#defined = new Set(defined);
  }

  require(name: string, where: string): string {
    return this.#defined.has(name) ? name : malformed(`${where}: value ${name} is not defined`);
  }

  define(name: string, where: string): string {
    if (name === '' || this.#defined.has(name))
      malformed(`${where}: output name ${JSON.stringify(name)} is empty or repeats`);
    this.#defined.add(name);
    return name;
  }

  unused(name: string): string {
    let free = name;
    while (this.#defined.has(free)) free += '_';
    return free;
  }
}
