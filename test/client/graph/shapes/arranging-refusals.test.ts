// covers: client/graph/shapes/join.ts, client/graph/shapes/slice.ts, client/graph/shapes/gather.ts, client/graph/shapes/shape-rule.ts
/**
 * What operators that join, cut, pad and index do not take; each refusal beside something like it that is taken.
 */
import { describe, expect, it } from 'vitest';
import { type Attributes, int, string } from '../../../../client/graph/attribute.ts';
import type { Value } from '../../../../client/graph/graph.ts';
import { GraphBuilder } from '../../../../client/graph/graph-builder.ts';
import type { Operator } from '../../../../client/graph/shapes/shape-rules.ts';
import { strides } from '../../../../client/graph/shapes/slice.ts';
import type { DType } from '../../../../client/graph/tensor-type.ts';
import { isProblem } from '../../../../protocol/problem.ts';

type Input =
  | { readonly dtype?: DType; readonly shape: readonly number[] }
  | { readonly list: readonly number[] }
  | undefined;

interface Application {
  readonly op: Operator;
  readonly inputs: readonly Input[];
  readonly attributes?: Attributes;
}

function isRefused({ op, inputs, attributes }: Application): boolean {
  const g = new GraphBuilder('refusals');
  const values = inputs.map((input, index): Value | undefined => {
    if (!input) return undefined;
    if ('list' in input) return g.integers(input.list);
    return g.input(`in${index}`, input.dtype ?? 'float32', input.shape);
  });
  try {
    g.apply(op, values, attributes);
    return false;
  } catch (error) {
    if (isProblem(error, 'graphMalformed')) return true;
    throw error;
  }
}

const a: Input = { shape: [4, 3] };

function list(...values: number[]): Input {
  return { list: values };
}

const [concat, split, slice, pad, gather]: Application[] = [
  { op: 'Concat', inputs: [a, { shape: [4, 2] }], attributes: { axis: int(1) } },
  { op: 'Split', inputs: [a, list(1, 3)] },
  { op: 'Slice', inputs: [a, list(0), list(2), list(1), list(1)] },
  { op: 'Pad', inputs: [a, list(1, 1), undefined, list(0)] },
  { op: 'Gather', inputs: [a, list(0, -4, 3)] },
] as const;
const picked: Application = { op: 'GatherElements', inputs: [a, { dtype: 'int64', shape: [9, 2] }] };
const put: Application = {
  op: 'ScatterElements',
  inputs: [a, { dtype: 'int32', shape: [9, 2] }, { shape: [9, 2] }],
};

const CHANGES: [string, Application | undefined, Partial<Application>][] = [
  ['no axis to join along', concat, { attributes: {} }],
  ['an axis that does not exist', concat, { attributes: { axis: int(2) } }],
  ['parts of different lengths', concat, { attributes: { axis: int(0) } }],
  ['parts of different rank', concat, { inputs: [a, { shape: [4] }] }],
  ['parts of different types', concat, { inputs: [a, { dtype: 'int32', shape: [4, 2] }] }],
  ['a part that is missing', concat, { inputs: [a, undefined] }],
  ['nothing to join', concat, { inputs: [] }],
  ['parts that are not all', split, { inputs: [a, list(1, 2)] }],
  ['a part of negative length', split, { inputs: [a, list(5, -1)] }],
  ['no parts', split, { inputs: [a, list()] }],
  ['parts along no axis', split, { attributes: { axis: int(-3) } }],
  ['no number of parts', split, { inputs: [a] }],
  [
    'more parts than places',
    { op: 'Split', inputs: [a], attributes: { num_outputs: int(3) } },
    { attributes: { num_outputs: int(9) } },
  ],
  [
    'a million parts',
    { op: 'Split', inputs: [a], attributes: { num_outputs: int(4) } },
    { attributes: { num_outputs: int(1e6) } },
  ],
  ['a step of nothing', slice, { inputs: [a, list(0), list(2), list(1), list(0)] }],
  ['an axis that is not there', slice, { inputs: [a, list(0), list(2), list(2)] }],
  ['one axis twice', slice, { inputs: [a, list(0, 0), list(2, 2), list(1, -1)] }],
  ['lists of different length', slice, { inputs: [a, list(0), list(2, 2), list(1)] }],
  ['more ends than axes', slice, { inputs: [a, list(0, 0, 0), list(1, 1, 1)] }],
  ['no ends', slice, { inputs: [a, list(0)] }],
  ['ends that are computed', slice, { inputs: [a, list(0), { dtype: 'int64', shape: [1] }] }],
  ['ends that are not whole', slice, { inputs: [a, list(0), { shape: [1] }] }],
  ['pads for half an axis', pad, { inputs: [a, list(1, 1, 1), undefined, list(0)] }],
  ['pads for another rank', pad, { inputs: [a, list(1, 1)] }],
  ['less than nothing', pad, { inputs: [a, list(-3, -2), undefined, list(0)] }],
  ['an unknown mode', pad, { attributes: { mode: string('wrap') } }],
  ['a value of another type', pad, { inputs: [a, list(1, 1), { dtype: 'int32', shape: [] }, list(0)] }],
  ['several values', pad, { inputs: [a, list(1, 1), { shape: [2] }, list(0)] }],
  [
    'a reflection of more than there is',
    { op: 'Pad', inputs: [a, list(3, 3), undefined, list(0)], attributes: { mode: string('reflect') } },
    { inputs: [a, list(4, 0), undefined, list(0)] },
  ],
  [
    'an edge that is cut off',
    { op: 'Pad', inputs: [a, list(9, 0), undefined, list(0)], attributes: { mode: string('edge') } },
    { inputs: [a, list(-1, 0), undefined, list(0)] },
  ],
  [
    'the edge of nothing',
    {
      op: 'Pad',
      inputs: [{ shape: [1, 3] }, list(1, 1), undefined, list(0)],
      attributes: { mode: string('edge') },
    },
    { inputs: [{ shape: [0, 3] }, list(1, 1), undefined, list(0)] },
  ],
  ['an index beyond the end', gather, { inputs: [a, list(4)] }],
  ['an index beyond the beginning', gather, { inputs: [a, list(-5)] }],
  ['an index into a shorter axis', gather, { attributes: { axis: int(1) } }],
  ['indices that are no integers', gather, { inputs: [a, { shape: [2] }] }],
  ['an axis to pick from that is not there', gather, { attributes: { axis: int(2) } }],
  ['something to pick from that has no axes', gather, { inputs: [{ shape: [] }, list(0)] }],
  ['indices for more rows than there are', picked, { inputs: [a, { dtype: 'int64', shape: [2, 4] }] }],
  ['indices of another rank', picked, { inputs: [a, { dtype: 'int64', shape: [2] }] }],
  ['updates of another shape', put, { inputs: [a, { dtype: 'int32', shape: [9, 2] }, { shape: [8, 2] }] }],
  [
    'updates of another type',
    put,
    { inputs: [a, { dtype: 'int32', shape: [9, 2] }, { dtype: 'int64', shape: [9, 2] }] },
  ],
  [
    'another reduction',
    { ...put, attributes: { reduction: string('add') } },
    { attributes: { reduction: string('max') } },
  ],
];

describe('what is refused', () => {
  it.each(CHANGES)('%s', (_, taken, change) => {
    if (!taken) throw new Error('there is something that is taken');
    expect(isRefused(taken)).toBe(false);
    expect(isRefused({ ...taken, ...change })).toBe(true);
  });
});

describe('strides', () => {
  const of = (length: number, start: number, end: number, step: number) =>
    strides([length], { starts: [start], ends: [end], axes: undefined, steps: [step] })?.[0];

  it('are those of the operator specification, at every end and step', () => {
    const far = Number.MAX_SAFE_INTEGER;
    const positions = [-far, -7, -5, -4, -1, 0, 1, 3, 4, 6, far];
    for (const length of [0, 1, 4])
      for (const start of positions)
        for (const end of positions)
          for (const step of [-far, -3, -1, 1, 2, far]) {
            const { start: first, count } = of(length, start, end, step) ?? { start: 0, count: -1 };
            const counted = (position: number) => (position < 0 ? position + length : position);
            const expected: number[] = [];
            let at = Math.min(Math.max(counted(start), 0), step > 0 ? length : length - 1);
            for (; at >= 0 && at < length && (step > 0 ? at < counted(end) : at > counted(end)); at += step)
              expected.push(at);
            expect(Array.from({ length: count }, (_, index) => first + index * step)).toEqual(expected);
          }
  });
});
