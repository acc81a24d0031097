/**
 * Tensors that a model keeps in other files. ONNX, "External Data": a tensor names a file beside the model, and where
 * in it its bytes lie.
 *
 * A model decides which files are read, and a model may come from anybody: only files in the folder of the model are,
 * by plain relative names. Whoever reads them looks after links (`client/data/model-file.ts`); a model that comes by
 * hash has no folder, and there nothing is read.
 */
import { HanseError } from '../../../protocol/problem.ts';
import {
  TensorProto_DataLocation as DataLocation,
  TensorProto_DataType as DataType,
  type GraphProto,
  type TensorProto,
} from '../gen/onnx_pb.ts';
import { enforceLimit, type GraphLimits } from '../limits.ts';
import { decodeShape, elementTypeName, malformed } from '../onnx-decode.ts';
import { elementCount } from '../tensor-type.ts';

/**
 * The whole content of a file in the folder of the model, which must not change any more.
 * @param location a plain relative name: parts separated by `/`, none of them empty or `..`
 */
export type ExternalData = (location: string) => Uint8Array;

const ELEMENT_BYTES: ReadonlyMap<number, number> = new Map([
  [DataType.FLOAT, 4],
  [DataType.INT32, 4],
  [DataType.INT64, 8],
  [DataType.BOOL, 1],
  [DataType.DOUBLE, 8],
]);

/**
 * Makes tensors of the graph that lie in other files ordinary ones, whose bytes are views of the files.
 * @param graph    changed in place
 * @param inFile   bytes of the model itself, which count towards the limit together with the files
 * @throws graphFileRefused, graphMalformed, graphTooLarge
 */
export function attachExternalData(
  graph: GraphProto,
  read: ExternalData | undefined,
  limits: GraphLimits,
  inFile: number,
): void {
  const files = new Map<string, Uint8Array>();
  let total = inFile;
  for (const tensor of tensorsOf(graph)) {
    if (tensor.dataLocation === DataLocation.DEFAULT) continue;
    const { location, offset, bytes } = placeOf(tensor, limits);
    total += bytes;
    enforceLimit(limits, 'bytes', total);
    if (!read) throw refused(location, 'a model has to be one file here: save it with its data inside');
    const file = files.get(location) ?? read(location);
    files.set(location, file);
    if (offset + bytes > file.length)
      throw refused(location, `tensor ${tensor.name} ends at byte ${offset + bytes} of ${file.length}`);
    tensor.rawData = file.subarray(offset, offset + bytes);
    tensor.externalData = [];
    tensor.dataLocation = DataLocation.DEFAULT;
  }
}

function* tensorsOf(graph: GraphProto): Iterable<TensorProto> {
  yield* graph.initializer;
  for (const { attribute } of graph.node) for (const { t } of attribute) if (t) yield t;
}

/** Where a tensor lies: all of its elements, no more and no less. */
function placeOf(tensor: TensorProto, limits: GraphLimits) {
  const where = `tensor ${tensor.name}`;
  if (tensor.dataLocation !== DataLocation.EXTERNAL)
    malformed(`${where}: data location ${tensor.dataLocation}`);
  if (tensor.rawData.length > 0) malformed(`${where}: data both within the file and outside`);
  const elementBytes = ELEMENT_BYTES.get(tensor.dataType);
  if (elementBytes === undefined) return malformed(`${where} is ${elementTypeName(tensor.dataType)}`);
  const bytes = elementBytes * elementCount(decodeShape(tensor.dims, where, limits));
  const entries = new Map(tensor.externalData.map(({ key, value }) => [key, value]));
  if (entries.size < tensor.externalData.length) malformed(`${where}: a key of its external data repeats`);
  const location = entries.get('location') ?? '';
  const fault = locationFault(location);
  if (fault !== undefined) throw refused(location, fault);
  const number = (key: string, otherwise: number): number => {
    const text = entries.get(key);
    if (text === undefined) return otherwise;
    return /^[0-9]{1,15}$/.test(text) ? Number(text) : malformed(`${where}: ${key} ${JSON.stringify(text)}`);
  };
  const length = number('length', bytes);
  if (length !== bytes)
    malformed(`${where}: ${length} bytes outside the file where its shape takes ${bytes}`);
  return { location, offset: number('offset', 0), bytes };
}

/** What is wrong with a location; undefined for a plain relative name. */
function locationFault(location: string): string | undefined {
  if (location === '') return 'the name is empty';
  if (/[\p{C}\\:]/u.test(location)) return 'the name holds a control character, a backslash or a colon';
  if (location.startsWith('/')) return 'the name is absolute';
  const isPlain = location.split('/').every((part) => part !== '' && part !== '..');
  return isPlain ? undefined : 'the name has a part that is empty or ..';
}

function refused(location: string, reason: string): HanseError<'graphFileRefused'> {
  return new HanseError('graphFileRefused', { location, reason });
}
