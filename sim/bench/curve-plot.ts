/**
 * Learning curves, or accuracies at some epsilons, as an SVG that reads well on light and dark backgrounds alike: it has no background of its own, and
 * colours of middle lightness.
 */

export interface Curve {
  readonly label: string;
  /** Share of right answers after round 1, 2, ..., or at each value of the axis, in [0, 1]. */
  readonly accuracies: readonly number[];
}

export interface PlotOptions {
  readonly title: string;
  /** A line across at this accuracy; absent: none. */
  readonly target?: number;
  /** Accuracy at the bottom of the picture. */
  readonly from: number;
  /** What the curves are over, where that is not rounds. */
  readonly axis?: Axis;
  /** Beside the picture; absent: that the accuracies are the best so far. */
  readonly side?: string;
}

export interface Axis {
  readonly label: string;
  /** Positive, ascending, at least two. */
  readonly values: readonly number[];
}

const WIDTH = 800;
const HEIGHT = 440;
const MARGIN = { left: 64, right: 24, top: 48, bottom: 56 };
const INK = '#6e7681';
const COLOURS = ['#2f81f7', '#db6d28', '#2da44e', '#bf5af2'];

/** What is to the left is spread out: the axis shows logarithms. */
export function plotCurves(curves: readonly Curve[], options: PlotOptions): string {
  const { title, target, from } = options;
  const rounds = Math.max(2, ...curves.map(({ accuracies }) => accuracies.length));
  const axis = options.axis ?? { label: 'round', values: [1, rounds] };
  const ticks = options.axis?.values ?? roundTicks(rounds);
  const positions = options.axis?.values ?? Array.from({ length: rounds }, (_, i) => i + 1);
  const [least = 1, most = 1] = [axis.values[0], axis.values.at(-1)];
  const right = WIDTH - MARGIN.right;
  const bottom = HEIGHT - MARGIN.bottom;
  const x = (value: number) =>
    MARGIN.left + (Math.log(value / least) / Math.log(most / least)) * (right - MARGIN.left);
  const y = (accuracy: number) => bottom - ((accuracy - from) / (1 - from)) * (bottom - MARGIN.top);
  const lines = [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-labelledby="title" font-family="system-ui, sans-serif" font-size="14" fill="${INK}">`,
    `<title id="title">${escaped(title)}</title>`,
    `<text x="${MARGIN.left}" y="26" font-size="17" font-weight="600">${escaped(title)}</text>`,
    ...ticks.flatMap((tick) => [
      line(x(tick), MARGIN.top, x(tick), bottom, 'stroke-opacity="0.25"'),
      `<text x="${point(x(tick))}" y="${bottom + 20}" text-anchor="middle">${tick}</text>`,
    ]),
    ...accuracyTicks(from).flatMap((accuracy) => [
      line(MARGIN.left, y(accuracy), right, y(accuracy), 'stroke-opacity="0.25"'),
      `<text x="${MARGIN.left - 10}" y="${point(y(accuracy) + 5)}" text-anchor="end">${percent(accuracy)}</text>`,
    ]),
    line(MARGIN.left, bottom, right, bottom, ''),
    line(MARGIN.left, MARGIN.top, MARGIN.left, bottom, ''),
    ...(target === undefined
      ? []
      : [
          line(MARGIN.left, y(target), right, y(target), 'stroke-dasharray="6 4"'),
          `<text x="${MARGIN.left + 8}" y="${point(y(target) - 6)}">${percent(target)}</text>`,
        ]),
    `<text x="${(MARGIN.left + right) / 2}" y="${HEIGHT - 14}" text-anchor="middle">${escaped(axis.label)}</text>`,
    `<text transform="translate(16 ${(MARGIN.top + bottom) / 2}) rotate(-90)" text-anchor="middle">${escaped(options.side ?? 'test accuracy, best so far')}</text>`,
    ...curves.flatMap((curve, index) =>
      drawCurve(curve, index, (i) => x(positions[i] as number), y, from, bottom),
    ),
    '</svg>',
  ];
  return `${lines.join('\n')}\n`;
}

function drawCurve(
  { label, accuracies }: Curve,
  index: number,
  x: (round: number) => number,
  y: (accuracy: number) => number,
  from: number,
  bottom: number,
): string[] {
  const colour = COLOURS[index % COLOURS.length] ?? INK;
  const points = accuracies.map((accuracy, i) => [x(i), y(Math.max(accuracy, from))] as const);
  const path = points.map(([px, py]) => `${point(px)},${point(py)}`).join(' ');
  const [endX, endY] = points.at(-1) ?? [0, 0];
  const row = bottom - 18 - 24 * index;
  return [
    `<polyline points="${path}" fill="none" stroke="${colour}" stroke-width="2.5" stroke-linejoin="round"/>`,
    `<circle cx="${point(endX)}" cy="${point(endY)}" r="4.5" fill="${colour}"/>`,
    `<text x="${WIDTH - MARGIN.right - 12}" y="${row}" text-anchor="end" fill="${colour}" font-weight="600">${escaped(label)}</text>`,
  ];
}

/** What the paper plots: accuracy never falls. */
export function bestSoFar(accuracies: readonly number[]): number[] {
  let best = 0;
  return accuracies.map((accuracy) => {
    best = Math.max(best, accuracy);
    return best;
  });
}

function roundTicks(rounds: number): number[] {
  const ticks: number[] = [];
  for (let decade = 1; decade <= rounds; decade *= 10)
    for (const digit of [1, 2, 5]) if (digit * decade <= rounds) ticks.push(digit * decade);
  return ticks;
}

function accuracyTicks(from: number): number[] {
  const parts = from < 0.8 ? 10 : 50;
  const all = Array.from({ length: parts + 1 }, (_, i) => i / parts);
  return all.filter((accuracy) => accuracy >= from);
}

function line(x1: number, y1: number, x2: number, y2: number, more: string): string {
  const [a, b, c, d] = [x1, y1, x2, y2].map(point);
  return `<line x1="${a}" y1="${b}" x2="${c}" y2="${d}" stroke="${INK}"${more && ` ${more}`}/>`;
}

function percent(share: number): string {
  return `${Math.round(100 * share)} %`;
}

function point(position: number): string {
  return String(Number(position.toFixed(1)));
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
