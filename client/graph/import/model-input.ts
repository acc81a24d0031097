/**
 * The input of a model: its first axis is the batch, the others are those of one example.
 *
 * The batch axis may be free; `bind-forward.ts` gives it a length. Other free axes, such as the length of a sequence,
 * get theirs here, because shapes are concrete from here on.
 */
import { HanseError } from '../../../protocol/problem.ts';
import type { ForwardInput } from '../forward-graph.ts';
import { TensorProto_DataType as DataType, type ValueInfoProto } from '../gen/onnx_pb.ts';
import type { GraphLimits } from '../limits.ts';
import { decodeShape, elementTypeName, malformed } from '../onnx-decode.ts';
import type { Shape } from '../tensor-type.ts';

const INPUT_TYPES: ReadonlyMap<number, ForwardInput['dtype']> = new Map([
  [DataType.FLOAT, 'float32'],
  [DataType.INT32, 'int32'],
  [DataType.INT64, 'int64'],
]);

/** TypeProto's other cases, which `onnx.proto` leaves out. */
const OTHER_TYPES = new Map([
  [4, 'a sequence'],
  [5, 'a map'],
  [7, 'of an opaque type'],
  [8, 'a sparse tensor'],
  [9, 'optional'],
]);

interface Axis {
  /** undefined where it is free. */
  readonly length: bigint | undefined;
  /** Free axes of one name have one length; empty where the axis has none. */
  readonly name: string;
}

export interface ReadInput {
  readonly input: ForwardInput;
  /** Whether lengths were asked for that the model leaves open. */
  readonly isBound: boolean;
}

/**
 * @param inputs     those that are no initialisers; a model has one
 * @param inputShape lengths for the axes of one example, needed where some are free. Where none is, it must agree with
 *   the model up to axes of length 1
 * @throws graphMalformed, graphTooLarge, dataShapeMismatch
 */
export function readInput(
  inputs: readonly ValueInfoProto[],
  inputShape: Shape | undefined,
  limits: GraphLimits,
): ReadInput {
  const [info] = inputs;
  if (!info || inputs.length > 1) {
    const names = inputs.map(({ name }) => JSON.stringify(name)).join(', ');
    return malformed(inputs.length === 0 ? 'no input' : `inputs ${names.slice(0, 400)}; a model has one`);
  }
  const { name } = info;
  if (name === '') malformed('the input has no name');
  const { dtype, axes } = readType(info);
  const [batch, ...example] = axes;
  if (!batch) return malformed(`input ${name} has no batch axis`);
  const bound = boundShape(name, example, inputShape);
  const shape = decodeShape([batch.length ?? 1n, ...bound], `input ${name}`, limits);
  if (shape.some((length) => length === 0)) malformed(`input ${name} is empty`);
  const input = {
    name,
    dtype,
    batch: batch.length === undefined ? undefined : shape[0],
    example: shape.slice(1),
  };
  return { input, isBound: example.some(({ length }) => length === undefined) };
}

function readType({ name, type }: ValueInfoProto): { dtype: ForwardInput['dtype']; axes: readonly Axis[] } {
  if (type?.value.case !== 'tensorType') {
    const other = type?.$unknown?.map(({ no }) => OTHER_TYPES.get(no)).find((what) => what !== undefined);
    return malformed(`input ${name} is ${other ?? 'of no type'}; a model takes a tensor`);
  }
  const { elemType, shape } = type.value.value;
  const dtype = INPUT_TYPES.get(elemType);
  if (!dtype)
    return malformed(`input ${name} is ${elementTypeName(elemType)}; float32, int32 and int64 are read`);
  if (!shape) return malformed(`input ${name} has no shape`);
  const axes = shape.dim.map(({ value }) => ({
    length: value.case === 'dimValue' ? value.value : undefined,
    name: value.case === 'dimParam' ? value.value : '',
  }));
  return { dtype, axes };
}

function boundShape(input: string, example: readonly Axis[], asked: Shape | undefined): bigint[] {
  const declared = example.map(({ length, name }) => `${length ?? (name || '?')}`);
  const free = declared.filter((_, axis) => example[axis]?.length === undefined);
  if (asked === undefined) {
    if (free.length > 0)
      malformed(
        `input ${input}: an example of shape [${declared}] leaves ${free.join(' and ')} free; ` +
          'give its shape (inputShape, --input-shape)',
      );
    return example.map(({ length }) => length ?? 0n);
  }
  const lengths = new Map<string, number>();
  const fits = example.every(({ length, name }, axis) => {
    const got = asked[axis] ?? 0;
    if (length !== undefined) return Number(length) === got;
    const named = name === '' ? got : (lengths.get(name) ?? got);
    lengths.set(name, got);
    return Number.isSafeInteger(got) && got >= 1 && named === got;
  });
  const essential = (axes: readonly unknown[]) => axes.map(String).filter((length) => length !== '1');
  const agrees =
    free.length > 0
      ? fits && asked.length === example.length
      : essential(asked).join() === essential(declared).join();
  if (!agrees)
    throw new HanseError('dataShapeMismatch', {
      what: `the shape of one example for input ${input}`,
      expected: `[${declared}]`,
      got: `[${asked}]`,
    });
  return example.map(({ length }, axis) => length ?? BigInt(asked[axis] ?? 0));
}
