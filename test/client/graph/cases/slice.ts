/**
 * Cases of parts of tensors, and of tensors with something around them.
 */
import { string } from '../../../../client/graph/attribute.ts';
import type { Value } from '../../../../client/graph/graph.ts';
import type { GraphBuilder } from '../../../../client/graph/graph-builder.ts';
import { type OperatorCase, special } from './operator-case.ts';

interface Range {
  readonly starts: readonly bigint[];
  readonly ends: readonly bigint[];
  readonly axes?: readonly bigint[];
  readonly steps?: readonly bigint[];
}

const LAST = 2n ** 63n - 1n;
const FIRST = -(2n ** 63n);

/** Unlike `integers`, of any int64. */
function list(g: GraphBuilder, values: readonly bigint[] | undefined): Value | undefined {
  return values && g.constant({ dtype: 'int64', shape: [values.length], data: BigInt64Array.from(values) });
}

function slice(how: string, shape: number[], { starts, ends, axes, steps }: Range): OperatorCase {
  return special('Slice', how, [shape], (g, [a]) =>
    g.apply('Slice', [a, list(g, starts), list(g, ends), list(g, axes), list(g, steps)]),
  );
}

interface Border {
  readonly pads: readonly number[];
  readonly axes?: readonly number[];
  readonly mode?: string;
}

function pad(how: string, shape: number[], { pads, axes, mode }: Border): OperatorCase {
  return special('Pad', how, [shape], (g, [a]) => {
    const inputs = [a, g.integers(pads), undefined, axes && g.integers(axes)];
    return g.apply(
      'Pad',
      axes ? inputs : inputs.slice(0, 2),
      mode === undefined ? {} : { mode: string(mode) },
    );
  });
}

export const SLICE_CASES: readonly OperatorCase[] = [
  slice('all axes', [4, 3], { starts: [1n, 0n], ends: [3n, 2n] }),
  slice('to the end, however far', [4, 3], { starts: [1n], ends: [LAST] }),
  slice('last axis, from the end', [4, 3], { starts: [-2n], ends: [-1n], axes: [-1n] }),
  slice('every other', [5, 3], { starts: [0n], ends: [LAST], axes: [0n], steps: [2n] }),
  slice('every third from the second', [2, 8], { starts: [1n], ends: [8n], axes: [1n], steps: [3n] }),
  slice('backwards', [4, 3], { starts: [-1n], ends: [FIRST], axes: [0n], steps: [-1n] }),
  slice('every other backwards', [3, 6], { starts: [4n], ends: [0n], axes: [1n], steps: [-2n] }),
  slice('backwards from before the first', [4, 3], {
    starts: [-9n],
    ends: [FIRST],
    axes: [0n],
    steps: [-1n],
  }),
  slice('beyond both ends', [4], { starts: [FIRST], ends: [LAST], axes: [0n], steps: [1n] }),
  slice('two axes, two steps', [5, 6], {
    starts: [4n, 1n],
    ends: [FIRST, 6n],
    axes: [0n, 1n],
    steps: [-3n, 2n],
  }),
  slice('a step beyond the end', [4, 2], { starts: [1n], ends: [LAST], axes: [0n], steps: [LAST] }),
  special('Slice', 'nothing, beside all', [[3, 2]], (g, [a]) => {
    const none = g.apply('Slice', [a, list(g, [2n]), list(g, [1n])]);
    const none2 = g.apply('Slice', [a, list(g, [0n]), list(g, [2n]), list(g, [0n]), list(g, [-1n])]);
    return g.apply('Concat', [none, a as Value, none2], { axis: { kind: 'int', value: 0 } });
  }),
  pad('zeros before and after', [2, 3], { pads: [1, 0, 2, 1] }),
  pad('zeros, one axis', [2, 3], { pads: [1, 2], axes: [-1] }),
  pad('less than nothing', [4, 3], { pads: [-1, -1, -2, 0] }),
  pad('more here, less there', [4, 3], { pads: [-1, 1, 2, -1] }),
  pad('reflection', [3, 4], { pads: [2, 1, 0, 3], mode: 'reflect' }),
  pad('edge', [2, 3], { pads: [1, 0, 2, 4], mode: 'edge' }),
  pad('edge, middle axis', [2, 3, 2], { pads: [2, 1], axes: [1], mode: 'edge' }),
  special('Pad', 'a computed value', [[2, 3], []], (g, [a, value]) =>
    g.apply('Pad', [a, g.integers([1, 0, 0, 2]), value]),
  ),
];
