/**
 * Convolutions of any geometry against plain loops, in float64 and on ONNX Runtime: results, gradients, and both forms
 * of the gradient by the weight.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { int } from '../../../../client/graph/attribute.ts';
import { differentiate } from '../../../../client/graph/autodiff.ts';
import { byExchange, byWindows } from '../../../../client/graph/gradients/convolution.ts';
import { GraphBuilder } from '../../../../client/graph/graph-builder.ts';
import { encodeModel } from '../../../../client/graph/onnx-encode.ts';
import { interpret } from '../../../../client/graph/reference/interpreter.ts';
import type { NdArray } from '../../../../client/graph/reference/nd-array.ts';
import { elementCount } from '../../../../client/graph/tensor-type.ts';
import { type WindowAxis, windowAttributes, windowPositions } from '../../../../client/graph/window.ts';
import { wholeTape } from '../central-differences.ts';
import { hasRuntime, load32 } from '../onnx-runtime.ts';
import { numbers, uniform, worstDifference } from '../random-arrays.ts';

interface Geometry {
  readonly batch: number;
  readonly groups: number;
  /** Per group. */
  readonly inputs: number;
  readonly outputs: number;
  readonly rows: number;
  readonly columns: number;
  readonly down: WindowAxis;
  readonly right: WindowAxis;
}

const small = (max: number) => fc.integer({ min: 1, max });
const windowAxis: fc.Arbitrary<WindowAxis> = fc.record({
  kernel: small(3),
  stride: small(3),
  dilation: small(3),
  begin: fc.nat(3),
  end: fc.nat(3),
});
const geometries: fc.Arbitrary<Geometry> = fc
  .record({
    batch: small(3),
    groups: small(3),
    inputs: small(2),
    outputs: small(2),
    rows: small(7),
    columns: small(7),
    down: windowAxis,
    right: windowAxis,
  })
  .filter(({ rows, columns, down, right }) => {
    return windowPositions(down, rows) >= 1 && windowPositions(right, columns) >= 1;
  });

/** Calls `visit` once for every product x w that goes into a y, with the flat indices of the three. */
function forEachProduct(geometry: Geometry, visit: (x: number, w: number, y: number) => void): void {
  const { batch, groups, inputs, outputs, rows, columns, down, right } = geometry;
  const [high, wide] = [windowPositions(down, rows), windowPositions(right, columns)];
  for (let n = 0; n < batch; n += 1)
    for (let group = 0; group < groups; group += 1)
      for (let o = 0; o < outputs; o += 1)
        for (let c = 0; c < inputs; c += 1)
          for (let i = 0; i < high; i += 1)
            for (let j = 0; j < wide; j += 1)
              for (let a = 0; a < down.kernel; a += 1)
                for (let b = 0; b < right.kernel; b += 1) {
                  const row = i * down.stride - down.begin + a * down.dilation;
                  const column = j * right.stride - right.begin + b * right.dilation;
                  if (row < 0 || row >= rows || column < 0 || column >= columns) continue;
                  const channel = group * inputs + c;
                  const made = group * outputs + o;
                  visit(
                    ((n * groups * inputs + channel) * rows + row) * columns + column,
                    ((made * inputs + c) * down.kernel + a) * right.kernel + b,
                    ((n * groups * outputs + made) * high + i) * wide + j,
                  );
                }
}

function zeros(shape: readonly number[]): NdArray {
  return { shape, data: new Float64Array(elementCount(shape)) };
}

/** result[into] += left[l] right[r], whichever of x, w and y these are. */
function add(result: NdArray, into: number, left: NdArray, l: number, right: NdArray, r: number): void {
  result.data[into] = (result.data[into] ?? 0) + (left.data[l] ?? 0) * (right.data[r] ?? 0);
}

function shapesOf({ batch, groups, inputs, outputs, rows, columns, down, right }: Geometry) {
  return {
    x: [batch, groups * inputs, rows, columns],
    w: [groups * outputs, inputs, down.kernel, right.kernel],
    y: [batch, groups * outputs, windowPositions(down, rows), windowPositions(right, columns)],
  };
}

async function expectAgreement(
  g: GraphBuilder,
  feeds: ReadonlyMap<string, NdArray>,
  values: Record<string, Parameters<GraphBuilder['total']>[0] | undefined>,
  expected: Record<string, NdArray>,
): Promise<void> {
  const ports = Object.entries(values).flatMap(([name, value]) => (value ? [{ name, value }] : []));
  expect(ports).toHaveLength(Object.keys(expected).length);
  const graph = g.finish(ports);
  const wide = interpret(graph, feeds);
  const native = hasRuntime ? await (await load32(encodeModel(graph)))(feeds) : undefined;
  for (const [name, { data }] of Object.entries(expected)) {
    expect(worstDifference(wide.get(name)?.data ?? [], data), name).toBeLessThan(1e-12);
    if (native) expect(worstDifference(native.get(name) ?? [], data), name).toBeLessThan(1e-5);
  }
}

describe('convolution of any geometry', () => {
  it('is what plain loops compute, and so are its gradients', async () => {
    await fc.assert(
      fc.asyncProperty(geometries, fc.nat(255), async (geometry, seed) => {
        const random = numbers(seed);
        const shapes = shapesOf(geometry);
        const [x, w, d] = [shapes.x, shapes.w, shapes.y].map((shape) => uniform(random, shape, -1, 1));
        if (!x || !w || !d) throw new Error('unreachable');
        const y = zeros(shapes.y);
        const byX = zeros(shapes.x);
        const byW = zeros(shapes.w);
        forEachProduct(geometry, (atX, atW, atY) => {
          add(y, atY, x, atX, w, atW);
          add(byX, atX, d, atY, w, atW);
          add(byW, atW, d, atY, x, atX);
        });

        const g = new GraphBuilder('conv');
        const [inX, inW, inD] = [
          g.input('x', 'float32', shapes.x),
          g.input('w', 'float32', shapes.w),
          g.input('d', 'float32', shapes.y),
        ];
        const window = [geometry.down, geometry.right];
        const { groups } = geometry;
        const output = g.apply('Conv', [inX, inW], { ...windowAttributes(window), group: int(groups) });
        const [gradientX, gradientW] = differentiate(g, wholeTape(g), output, inD, [inX, inW]);
        const product = { x: inX, d: inD, shape: shapes.w, window, groups };
        const feeds = new Map([
          ['x', x],
          ['w', w],
          ['d', d],
        ]);
        await expectAgreement(
          g,
          feeds,
          {
            y: output,
            byX: gradientX,
            byW: gradientW,
            windows: byWindows(g, product),
            exchange: byExchange(g, product),
          },
          { y, byX, byW, windows: byW, exchange: byW },
        );
      }),
      { numRuns: 60 },
    );
  });

  it('transposed is what plain loops compute, and so are its gradients', async () => {
    await fc.assert(
      fc.asyncProperty(geometries, fc.nat(255), async (geometry, seed) => {
        // The image that a transposed convolution makes is the one that a convolution would see.
        const random = numbers(seed);
        const shapes = shapesOf(geometry);
        const { groups, down, right, rows, columns } = geometry;
        const [d, w, x] = [shapes.x, shapes.w, shapes.y].map((shape) => uniform(random, shape, -1, 1));
        if (!x || !w || !d) throw new Error('unreachable');
        const y = zeros(shapes.x);
        const byX = zeros(shapes.y);
        const byW = zeros(shapes.w);
        forEachProduct(geometry, (atX, atW, atY) => {
          add(y, atX, x, atY, w, atW);
          add(byX, atY, d, atX, w, atW);
          add(byW, atW, d, atX, x, atY);
        });

        const g = new GraphBuilder('transposed');
        const [inX, inW, inD] = [
          g.input('x', 'float32', shapes.y),
          g.input('w', 'float32', shapes.w),
          g.input('d', 'float32', shapes.x),
        ];
        const unseen = [
          [down, rows],
          [right, columns],
        ] as const;
        const added = unseen.map(([{ kernel, stride, dilation, begin, end }, length]) => {
          return (length + begin + end - dilation * (kernel - 1) - 1) % stride;
        });
        const output = g.apply('ConvTranspose', [inX, inW], {
          ...windowAttributes([down, right]),
          group: int(groups),
          output_padding: { kind: 'ints', value: added },
        });
        const [gradientX, gradientW] = differentiate(g, wholeTape(g), output, inD, [inX, inW]);
        const feeds = new Map([
          ['x', x],
          ['w', w],
          ['d', d],
        ]);
        await expectAgreement(g, feeds, { y: output, byX: gradientX, byW: gradientW }, { y, byX, byW });
      }),
      { numRuns: 60 },
    );
  });
});

describe('gradient by the weight', () => {
  function operatorsOf(length: number, kernel: number): string[] {
    const g = new GraphBuilder('large');
    const x = g.input('x', 'float32', [1, 1, length]);
    const w = g.input('w', 'float32', [1, 1, kernel]);
    const y = g.apply('Conv', [x, w]);
    const before = g.nodes.length;
    differentiate(g, wholeTape(g), y, g.input('d', 'float32', y.shape), [w]);
    return g.nodes.slice(before).map(({ op }) => op);
  }

  it('writes windows down unless there are too many', () => {
    expect(operatorsOf(40, 21)).toContain('Gather');
    expect(operatorsOf(4200, 2100)).toContain('Conv');
    expect(operatorsOf(4200, 2100)).not.toContain('Gather');
  });
});
