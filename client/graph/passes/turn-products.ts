/**
 * Transposed matrices as factors and as products: Gemm reads its factors either way round, and (A B)' = B' A'.
 *
 * Exporters that keep weights as they are stored transpose them in front of each product, and gradients by them come
 * out transposed. What remains is a plain Gemm, which the update of the weight is fused into (`fuse-addend.ts`).
 */
import { type Attributes, int, intAttribute } from '../attribute.ts';
import type { Node, OperatorNode, Value } from '../graph.ts';
import { axisLength, elementCount } from '../tensor-type.ts';
import type { Rewriting } from './rewriting.ts';
import { ends, orderOf, type Simplification } from './simplification.ts';

/** What a matrix is the transpose of. */
function beforeTransposition(value: Value | undefined, at: Rewriting): Value | undefined {
  const node = value && value.shape.length === 2 ? at.producer(value) : undefined;
  return node?.op === 'Transpose' && orderOf(node)[0] === 1 ? node.inputs[0] : undefined;
}

function turned(attributes: Attributes, name: 'transA' | 'transB'): Attributes {
  return { ...attributes, [name]: int(intAttribute(attributes, name, 0) ? 0 : 1) };
}

/** Flags that are not set are left out, so that equal products have equal attributes. */
function gemm(
  inputs: OperatorNode['inputs'],
  outputs: readonly Value[],
  attributes: Attributes,
): OperatorNode {
  const { transA, transB, ...scales } = attributes;
  return {
    op: 'Gemm',
    inputs,
    outputs,
    attributes: { ...flag('transA', transA), ...flag('transB', transB), ...scales },
  };
}

function flag(name: string, attribute: Attributes[string] | undefined): Attributes {
  return attribute?.kind === 'int' && attribute.value !== 0 ? { [name]: attribute } : {};
}

export const transposedFactors: Simplification = (node, at) => {
  const [a, b, ...addend] = node.inputs;
  const [left, right] = [beforeTransposition(a, at), beforeTransposition(b, at)];
  if (!left && !right) return undefined;
  const half = left ? turned(node.attributes, 'transA') : node.attributes;
  return gemm([left ?? a, right ?? b, ...addend], node.outputs, right ? turned(half, 'transB') : half);
};

/** A stack of matrices by one transposed matrix: their rows line up to one tall matrix. */
export const transposedMatrix: Simplification = (node, at) => {
  const [a, b] = node.inputs;
  const { output } = ends(node);
  if (!a || !b || b.shape.length !== 2 || output.shape.includes(0)) return undefined;
  if (a.shape.length === 2) {
    const isTurned = beforeTransposition(a, at) ?? beforeTransposition(b, at);
    return isTurned && transposedFactors(node, at);
  }
  const right = beforeTransposition(b, at);
  if (!right || a.shape.includes(0)) return undefined;
  const rows = elementCount(a.shape.slice(0, -1));
  const { dtype } = output;
  const tallShape = [rows, axisLength(a.shape, -1)];
  const tall = at.apply('Reshape', [a, at.integers(tallShape)], {}, { dtype, shape: tallShape });
  const shape = [rows, axisLength(output.shape, -1)];
  const product = at.apply('Gemm', [tall, right], { transB: int(1) }, { dtype, shape });
  return { op: 'Reshape', inputs: [product, at.integers(output.shape)], outputs: [output], attributes: {} };
};

/** Only where nobody else needs the product as it is: it would be computed twice. */
export const transposedProduct: Simplification = (node, at) => {
  const { input, output } = ends(node);
  const product = at.producer(input);
  if (!product || !isPlainProduct(product) || !at.isReadOnce(input)) return undefined;
  const [a, b] = product.inputs;
  const transA = int(intAttribute(product.attributes, 'transB', 0) ? 0 : 1);
  const transB = int(intAttribute(product.attributes, 'transA', 0) ? 0 : 1);
  return gemm([b, a], [output], { ...product.attributes, transA, transB });
};

function isPlainProduct(node: Node): node is OperatorNode {
  if (node.op === 'Gemm') return node.inputs[2] === undefined;
  return node.op === 'MatMul' && node.inputs.every((input) => input?.shape.length === 2);
}
