/**
 * Reductions whose result does not depend on the order of the operands: of integers, and extremes of anything.
 */
import { element, generate } from '../reference/nd-array.ts';
import { constantIntegers, elementCount, normalizeAxes, reducedShape } from '../tensor-type.ts';
import { blank, type FoldingQuery, type FoldingRule, known } from './folding-rule.ts';

/** For every element of the first input, which element of the result it goes into. */
function destinations(query: FoldingQuery): Float64Array | undefined {
  const { shape } = known(query, 0);
  const axes = query.inputs[1] && constantIntegers(query.inputs[1]);
  const isAll = axes === undefined || axes.length === 0;
  const reduced = normalizeAxes(isAll ? [...shape.keys()] : axes, shape.length);
  // Without axes an operator may also be asked to reduce none.
  const [result] = query.outputs;
  if (!reduced || !result) return undefined;
  const kept = reducedShape(shape, reduced, true);
  if (elementCount(kept) !== elementCount(result.shape)) return undefined;
  const iota = { shape: kept, data: Float64Array.from({ length: elementCount(kept) }, (_, at) => at) };
  return generate(shape, (index) => element(iota, index)).data;
}

function ofIntegers(start: bigint, combine: (a: bigint, b: bigint) => bigint): FoldingRule {
  return (query) => {
    const [type] = query.outputs;
    const { data } = known(query, 0);
    const into = destinations(query);
    if (!type || !into || (type.dtype !== 'int64' && type.dtype !== 'int32')) return undefined;
    const bits = type.dtype === 'int64' ? 64 : 32;
    const sums = Array<bigint>(elementCount(type.shape)).fill(start);
    data.forEach((value: number | bigint, at: number) => {
      const to = into[at] ?? 0;
      sums[to] = BigInt.asIntN(bits, combine(sums[to] ?? start, BigInt(value)));
    });
    const result = blank(type);
    if (result.data instanceof BigInt64Array) result.data.set(sums);
    else result.data.set(sums.map(Number));
    return [result];
  };
}

function extreme(isBetter: (a: number | bigint, b: number | bigint) => boolean): FoldingRule {
  return (query) => {
    const [type] = query.outputs;
    const { data } = known(query, 0);
    const into = destinations(query);
    if (!type || !into) return undefined;
    const best = new Map<number, number | bigint>();
    for (let at = 0; at < data.length; at += 1) {
      const value = data[at] ?? 0;
      const to = into[at] ?? 0;
      const former = best.get(to);
      // Of NaN and of two zeros, machines pick differently.
      if (Number.isNaN(value) || (value === 0 && former === 0 && !Object.is(value, former))) return undefined;
      if (former === undefined || isBetter(value, former)) best.set(to, value);
    }
    const result = blank(type);
    for (const [to, value] of best)
      if (result.data instanceof BigInt64Array) result.data[to] = BigInt(value);
      else result.data[to] = Number(value);
    return best.size === result.data.length ? [result] : undefined;
  };
}

export const REDUCTION_FOLDINGS = {
  ReduceMax: extreme((a, b) => a > b),
  ReduceMin: extreme((a, b) => a < b),
  ReduceProd: ofIntegers(1n, (a, b) => a * b),
  ReduceSum: ofIntegers(0n, (a, b) => a + b),
} satisfies Record<string, FoldingRule>;
