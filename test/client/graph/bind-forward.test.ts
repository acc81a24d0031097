// covers: client/graph/bind-forward.ts, client/graph/forward-operators.ts
import { describe, expect, it } from 'vitest';
import { bindForward } from '../../../client/graph/bind-forward.ts';
import { type BindMode, INFERENCE } from '../../../client/graph/bind-mode.ts';
import type { ForwardGraph, ForwardNode } from '../../../client/graph/forward-graph.ts';
import { isForwardOperator, supportedOperators } from '../../../client/graph/forward-operators.ts';
import { GraphBuilder } from '../../../client/graph/graph-builder.ts';
import { mlp } from '../../../client/graph/models/mlp.ts';
import { numbers } from './random-arrays.ts';

const MODEL = mlp([4, 3, 2], numbers(1));

function bound(forward: ForwardGraph, mode: BindMode = INFERENCE) {
  const g = new GraphBuilder('bound');
  const x = g.input('x', 'float32', [5, ...forward.input.example]);
  const parameters = forward.parameters.map(({ name, shape }) => g.input(name, 'float32', shape));
  return { g, parameters, ...bindForward(g, forward, x, parameters, mode) };
}

function node(op: ForwardNode['op'], inputs: string[], outputs: string[]): ForwardNode {
  return { op, label: `the ${op}`, inputs, outputs, attributes: {} };
}

describe('bindForward', () => {
  it('gives every value its shape, and the tape the names of the nodes', () => {
    const { g, output, outputs, tape, statistics } = bound(MODEL);
    expect(output.shape).toEqual([5, 2]);
    expect(outputs).toEqual([{ name: 'output', value: output }]);
    expect(tape.nodes).toEqual(g.nodes);
    expect(tape.nodes.map((built) => tape.label(built))).toEqual(MODEL.nodes.map(({ label }) => label));
    expect(statistics.size).toBe(0);
  });

  it('puts what stays as it is into the graph', () => {
    const [frozen, ...parameters] = MODEL.parameters;
    if (!frozen) throw new Error('unreachable');
    const { g } = bound({ ...MODEL, parameters, frozen: [frozen] });
    const [first] = g.nodes;
    const weight = first?.inputs[1];
    expect(weight && g.constantOf(weight)?.data).toEqual(frozen.data);
  });

  it('drops what only passes a value on, and folds what is known', () => {
    const nodes = [
      ...MODEL.nodes,
      node('Shape', ['x'], ['shape']),
      node('Identity', ['output'], ['same']),
      node('Expand', ['same', 'shape2'], ['wide']),
    ];
    const constants = new Map(MODEL.constants).set('shape2', {
      dtype: 'int64',
      shape: [2],
      data: BigInt64Array.of(5n, 2n),
    });
    const { g, output, outputs } = bound({ ...MODEL, nodes, constants, outputs: ['same', 'shape', 'wide'] });
    expect(g.nodes.map(({ op }) => op)).toEqual([...MODEL.nodes.map(({ op }) => op), 'Expand']);
    expect(output).toBe(g.nodes.at(-1)?.inputs[0]);
    const [, shape] = outputs;
    expect(shape && g.constantOf(shape.value)?.data).toEqual(BigInt64Array.of(5n, 4n));
  });

  it('refuses what is not computed, not supported or too large', () => {
    const with_ = (last: ForwardNode): ForwardGraph => ({ ...MODEL, nodes: [...MODEL.nodes, last] });
    expect(() => bound(with_(node('Relu', ['output'], ['again'])))).not.toThrow();
    const attempts = [
      [with_(node('Relu', ['nothing'], ['again'])), 'graphMalformed'],
      [{ ...MODEL, outputs: ['nothing'] }, 'graphMalformed'],
      [with_(node('Dropout', ['output', '', ''], ['again', 'mask'])), 'none'],
      [{ ...with_(node('Dropout', ['output'], ['again', 'mask'])), outputs: ['mask'] }, 'graphMalformed'],
      [{ ...MODEL, limits: { ...MODEL.limits, activations: 5 * (3 + 3 + 2) } }, 'none'],
      [{ ...MODEL, limits: { ...MODEL.limits, activations: 5 * (3 + 3 + 2) - 1 } }, 'graphTooLarge'],
      [{ ...MODEL, limits: { ...MODEL.limits, elements: 14 } }, 'graphTooLarge'],
      [{ ...MODEL, limits: { ...MODEL.limits, rank: 1 } }, 'graphTooLarge'],
    ] as const;
    for (const [model, code] of attempts) {
      let got: unknown = 'none';
      try {
        bound(model);
      } catch (error) {
        got = (error as { code?: unknown }).code;
      }
      expect(got).toBe(code);
    }
  });

  it('hands the mode to the operators that differ by it', () => {
    const constants = new Map(MODEL.constants)
      .set('ratio', { dtype: 'float32', shape: [], data: Float32Array.of(0.5) })
      .set('mode', { dtype: 'bool', shape: [], data: Uint8Array.of(1) });
    const nodes = [...MODEL.nodes, node('Dropout', ['output', 'ratio', 'mode'], ['dropped'])];
    const model = { ...MODEL, nodes, constants, outputs: ['dropped'] };
    const asked: (readonly [readonly number[], number])[] = [];
    const g = new GraphBuilder('masks');
    const training: BindMode = {
      kind: 'training',
      weight: g.input('weight', 'float32', [5]),
      mask: (shape, rate) => {
        asked.push([shape, rate]);
        return g.input('mask', 'float32', shape);
      },
    };
    expect(bound(model).g.nodes.at(-1)?.op).toBe('Gemm');
    expect(asked).toEqual([]);
    expect(bound(model, training).g.nodes.at(-1)?.op).toBe('Mul');
    expect(asked).toEqual([[[5, 2], 0.5]]);
  });
});

describe('the operators of models', () => {
  it('are listed once each, in order, and nothing else is one', () => {
    const names = supportedOperators();
    expect(names).toEqual([...new Set(names)].sort());
    for (const name of ['Gemm', 'Dropout', 'Shape', 'Identity']) expect(names).toContain(name);
    for (const name of names) expect(isForwardOperator(name)).toBe(true);
    for (const name of ['Selu_', 'gemm', '', 'toString', '__proto__', 'Scan'])
      expect(isForwardOperator(name)).toBe(false);
  });
});
