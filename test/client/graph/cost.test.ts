import { describe, expect, it } from 'vitest';
import { int, ints } from '../../../client/graph/attribute.ts';
import { costOf } from '../../../client/graph/cost.ts';
import type { Graph, Value } from '../../../client/graph/graph.ts';
import { GraphBuilder } from '../../../client/graph/graph-builder.ts';

/** The cost of one operator on inputs of these shapes. */
function costOfOne(
  shapes: readonly (readonly number[])[],
  build: (g: GraphBuilder, inputs: Value[]) => Value,
) {
  const g = new GraphBuilder('g');
  const inputs = shapes.map((shape, index) => g.input(`in${index}`, 'float32', shape));
  return costOf(g.finish([{ name: 'out', value: build(g, inputs) }]));
}

describe('floating-point operations', () => {
  const [rows, inner, columns] = [3, 5, 7];
  const product = 2 * rows * inner * columns;

  it('of products: a multiplication and an addition for each pair of factors', () => {
    const shapes = [
      [rows, inner],
      [inner, columns],
    ];
    expect(costOfOne(shapes, (g, inputs) => g.apply('MatMul', inputs)).flops).toBe(product);
    expect(costOfOne(shapes, (g, inputs) => g.apply('Gemm', inputs)).flops).toBe(product);
    const turned = shapes.map((shape) => shape.toReversed());
    expect(
      costOfOne(turned, (g, [a, b]) => g.gemm(a as Value, b as Value, { transA: true, transB: true })).flops,
    ).toBe(product);
    const withAddend = [...shapes, [columns]];
    expect(costOfOne(withAddend, (g, inputs) => g.apply('Gemm', inputs)).flops).toBe(product + columns);
    const stacks = shapes.map((shape) => [4, ...shape]);
    expect(costOfOne(stacks, (g, inputs) => g.apply('MatMul', inputs)).flops).toBe(4 * product);
  });

  it('of all others: one per element that goes in or comes out, whichever are more; views take none', () => {
    expect(costOfOne([[4, 5]], (g, inputs) => g.apply('Exp', inputs)).flops).toBe(20);
    expect(costOfOne([[4, 5], [5]], (g, inputs) => g.apply('Add', inputs)).flops).toBe(20);
    expect(costOfOne([[4, 5]], (g, [a]) => g.total(a as Value)).flops).toBe(20);
    expect(costOfOne([[4, 5]], (g, [a]) => g.reshape(a as Value, [20])).flops).toBe(0);
    expect(costOfOne([[4, 5]], (g, [a]) => g.transpose(a as Value, [1, 0])).flops).toBe(0);
  });

  it('of a body are those of one step', () => {
    const g = new GraphBuilder('g');
    const items = g.input('items', 'float32', [6], 'S');
    const body = new GraphBuilder('body', g);
    const item = body.input('item', 'float32', [6]);
    const inner = body.finish([{ name: 'inner', value: body.add(body.mul(item, item), item) }]);
    const [out] = g.scan(inner, [], [items]);
    const cost = costOf(g.finish([{ name: 'out', value: out as Value, leadingAxis: 'S' }]));
    expect(cost).toMatchObject({ nodes: 3, flops: 12 });
  });
});

describe('peak memory', () => {
  const chain = (length: number) =>
    costOfOne([[100]], (g, [a]) => {
      let value = a as Value;
      for (let step = 0; step < length; step += 1) value = g.apply('Exp', [value]);
      return value;
    }).peakBytes;

  it('of a chain is that of its input and two links, however long it is', () => {
    expect(chain(1)).toBe(800);
    expect(chain(2)).toBe(1200);
    expect(chain(9)).toBe(1200);
  });

  it('counts what is read again later until then, and outputs to the end', () => {
    const kept = costOfOne([[100]], (g, [a]) => {
      const first = g.apply('Exp', [a]);
      const last = g.apply('Tanh', [g.apply('Sin', [g.apply('Exp', [first])])]);
      return g.add(first, last);
    });
    expect(kept.peakBytes).toBe(1600);
    const g = new GraphBuilder('g');
    const first = g.apply('Exp', [g.input('a', 'float32', [100])]);
    const last = g.apply('Tanh', [g.apply('Sin', [first])]);
    const outputs = [first, last].map((value, index) => ({ name: `out${index}`, value }));
    expect(costOf(g.finish(outputs)).peakBytes).toBe(1600);
  });

  it('counts elements by their type, constants too, and views not again', () => {
    const cast = costOfOne([[100]], (g, [a]) => g.cast(g.cast(a as Value, 'int64'), 'bool'));
    expect(cast.peakBytes).toBe(400 + 800 + 100);
    const added = costOfOne([[2, 50]], (g, [a]) => {
      const data = Float32Array.from({ length: 50 }, Math.sqrt);
      return g.add(a as Value, g.constant({ dtype: 'float32', shape: [50], data }));
    });
    expect(added.peakBytes).toBe(400 + 200 + 400);
    const g = new GraphBuilder('g');
    const a = g.apply('Exp', [g.input('a', 'float32', [100])]);
    const graph = g.finish([
      { name: 'out', value: g.apply('Transpose', [g.reshape(a, [2, 50])], { perm: ints([1, 0]) }) },
    ]);
    expect(graph.nodes).toHaveLength(3);
    expect(costOf(graph).peakBytes).toBe(400 + 400 + 400 + 2 * 8);
  });

  it('of a body adds to what is alive around it', () => {
    const around = (build: (body: GraphBuilder, item: Value) => Value): Graph => {
      const g = new GraphBuilder('g');
      const items = g.input('items', 'float32', [100], 'S');
      const body = new GraphBuilder('body', g);
      const inner = body.finish([
        { name: 'inner', value: build(body, body.input('item', 'float32', [100])) },
      ]);
      const [out] = g.scan(inner, [], [items]);
      return g.finish([{ name: 'out', value: out as Value, leadingAxis: 'S' }]);
    };
    const short = costOf(around((body, item) => body.apply('Exp', [item])));
    const wide = costOf(
      around((body, item) => body.total(body.apply('Expand', [item, body.integers([8, 100])]))),
    );
    expect(short.peakBytes).toBe(800 + 800);
    expect(wide.peakBytes).toBe(400 + 4 + (400 + 16 + 3200 + 4));
  });
});

it('counts every node', () => {
  expect(costOfOne([[2, 3]], (g, [a]) => g.apply('Softmax', [a], { axis: int(0) })).nodes).toBe(1);
});
