/**
 * Pooling of any geometry against plain loops, in float64 and on ONNX Runtime. Elements are small whole numbers, so that
 * many windows have several largest ones, and many of those are 0 as behind a relu.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { int } from '../../../../client/graph/attribute.ts';
import { differentiate } from '../../../../client/graph/autodiff.ts';
import { GraphBuilder } from '../../../../client/graph/graph-builder.ts';
import { encodeModel } from '../../../../client/graph/onnx-encode.ts';
import { interpret } from '../../../../client/graph/reference/interpreter.ts';
import { elementCount } from '../../../../client/graph/tensor-type.ts';
import { type WindowAxis, windowAttributes, windowPositions } from '../../../../client/graph/window.ts';
import { isProblem } from '../../../../protocol/problem.ts';
import { wholeTape } from '../central-differences.ts';
import { hasRuntime, load32 } from '../onnx-runtime.ts';
import { numbers, uniform, worstDifference } from '../random-arrays.ts';

interface Geometry {
  readonly planes: number;
  readonly rows: number;
  readonly columns: number;
  readonly down: WindowAxis;
  readonly right: WindowAxis;
}

const windowAxis = fc
  .record({
    kernel: fc.integer({ min: 1, max: 3 }),
    stride: fc.integer({ min: 1, max: 3 }),
    dilation: fc.integer({ min: 1, max: 2 }),
    begin: fc.nat(2),
    end: fc.nat(2),
  })
  .map((axis): WindowAxis => {
    return {
      ...axis,
      begin: Math.min(axis.begin, axis.kernel - 1),
      end: Math.min(axis.end, axis.kernel - 1),
    };
  });

const geometries: fc.Arbitrary<Geometry> = fc
  .record({
    planes: fc.integer({ min: 1, max: 3 }),
    rows: fc.integer({ min: 3, max: 7 }),
    columns: fc.integer({ min: 3, max: 7 }),
    down: windowAxis,
    right: windowAxis,
  })
  .filter(({ rows, columns, down, right }) => {
    return windowPositions(down, rows) >= 1 && windowPositions(right, columns) >= 1;
  });

/** For every window of a plane the indices of its elements in that plane. */
function windowsOf({ rows, columns, down, right }: Geometry): number[][] {
  const windows: number[][] = [];
  for (let i = 0; i < windowPositions(down, rows); i += 1)
    for (let j = 0; j < windowPositions(right, columns); j += 1) {
      const inside: number[] = [];
      for (let a = 0; a < down.kernel; a += 1)
        for (let b = 0; b < right.kernel; b += 1) {
          const row = i * down.stride - down.begin + a * down.dilation;
          const column = j * right.stride - right.begin + b * right.dilation;
          if (row >= 0 && row < rows && column >= 0 && column < columns) inside.push(row * columns + column);
        }
      windows.push(inside);
    }
  return windows;
}

describe.each(['MaxPool', 'AveragePool'] as const)('%s of any geometry', (op) => {
  it('is what plain loops compute, and so is its gradient', async () => {
    await fc.assert(
      fc.asyncProperty(geometries, fc.nat(255), async (geometry, seed) => {
        const { planes, rows, columns, down, right } = geometry;
        const random = numbers(seed);
        const shape = [1, planes, rows, columns];
        const data = Float64Array.from({ length: elementCount(shape) }, () =>
          Math.max(0, random.below(5) - 2),
        );
        const windows = windowsOf(geometry);
        const shapeOfY = [1, planes, windowPositions(down, rows), windowPositions(right, columns)];
        const d = uniform(random, shapeOfY, -1, 1);
        const y = new Float64Array(planes * windows.length);
        const byX = new Float64Array(data.length);
        const count = down.kernel * right.kernel;
        for (let plane = 0, at = 0; plane < planes; plane += 1)
          for (const inside of windows) {
            const values = inside.map((index) => data[plane * rows * columns + index] ?? Number.NaN);
            const sum = values.reduce((total, value) => total + value, 0);
            y[at] = op === 'MaxPool' ? Math.max(...values) : sum / count;
            const chosen = inside.filter((_, index) => op === 'AveragePool' || values[index] === y[at]);
            const share = (d.data[at] ?? 0) / (op === 'MaxPool' ? chosen.length : count);
            for (const index of chosen) {
              const target = plane * rows * columns + index;
              byX[target] = (byX[target] ?? 0) + share;
            }
            at += 1;
          }

        const g = new GraphBuilder('pool');
        const [inX, inD] = [g.input('x', 'float32', shape), g.input('d', 'float32', shapeOfY)];
        const attributes = windowAttributes([down, right]);
        const counted = op === 'MaxPool' ? {} : { count_include_pad: int(1) };
        const output = g.apply(op, [inX], { ...attributes, ...counted });
        const [gradient] = differentiate(g, wholeTape(g), output, inD, [inX]);
        if (!gradient) throw new Error('there is a gradient');
        const graph = g.finish([
          { name: 'y', value: output },
          { name: 'byX', value: gradient },
        ]);
        const feeds = new Map([
          ['x', { shape, data }],
          ['d', d],
        ]);
        const wide = interpret(graph, feeds);
        expect(worstDifference(wide.get('y')?.data ?? [], y)).toBeLessThan(1e-12);
        expect(worstDifference(wide.get('byX')?.data ?? [], byX)).toBeLessThan(1e-12);
        if (!hasRuntime) return;
        const native = await (await load32(encodeModel(graph)))(feeds);
        expect(worstDifference(native.get('y') ?? [], y)).toBeLessThan(1e-6);
        expect(worstDifference(native.get('byX') ?? [], byX)).toBeLessThan(1e-6);
      }),
      { numRuns: 60 },
    );
  });
});

describe('gradient of MaxPool', () => {
  function differentiateOne(kernel: number, stride: number): string[] {
    const g = new GraphBuilder('large');
    const x = g.input('x', 'float32', [1, 1, 600]);
    const axis = { kernel, stride, dilation: 1, begin: 0, end: 0 };
    const y = g.apply('MaxPool', [x], windowAttributes([axis]));
    differentiate(g, wholeTape(g), y, g.input('d', 'float32', y.shape), [x]);
    return g.nodes.map(({ op }) => op);
  }

  it('needs no kernels for large windows side by side', () => {
    expect(differentiateOne(3, 3)).toContain('ConvTranspose');
    expect(differentiateOne(300, 300)).not.toContain('ConvTranspose');
  });

  it('refuses windows that would need too many kernels', () => {
    expect(differentiateOne(256, 1)).toContain('ConvTranspose');
    let problem: unknown;
    try {
      differentiateOne(257, 1);
    } catch (error) {
      problem = error;
    }
    expect(isProblem(problem, 'graphTooLarge')).toBe(true);
  });
});
