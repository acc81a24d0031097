/**
 * Which form the gradients of single examples take at a junction.
 */
import { floatAttribute, intAttribute } from '../attribute.ts';
import type { Value } from '../graph.ts';
import { isElementwise } from './batch-axis-rules.ts';
import { channelBiasGradient, kernelGradient } from './convolution.ts';
import { asRows, denseGradient } from './dense.ts';
import { embeddingGradient } from './embedding.ts';
import { type ExampleGradient, examplesFirst, type Junction } from './example-gradient.ts';
import { expandedGradient } from './expanded.ts';

type ExampleGradientRule = (junction: Junction, shared: Value) => ExampleGradient | undefined;

/** Y = alpha A' B' + beta C with the examples in the rows of A'. */
const gemm: ExampleGradientRule = (junction, shared) => {
  const { g, query, index, batch, batchSize } = junction;
  const { node, upstream } = query;
  if (index === 2) return isLaidOut(junction, shared) ? undefined : expandedGradient(junction, shared);
  const a = query.input(0);
  const batchOfA = junction.batchAxisOf(a);
  if (index !== 1 || !batchOfA || batch.axis !== 0) return undefined;
  const isTransposedA = intAttribute(node.attributes, 'transA', 0) !== 0;
  const alpha = floatAttribute(node.attributes, 'alpha', 1);
  const rows = isTransposedA ? g.transpose(a, [1, 0]) : a;
  const gradients = alpha === 1 ? upstream : g.mul(upstream, g.scalar(alpha));
  return denseGradient(junction, {
    rows: asRows(g, examplesFirst(g, rows, { ...batchOfA, axis: 0 }, batchSize)),
    gradients: asRows(g, examplesFirst(g, gradients, batch, batchSize)),
    isTransposed: intAttribute(node.attributes, 'transB', 0) !== 0,
  });
};

/** One matrix for all examples, or stacks of them that broadcast against the examples. */
const matMul: ExampleGradientRule = (junction, shared) => {
  const { g, query, index, batch, batchSize } = junction;
  if (index === 1 && shared.shape.length === 2) {
    const a = query.input(0);
    const batchOfA = junction.batchAxisOf(a);
    if (!batchOfA) return undefined;
    return denseGradient(junction, {
      rows: asRows(g, examplesFirst(g, a, batchOfA, batchSize)),
      gradients: asRows(g, examplesFirst(g, query.upstream, batch, batchSize)),
      isTransposed: false,
    });
  }
  const isStacked = batch.axis < query.output.shape.length - 2 && !isLaidOut(junction, shared);
  return isStacked ? expandedGradient(junction, shared) : undefined;
};

const gather: ExampleGradientRule = (junction, shared) => {
  const { query, index } = junction;
  const isTable = index === 0 && intAttribute(query.node.attributes, 'axis', 0) === 0;
  return isTable ? embeddingGradient(junction, shared, query.input(1)) : undefined;
};

const convolution: ExampleGradientRule = (junction, shared) => {
  if (junction.index === 1) return kernelGradient(junction, shared);
  return junction.index === 2 ? channelBiasGradient(junction, shared) : undefined;
};

const RULES: Readonly<Record<string, ExampleGradientRule>> = {
  Conv: convolution,
  ConvTranspose: convolution,
  Gather: gather,
  Gemm: gemm,
  MatMul: matMul,
};

/** A parameter with an entry for each position of the batch: which example meets which is left to chance. */
function isLaidOut({ query, batch }: Junction, shared: Value): boolean {
  return (shared.shape[batch.axis - query.output.shape.length + shared.shape.length] ?? 1) !== 1;
}

/** undefined where no form is known. */
export function exampleGradient(junction: Junction, shared: Value): ExampleGradient | undefined {
  const { op } = junction.query.node;
  if (Object.hasOwn(RULES, op)) return RULES[op]?.(junction, shared);
  return isElementwise(op) && !isLaidOut(junction, shared) ? expandedGradient(junction, shared) : undefined;
}
