/**
 * Gradients of matrix products. For Y = A B and D the gradient by Y: D B' and A' D.
 *
 * Products of two matrices become Gemm, whose transpositions cost nothing and which an addend can be fused into
 * (`passes/fuse-addend.ts`). Products of stacks of matrices transpose the last two axes.
 */
import { floatAttribute, intAttribute } from '../attribute.ts';
import type { Value } from '../graph.ts';
import type { GraphBuilder } from '../graph-builder.ts';
import { axisLength, elementCount } from '../tensor-type.ts';
import { type GradientRule, sumToShape } from './gradient-rule.ts';

/** Y = alpha A' B' + beta C: the transpositions decide which product gives which gradient. */
const gemm: GradientRule = ({ g, node, upstream, input }) => {
  const transA = intAttribute(node.attributes, 'transA', 0) !== 0;
  const transB = intAttribute(node.attributes, 'transB', 0) !== 0;
  const alpha = floatAttribute(node.attributes, 'alpha', 1);
  const beta = floatAttribute(node.attributes, 'beta', 1);
  const a = input(0);
  const b = input(1);
  const byA = () =>
    transA
      ? g.gemm(b, upstream, { transA: transB, transB: true, alpha })
      : g.gemm(upstream, b, { transB: !transB, alpha });
  const byB = () =>
    transB
      ? g.gemm(upstream, a, { transA: true, transB: transA, alpha })
      : g.gemm(a, upstream, { transA: !transA, alpha });
  if (node.inputs[2] === undefined) return [byA, byB];
  const byC = () => {
    const sum = sumToShape(g, upstream, input(2).shape);
    return beta === 1 ? sum : g.mul(sum, g.scalar(beta));
  };
  return [byA, byB, byC];
};

const matMul: GradientRule = ({ g, upstream, input }) => {
  const a = input(0);
  const b = input(1);
  if (b.shape.length > 2)
    return [
      () => sumToShape(g, g.apply('MatMul', [upstream, swapLastAxes(g, b)]), a.shape),
      () => sumToShape(g, productOfTurned(g, a, upstream), b.shape),
    ];
  // One matrix on the right serves all of the stack: its rows line up to one tall matrix.
  const [inner, columns] = [axisLength(b.shape, 0), axisLength(b.shape, 1)];
  const tall = () => g.reshape(upstream, [elementCount(upstream.shape.slice(0, -1)), columns]);
  return [
    () => g.reshape(g.gemm(tall(), b, { transB: true }), a.shape),
    () => g.gemm(g.reshape(a, [elementCount(a.shape.slice(0, -1)), inner]), tall(), { transA: true }),
  ];
};

/**
 * A' D. Where A is larger than D and the product together, as the weights of attention are, D' A is turned instead:
 * ONNX Runtime takes three times as long for a product with a large turned matrix on the left as for one without.
 */
function productOfTurned(g: GraphBuilder, a: Value, d: Value): Value {
  const [rows, width, columns] = [axisLength(a.shape, -2), axisLength(a.shape, -1), axisLength(d.shape, -1)];
  if (rows * width < (rows + width) * columns) return g.apply('MatMul', [swapLastAxes(g, a), d]);
  return swapLastAxes(g, g.apply('MatMul', [swapLastAxes(g, d), a]));
}

function swapLastAxes(g: GraphBuilder, value: Value): Value {
  const axes = [...value.shape.keys()];
  return g.transpose(value, [...axes.slice(0, -2), axes.length - 1, axes.length - 2]);
}

export const LINEAR_GRADIENTS = { Gemm: gemm, MatMul: matMul } satisfies Record<string, GradientRule>;
