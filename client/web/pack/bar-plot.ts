/** One figure for each attempt at a round, as bars: small pictures of the same width, one above the other or side by side. */
import { element, shape } from './elements.ts';

const [WIDTH, HEIGHT] = [320, 96];
/** Narrower ones cannot be told apart. */
const GAPS_UP_TO = 80;

export interface BarPlot {
  readonly title: string;
  /** One for each attempt; undefined where there is none. */
  readonly values: readonly (number | undefined)[];
  /** Drawn behind them, where a part of it is what they are. */
  readonly of?: readonly number[];
  /** Drawn as a line that they do not pass. */
  readonly limit?: number;
  readonly format: (value: number) => string;
}

/** Undefined where there is nothing to be drawn. */
export function barPlot({ title, values, of = [], limit, format }: BarPlot): HTMLElement | undefined {
  const known = values.filter((value) => value !== undefined && Number.isFinite(value)) as number[];
  const most = Math.max(...known, ...of, limit ?? 0);
  if (known.length === 0 || !(most > 0)) return undefined;
  const step = WIDTH / values.length;
  const width = Math.min(48, values.length > GAPS_UP_TO ? step : 0.7 * step);
  const bar = (value: number, at: number, name: string) =>
    shape('rect', {
      ...{ class: name, width: width.toFixed(2), height: ((HEIGHT * value) / most).toFixed(2) },
      ...{ x: (step * (at + 0.5) - width / 2).toFixed(2), y: (HEIGHT - (HEIGHT * value) / most).toFixed(2) },
    });
  const line = (y: number, name: string) => shape('path', { d: `M0 ${y.toFixed(2)}H${WIDTH}`, class: name });
  const last = known.at(-1) ?? 0;
  const label = `${title}, by attempt: the last one ${format(last)}, the most ${format(Math.max(...known))}`;
  return element(
    'figure',
    {},
    element('figcaption', {}, element('span', {}, title), element('strong', {}, format(last))),
    shape(
      'svg',
      { viewBox: `0 -4 ${WIDTH} ${HEIGHT + 8}`, role: 'img', 'aria-label': label },
      ...of.map((value, at) => bar(value, at, 'whole')),
      ...values.flatMap((value, at) => (value !== undefined && value > 0 ? [bar(value, at, 'part')] : [])),
      line(HEIGHT, 'axis'),
      ...(limit === undefined ? [] : [line(HEIGHT * (1 - limit / most), 'limit')]),
    ),
  );
}
