// covers: client/graph/import/value-names.ts, client/graph/import/model-nodes.ts
import { describe, expect, it } from 'vitest';
import { bytesOf, constantNode, problemOf, type Sketch, type SketchNode } from '../model-sketch.ts';

const relu = (from: string, to: string): SketchNode => ({ op: 'Relu', inputs: [from], output: to });
const add = (a: string, b: string, to: string): SketchNode => ({ op: 'Add', inputs: [a, b], output: to });
const reasonOf = (sketch: Sketch) => problemOf(bytesOf(sketch))?.detail.reason;

describe('the order of nodes', () => {
  it('is refused where a node comes before what it reads, and both are named', () => {
    const [first, second, third] = [relu('in', 'a'), relu('a', 'b'), relu('b', 'out')];
    expect(reasonOf({ nodes: [first, second, third] })).toBeUndefined();
    expect(reasonOf({ nodes: [second, first, third] })).toBe(
      'node b reads a before node a computes it: nodes must be in the order in which they run',
    );
  });

  it('is impossible in a cycle, short or long, which is told from a wrong order', () => {
    expect(reasonOf({ nodes: [relu('out', 'out')] })).toBe(
      'a cycle through node out and node out, by value out',
    );
    const [first, second, third] = [add('in', 'c', 'a'), relu('a', 'b'), relu('b', 'c')];
    const last = relu('c', 'out');
    expect(reasonOf({ nodes: [first, second, third, last] })).toBe(
      'a cycle through node a and node c, by value c',
    );
    expect(reasonOf({ nodes: [add('in', 'in', 'a'), second, third, last] })).toBeUndefined();
  });

  it('of thousands of nodes in a cycle is looked at without recursion', () => {
    const count = 3900;
    const chain = Array.from({ length: count }, (_, index) =>
      relu(index === 0 ? `v${count - 1}` : `v${index - 1}`, `v${index}`),
    );
    expect(reasonOf({ nodes: chain, outputs: ['v0'] })).toMatch(/^a cycle through node v0/);
    const straight = [relu('in', 'v0'), ...chain.slice(1)];
    expect(reasonOf({ nodes: straight, outputs: [`v${count - 1}`] })).toBeUndefined();
  });
});

describe('names', () => {
  it.each<[string, Sketch, RegExp]>([
    [
      'of a value that nobody computes',
      { nodes: [relu('nothing', 'out')] },
      /value "nothing" is not defined/,
    ],
    [
      'of an output that nobody computes',
      { nodes: [relu('in', 'a')] },
      /the outputs: value "out" is not defined/,
    ],
    ['of an output, empty', { nodes: [relu('in', 'out')], outputs: [''] }, /value "" is not defined/],
    ['of an output, twice', { nodes: [relu('in', 'out')], outputs: ['out', 'out'] }, /named twice/],
    ['that two nodes define', { nodes: [relu('in', 'out'), relu('in', 'out')] }, /"out" is empty or repeats/],
    [
      'that a node and the input share',
      { nodes: [relu('in', 'in')], outputs: ['in'] },
      /"in" is empty or repeats/,
    ],
    ['of a node without output', { nodes: [{ op: 'Relu', inputs: ['in'], output: '' }] }, /has no output/],
  ])('%s', (_, sketch, reason) => {
    expect(reasonOf(sketch)).toMatch(reason);
  });

  it('that the importer gives do not meet those of the model', () => {
    const axes = { op: 'Squeeze', inputs: ['in'], attributes: [] };
    const nodes = [
      constantNode('hanse:0', { dtype: 'int64', shape: [1], data: BigInt64Array.of(1n) }),
      { op: 'Softmax', inputs: ['in'], output: 'normal' },
      { ...axes, inputs: ['normal', 'hanse:0'], output: 'hanse:1' },
      relu('hanse:1', 'out'),
    ];
    expect(reasonOf({ opset: 11, input: ['N', 1, 3], nodes })).toBeUndefined();
  });
});
