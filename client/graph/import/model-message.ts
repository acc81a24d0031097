/**
 * The message of a model, decoded, and what Hanse does not read in it refused by name: functions, training information,
 * operator sets of another age. All of it is attacker-controlled.
 */
import { fromBinary, type Message } from '@bufbuild/protobuf';
import { HanseError } from '../../../protocol/problem.ts';
import { type GraphProto, type ModelProto, ModelProtoSchema } from '../gen/onnx_pb.ts';
import { enforceLimit, type GraphLimits } from '../limits.ts';
import { enforceBudget } from '../onnx-budget.ts';
import { malformed } from '../onnx-decode.ts';

const MIN_OPSET = 7;
const MAX_OPSET = 23;

/** Fields that `onnx.proto` leaves out, and which change what a model computes. */
const MODEL_FIELDS = new Map([
  [20, 'training information'],
  [25, 'functions; export the model with its functions expanded'],
]);
const GRAPH_FIELDS = new Map([[15, 'sparse initialisers']]);

export interface ModelMessage {
  readonly model: ModelProto;
  readonly graph: GraphProto;
  readonly opset: number;
}

/**
 * @param bytes attacker-controlled; the message keeps referring to them
 * @throws graphMalformed, graphTooLarge
 */
export function decodeModel(bytes: Uint8Array, limits: GraphLimits): ModelMessage {
  enforceLimit(limits, 'bytes', bytes.length);
  enforceBudget(bytes, limits);
  const model = parse(bytes);
  refuseFields(model, MODEL_FIELDS);
  const { graph } = model;
  if (!graph) return malformed('no graph');
  refuseFields(graph, GRAPH_FIELDS);
  enforceLimit(limits, 'nodes', graph.node.length);
  return { model, graph, opset: readOpset(model) };
}

function parse(bytes: Uint8Array): ModelProto {
  try {
    // A view of its own: of a Node Buffer, byte fields would be Buffers.
    return fromBinary(ModelProtoSchema, new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length));
  } catch (cause) {
    throw new HanseError('graphMalformed', { reason: 'not an ONNX model (protobuf)' }, { cause });
  }
}

function refuseFields({ $unknown = [] }: Message, fields: ReadonlyMap<number, string>): void {
  for (const { no } of $unknown) {
    const what = fields.get(no);
    if (what !== undefined) malformed(`it has ${what}`);
  }
}

function readOpset({ opsetImport }: ModelProto): number {
  const versions = opsetImport
    .filter(({ domain }) => domain === '' || domain === 'ai.onnx')
    .map(({ version }) => Number(version));
  const [opset = 0] = versions;
  if (versions.some((version) => version !== opset)) malformed(`opsets ${versions} at once`);
  if (!(opset >= MIN_OPSET && opset <= MAX_OPSET))
    malformed(`opset ${opset}; ${MIN_OPSET} to ${MAX_OPSET} are read`);
  return opset;
}
