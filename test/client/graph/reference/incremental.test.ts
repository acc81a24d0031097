import { expect, it } from 'vitest';
import { GraphBuilder } from '../../../../client/graph/graph-builder.ts';
import { IncrementalInterpreter } from '../../../../client/graph/reference/incremental.ts';
import { interpret } from '../../../../client/graph/reference/interpreter.ts';
import { numbers, uniform } from '../random-arrays.ts';

function twoInputs() {
  const g = new GraphBuilder('g');
  const a = g.input('a', 'float32', [2, 3]);
  const b = g.input('b', 'float32', [3, 2]);
  const product = g.apply('MatMul', [g.apply('Tanh', [a]), g.apply('Exp', [b])]);
  return g.finish([
    { name: 'product', value: product },
    { name: 'of a alone', value: g.total(a) },
  ]);
}

it('gives what a whole evaluation gives, for each input in turn and as often as asked', () => {
  const graph = twoInputs();
  const random = numbers(1);
  const feeds = new Map([
    ['a', uniform(random, [2, 3], -1, 1)],
    ['b', uniform(random, [3, 2], -1, 1)],
  ]);
  const incremental = new IncrementalInterpreter(graph, feeds);
  for (const [name, shape] of [
    ['a', [2, 3]],
    ['b', [3, 2]],
    ['a', [2, 3]],
  ] as const) {
    const other = uniform(random, shape, -1, 1);
    const expected = interpret(graph, new Map(feeds).set(name, other));
    expect(incremental.with(name, other)).toEqual(expected);
    // What was asked before leaves no trace.
    expect(incremental.with(name, feeds.get(name) ?? other)).toEqual(interpret(graph, feeds));
    expect(expected).not.toEqual(interpret(graph, feeds));
  }
});

it('refuses an input that is not there, and feeds that are missing', () => {
  const graph = twoInputs();
  const array = uniform(numbers(2), [2, 3], -1, 1);
  const feeds = new Map([
    ['a', array],
    ['b', uniform(numbers(3), [3, 2], -1, 1)],
  ]);
  expect(() => new IncrementalInterpreter(graph, feeds).with('a', array)).not.toThrow();
  expect(() => new IncrementalInterpreter(graph, feeds).with('c', array)).toThrow(RangeError);
  expect(() => new IncrementalInterpreter(graph, new Map([['a', array]]))).toThrow('input b');
});
