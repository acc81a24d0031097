/**
 * Evaluates a graph in float64, one operator after the other: the slow and obvious twin of ONNX Runtime, and what
 * gradients are checked against.
 */
import { HanseError } from '../../../protocol/problem.ts';
import { intAttribute } from '../attribute.ts';
import type { Graph, OperatorNode, ScanNode, Value } from '../graph.ts';
import { elementCount, sameShape } from '../tensor-type.ts';
import { KERNELS } from './kernels.ts';
import type { NdArray } from './nd-array.ts';

/**
 * @param feeds one array per input of the graph, by name; those with a leading axis have it here too
 * @returns one array per output, by name
 * @throws invalidFormat where an input is missing or has another shape
 */
export function interpret(graph: Graph, feeds: ReadonlyMap<string, NdArray>): Map<string, NdArray> {
  const inputs = graph.inputs.map((port) => {
    const array = feeds.get(port.name);
    const shape = array?.shape.slice(port.leadingAxis === undefined ? 0 : 1);
    if (!array || !shape || !sameShape(shape, port.value.shape))
      throw new HanseError('invalidFormat', {
        where: `input ${port.name}`,
        expected: `shape [${port.value.shape}]`,
      });
    return array;
  });
  const outputs = run(graph, inputs, new Map());
  return new Map(graph.outputs.map((port, index) => [port.name, outputs[index] as NdArray]));
}

function run(graph: Graph, inputs: readonly NdArray[], around: ReadonlyMap<Value, NdArray>): NdArray[] {
  const known = new Map(around);
  for (const [value, { shape, data }] of graph.constants)
    known.set(value, { shape, data: Float64Array.from(data, Number) });
  graph.inputs.forEach((port, index) => {
    known.set(port.value, inputs[index] as NdArray);
  });
  const lookUp = (value: Value) => {
    const array = known.get(value);
    if (array === undefined) throw new RangeError('a node reads what nothing defines');
    return array;
  };
  for (const node of graph.nodes) {
    const given = node.inputs.map((value) => value && lookUp(value));
    const results = node.op === 'Scan' ? scan(node, given, known) : apply(node, given);
    node.outputs.forEach((value, index) => {
      known.set(value, results[index] as NdArray);
    });
  }
  return graph.outputs.map((port) => lookUp(port.value));
}

function apply(node: OperatorNode, inputs: readonly (NdArray | undefined)[]): NdArray[] {
  const [first] = node.outputs;
  if (first === undefined) throw new RangeError(`${node.op} has no output`);
  const result = KERNELS[node.op](inputs, node.attributes, first.shape, first.dtype);
  const results = 'data' in result ? [result] : [...result];
  // Kernels find shapes by themselves, so this holds shape inference to account.
  node.outputs.forEach((output, index) => {
    const got = results[index]?.shape;
    if (!got || !sameShape(got, output.shape))
      throw new RangeError(`${node.op} gives [${got}], inferred was [${output.shape}]`);
  });
  return results;
}

function scan(
  node: ScanNode,
  given: readonly (NdArray | undefined)[],
  around: ReadonlyMap<Value, NdArray>,
): NdArray[] {
  const inputs = given.filter((array) => array !== undefined);
  const { body } = node;
  const scannedCount = intAttribute(node.attributes, 'num_scan_inputs', 0);
  const stateCount = inputs.length - scannedCount;
  let states = inputs.slice(0, stateCount);
  const scanned = inputs.slice(stateCount);
  const steps = scanned[0]?.shape[0] ?? 0;
  const stacks: NdArray[][] = body.outputs.slice(stateCount).map(() => []);
  for (let step = 0; step < steps; step += 1) {
    const slices = scanned.map((array) => slice(array, step));
    const results = run(body, [...states, ...slices], around);
    states = results.slice(0, stateCount);
    results.slice(stateCount).forEach((result, index) => {
      stacks[index]?.push(result);
    });
  }
  return [...states, ...stacks.map(stack)];
}

function slice({ shape, data }: NdArray, position: number): NdArray {
  const inner = shape.slice(1);
  const size = elementCount(inner);
  return { shape: inner, data: data.subarray(position * size, (position + 1) * size) };
}

function stack(arrays: readonly NdArray[]): NdArray {
  const shape = [arrays.length, ...(arrays[0]?.shape ?? [])];
  return { shape, data: Float64Array.from(arrays.flatMap(({ data }) => Array.from(data))) };
}
