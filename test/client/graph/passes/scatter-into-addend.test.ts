import { expect, it } from 'vitest';
import { int, string } from '../../../../client/graph/attribute.ts';
import { GraphBuilder } from '../../../../client/graph/graph-builder.ts';
import { interpret } from '../../../../client/graph/reference/interpreter.ts';
import type { NdArray } from '../../../../client/graph/reference/nd-array.ts';
import { numbers, uniform, worstDifference } from '../random-arrays.ts';

/** table + what is scattered into `base`; another output reads the sum by index where it is shared. */
function sumOf(base: number, reduction: string, isShared: boolean) {
  const g = new GraphBuilder('g');
  const table = g.input('table', 'float32', [4, 3]);
  const indices = g.input('indices', 'int32', [2, 3]);
  const updates = g.input('updates', 'float32', [2, 3]);
  const start = g.apply('Expand', [g.scalar(base), g.integers([4, 3])]);
  const attributes = { axis: int(0), reduction: string(reduction) };
  const scattered = g.apply('ScatterElements', [start, indices, updates], attributes);
  const outputs = [{ name: 'sum', value: g.add(table, scattered) }];
  return g.finish(isShared ? [...outputs, { name: 'scattered', value: scattered }] : outputs);
}

function feeds(): Map<string, NdArray> {
  const random = numbers(1);
  return new Map([
    ['table', uniform(random, [4, 3], -1, 1)],
    ['indices', { shape: [2, 3], data: Float64Array.of(1, 3, 0, 1, 2, 0) }],
    ['updates', uniform(random, [2, 3], -1, 1)],
  ]);
}

const operators = (graph: ReturnType<typeof sumOf>) => graph.nodes.map(({ op }) => op);

it('adds into the table itself, rows that are hit twice included', () => {
  const graph = sumOf(0, 'add', false);
  expect(operators(graph)).toEqual(['ScatterElements']);
  const { table, updates } = Object.fromEntries(feeds()) as Record<string, NdArray>;
  const expected = table?.data.slice() ?? new Float64Array();
  [1, 3, 0, 1, 2, 0].forEach((row, at) => {
    expected[3 * row + (at % 3)] = (expected[3 * row + (at % 3)] ?? 0) + (updates?.data[at] ?? 0);
  });
  expect(worstDifference(interpret(graph, feeds()).get('sum')?.data ?? [], expected)).toBeLessThan(1e-12);
});

it.each([
  ['what is not zero', sumOf(1, 'add', false)],
  ['values that replace', sumOf(0, 'none', false)],
  ['a sum that somebody else reads', sumOf(0, 'add', true)],
])('leaves %s alone', (_, graph) => {
  expect(operators(graph)).toContain('Add');
});
