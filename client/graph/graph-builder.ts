/**
 * Builds a graph one operator at a time. Types are inferred at once (`shapes/shape-rules.ts`), so a graph that was
 * built is a graph whose shapes match.
 *
 * A builder with a parent builds a subgraph: its nodes may read the parent's values.
 */
import { HanseError } from '../../protocol/problem.ts';
import { type Attributes, float, int, ints } from './attribute.ts';
import { type FoldingBudget, foldConstants } from './folding/fold-constants.ts';
import { type Graph, type Node, newValue, type Port, type Value } from './graph.ts';
import { optimize } from './passes/optimize.ts';
import type { ShapeQuery, ShapeRule } from './shapes/shape-rule.ts';
import { type Operator, SHAPE_RULES } from './shapes/shape-rules.ts';
import { bytesOf } from './tensor-bytes.ts';
import {
  type Constant,
  type DType,
  elementCount,
  type Shape,
  sameShape,
  type TensorType,
} from './tensor-type.ts';

/** Equal constants up to this many elements are stored once. */
const SHARED_CONSTANT_ELEMENTS = 64;

const CAST_TO = { float32: 1, int32: 6, int64: 7, bool: 9 } as const;

export interface GemmOptions {
  readonly transA?: boolean;
  readonly transB?: boolean;
  readonly alpha?: number;
}

export class GraphBuilder {
  readonly name: string;
  readonly #parent: GraphBuilder | undefined;
  readonly #inputs: Port[] = [];
  readonly #constants = new Map<Value, Constant>();
  readonly #shared = new Map<string, Value>();
  readonly #nodes: Node[] = [];
  readonly #budget: FoldingBudget;

  constructor(name: string, parent?: GraphBuilder) {
    this.name = name;
    this.#parent = parent;
    this.#budget = parent ? parent.#budget : { spent: 0 };
  }

  /** The nodes so far, in order. */
  get nodes(): readonly Node[] {
    return this.#nodes;
  }

  input(name: string, dtype: DType, shape: Shape, leadingAxis?: string): Value {
    const value = newValue({ dtype, shape });
    this.#inputs.push(leadingAxis === undefined ? { name, value } : { name, value, leadingAxis });
    return value;
  }

  constant(constant: Constant): Value {
    const key =
      elementCount(constant.shape) <= SHARED_CONSTANT_ELEMENTS
        ? `${constant.dtype}[${constant.shape}]${bytesOf(constant).join()}`
        : undefined;
    const shared = key === undefined ? undefined : this.#shared.get(key);
    if (shared) return shared;
    const value = newValue(constant);
    this.#constants.set(value, constant);
    if (key !== undefined) this.#shared.set(key, value);
    return value;
  }

  /** A float32 scalar. */
  scalar(value: number): Value {
    return this.constant({ dtype: 'float32', shape: [], data: Float32Array.of(value) });
  }

  /** An int64 vector, as axes and shapes are given. */
  integers(values: readonly number[]): Value {
    const data = BigInt64Array.from(values, BigInt);
    return this.constant({ dtype: 'int64', shape: [values.length], data });
  }

  /** The elements of a value, where it is a constant of this graph or of one around it. */
  constantOf(value: Value): Constant | undefined {
    return this.#constants.get(value) ?? this.#parent?.constantOf(value);
  }

  /**
   * Applies an operator and returns its output, the first where it has several. Where all inputs are constants and
   * the operator is exact, the output is a constant and there is no node.
   * @param label names the node in errors; the operator's name where nothing better is known
   * @throws graphMalformed where the operator does not take these inputs
   */
  apply(
    op: Operator,
    inputs: readonly (Value | undefined)[],
    attributes: Attributes = {},
    label: string = op,
  ): Value {
    return this.applyAll(op, inputs, attributes, label)[0] as Value;
  }

  /** The same, with every output; there is at least one. */
  applyAll(
    op: Operator,
    inputs: readonly (Value | undefined)[],
    attributes: Attributes = {},
    label: string = op,
  ): Value[] {
    const query: ShapeQuery = {
      inputs,
      attributes,
      constantInput: (index) => {
        const value = inputs[index];
        return value && this.constantOf(value);
      },
      fail: (reason) => {
        throw new HanseError('graphMalformed', { reason: `${op} ${label}: ${reason}` });
      },
    };
    const rule: ShapeRule = SHAPE_RULES[op];
    const inferred = rule(query);
    const types = 'dtype' in inferred ? [inferred] : inferred;
    const folded = this.#fold(op, inputs, attributes, types);
    if (folded) return folded.map((constant) => this.constant(constant));
    const outputs = types.map(newValue);
    this.#nodes.push({ op, inputs, outputs, attributes });
    return outputs;
  }

  #fold(
    op: Operator,
    inputs: readonly (Value | undefined)[],
    attributes: Attributes,
    outputs: readonly TensorType[],
  ): readonly Constant[] | undefined {
    const constants = inputs.map((value) => value && this.constantOf(value));
    if (constants.some((constant, index) => !constant && inputs[index])) return undefined;
    return foldConstants(op, { inputs: constants, attributes, outputs }, this.#budget);
  }

  /**
   * Runs a body once per entry of the leading axis of the scanned values. ONNX operator Scan, opset 20.
   * @param body    inputs: states, then one slice of each scanned value; outputs: new states, then values to stack
   * @param scanned values of inputs with a leading axis; their types are those of one slice
   * @returns the last states, then the stacked values, typed as one slice
   */
  scan(body: Graph, states: readonly Value[], scanned: readonly Value[]): Value[] {
    const outputs = body.outputs.map((port) => newValue(port.value));
    this.#nodes.push({
      op: 'Scan',
      inputs: [...states, ...scanned],
      outputs,
      attributes: { num_scan_inputs: int(scanned.length) },
      body,
    });
    return outputs;
  }

  /** The finished graph: simplified, fused, pruned, each output the result of a node of its own. */
  finish(outputs: readonly Port[]): Graph {
    return optimize({
      name: this.name,
      inputs: [...this.#inputs],
      constants: new Map(this.#constants),
      nodes: [...this.#nodes],
      outputs,
    });
  }

  add(a: Value, b: Value): Value {
    return this.apply('Add', [a, b]);
  }

  sub(a: Value, b: Value): Value {
    return this.apply('Sub', [a, b]);
  }

  mul(a: Value, b: Value): Value {
    return this.apply('Mul', [a, b]);
  }

  div(a: Value, b: Value): Value {
    return this.apply('Div', [a, b]);
  }

  /** Elementwise choice: `a` where the condition holds, else `b`. */
  where(condition: Value, a: Value, b: Value): Value {
    return this.apply('Where', [condition, a, b]);
  }

  cast(value: Value, to: DType): Value {
    return this.apply('Cast', [value], { to: int(CAST_TO[to]) });
  }

  /** The value itself where it has the shape already. */
  reshape(value: Value, shape: Shape): Value {
    if (sameShape(value.shape, shape)) return value;
    // Without it a length of 0 would say "as before".
    const attributes = shape.includes(0) ? { allowzero: int(1) } : {};
    return this.apply('Reshape', [value, this.integers(shape)], attributes);
  }

  transpose(value: Value, order: readonly number[]): Value {
    return this.apply('Transpose', [value], { perm: ints(order) });
  }

  reduce(
    op: 'ReduceSum' | 'ReduceMean' | 'ReduceMax' | 'ReduceMin',
    value: Value,
    axes: readonly number[],
    keepDims: boolean,
  ): Value {
    return this.apply(op, [value, this.integers(axes)], { keepdims: int(keepDims ? 1 : 0) });
  }

  /** The sum of all elements, a scalar. */
  total(value: Value): Value {
    return this.apply('ReduceSum', [value], { keepdims: int(0) });
  }

  gemm(a: Value, b: Value, options: GemmOptions = {}): Value {
    return this.apply('Gemm', [a, b], {
      ...(options.transA ? { transA: int(1) } : {}),
      ...(options.transB ? { transB: int(1) } : {}),
      ...(options.alpha !== undefined && options.alpha !== 1 ? { alpha: float(options.alpha) } : {}),
    });
  }
}
