// covers: sim/bench/curve-plot.ts, sim/bench/rows/mnist-curves.ts
import { expect, test } from 'vitest';
import { bestSoFar, plotCurves } from '../../../sim/bench/curve-plot.ts';
import { drawing, withFilledLists } from '../../../sim/bench/rows/mnist-curves.ts';

const OPTIONS = { title: 'a <title> & more', target: 0.97, from: 0.5 };
const points = (svg: string) =>
  [...svg.matchAll(/<polyline points="([^"]+)"/g)].map(([, list = '']) =>
    list.split(' ').map((pair) => pair.split(',').map(Number) as [number, number]),
  );

test('the best so far never falls', () => {
  expect(bestSoFar([0.2, 0.5, 0.4, 0.6, 0.1])).toEqual([0.2, 0.5, 0.5, 0.6, 0.6]);
  expect(bestSoFar([])).toEqual([]);
});

test('curves run from left to right, and higher is better; all of them end on the picture', () => {
  const svg = plotCurves(
    [
      { label: 'fast', accuracies: [0.6, 0.9, 0.97] },
      { label: 'slow', accuracies: [0.1, 0.2, 0.55, 0.6, 0.7, 0.8] },
    ],
    OPTIONS,
  );
  const [fast = [], slow = []] = points(svg);
  expect([fast.length, slow.length]).toEqual([3, 6]);
  for (const curve of [fast, slow]) {
    const [xs, ys] = [curve.map(([x]) => x), curve.map(([, y]) => y)];
    expect(xs).toEqual([...xs].sort((a, b) => a - b));
    expect(ys).toEqual([...ys].sort((a, b) => b - a));
    for (const x of xs) expect(x).toBeGreaterThanOrEqual(0);
    for (const y of ys) expect(y).toBeLessThanOrEqual(440);
  }
  // Accuracies below the bottom stay on the axis.
  expect(slow[0]?.[1]).toBe(slow[1]?.[1]);
  expect(slow[2]?.[1]).toBeLessThan(slow[1]?.[1] as number);
});

test('text is escaped, and nothing relies on the colour of the background', () => {
  const svg = plotCurves([{ label: '<b>', accuracies: [0.9] }], OPTIONS);
  expect(svg).toContain('a &lt;title&gt; &amp; more');
  expect(svg).toContain('&lt;b&gt;');
  expect(svg).not.toContain('<b>');
  for (const [, colour = ''] of svg.matchAll(/(?:fill|stroke)="#([0-9a-f]{6})"/g)) {
    const light = luminance(colour);
    expect(contrast(light, 1)).toBeGreaterThan(3);
    expect(contrast(light, luminance('0d1117'))).toBeGreaterThan(3);
  }
});

test('the label of a curve says when it arrived, and at which rate', () => {
  const training = { learningRate: 0.2, modelSha256: '', accuracies: [0.5, 0.98], roundsToTarget: 2 };
  const svg = drawing({ target: 0.97, curves: { iid: { label: 'IID', ...training } } });
  expect(svg).toContain('IID: 97 % after 2 rounds, learning rate 0.2');
});

test('lists of numbers fill their lines, and stay the same numbers', () => {
  const file = {
    a: { list: Array.from({ length: 100 }, (_, i) => i / 100), empty: [], one: [1] },
    b: 'text',
  };
  const json = withFilledLists(JSON.stringify(file, null, 2));
  expect(JSON.parse(json)).toEqual(file);
  const lines = json.split('\n');
  expect(Math.max(...lines.map(({ length }) => length))).toBeLessThanOrEqual(110);
  expect(lines.length).toBeLessThan(20);
});

/** WCAG 2.2, relative luminance. */
function luminance(colour: string): number {
  const [r = 0, g = 0, b = 0] = [0, 2, 4].map((at) => {
    const share = Number.parseInt(colour.slice(at, at + 2), 16) / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

function contrast(a: number, b: number): number {
  return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
}
