/** Pictures of a periodic report: amounts by day, piled up by kind, or added up from day to day. Pure. */
import type { Series } from '../../protocol/audit/report/day-series.ts';
import { html, type Markup } from './markup.ts';

const [WIDTH, HEIGHT] = [720, 160];
const [LEFT, BOTTOM, TOP] = [52, 22, 8];
/** Kinds have classes k0 to k11; further ones begin anew. */
const COLOURS = 12;
const LABELS = 6;

export interface Plot {
  readonly title: string;
  readonly format: (value: number) => string;
}

/** Undefined where there is nothing to be drawn. */
export function stackedBars(
  { spans, kinds, isByMonth }: Series,
  { title, format }: Plot,
): Markup | undefined {
  const sums = spans.map((_, at) => kinds.reduce((sum, { amounts }) => sum + (amounts[at] ?? 0), 0));
  const most = Math.max(0, ...sums);
  if (most === 0) return undefined;
  const step = (WIDTH - LEFT) / spans.length;
  const width = Math.min(40, 0.8 * step);
  const bars = spans.flatMap((_, at) => {
    let below = 0;
    return kinds.flatMap(({ amounts }, kind) => {
      const amount = amounts[at] ?? 0;
      if (amount === 0) return [];
      below += amount;
      const [x, y] = [LEFT + step * (at + 0.5) - width / 2, yOf(below, most)];
      const height = (HEIGHT * amount) / most;
      return [
        html`<rect class="k${kind % COLOURS}" x="${fixed(x)}" y="${fixed(y)}" width="${fixed(width)}" height="${fixed(height)}"/>`,
      ];
    });
  });
  const total = sums.reduce((sum, one) => sum + one, 0);
  const label = `${title} by ${isByMonth ? 'month' : 'day'}: ${format(total)} in all, ${format(most)} at most`;
  return figure(
    { title, label, spans, most, format },
    kinds.map(({ name }) => name),
    bars,
  );
}

/** The same added up, a line for each kind. */
export function cumulativeLines(
  { spans, kinds, isByMonth }: Series,
  { title, format }: Plot,
): Markup | undefined {
  const lines = kinds.map(({ amounts }) => {
    let sum = 0;
    return amounts.map((amount) => {
      sum += amount;
      return sum;
    });
  });
  const most = Math.max(0, ...lines.map((line) => line.at(-1) ?? 0));
  if (most === 0) return undefined;
  const step = (WIDTH - LEFT) / spans.length;
  const paths = lines.map((line, kind) => {
    let path = `M${LEFT} ${fixed(yOf(0, most))}`;
    for (const [at, sum] of line.entries())
      path += `V${fixed(yOf(sum, most))}H${fixed(LEFT + step * (at + 1))}`;
    return html`<path class="line k${kind % COLOURS}" d="${path}"/>`;
  });
  const ends = kinds.map(({ name }, at) => `${name} ${format(lines[at]?.at(-1) ?? 0)}`);
  const label = `${title}, added up by ${isByMonth ? 'month' : 'day'}: ${ends.join(', ')}`;
  return figure({ title, label, spans, most, format }, ends, paths);
}

export interface Bar {
  readonly name: string;
  readonly value: number;
}

/** One below the other, the largest first. */
export function namedBars(bars: readonly Bar[], { title, format }: Plot, most = 12): Markup | undefined {
  const drawn = [...bars].sort((a, b) => b.value - a.value || (a.name < b.name ? -1 : 1)).slice(0, most);
  const largest = drawn[0]?.value ?? 0;
  if (largest === 0) return undefined;
  const [row, from] = [22, 260];
  const rows = drawn.map(({ name, value }, at) => {
    const length = ((WIDTH - from - 70) * value) / largest;
    const y = row * at;
    return html`<text x="${from - 8}" y="${y + 15}" text-anchor="end">${shortened(name)}</text><rect class="k0" x="${from}" y="${y + 4}" width="${fixed(length)}" height="14"/><text x="${fixed(from + length + 6)}" y="${y + 15}">${format(value)}</text>`;
  });
  const said = drawn.map(({ name, value }) => `${name} ${format(value)}`).join(', ');
  return html`<figure><figcaption>${title}</figcaption><svg viewBox="0 0 ${WIDTH} ${row * drawn.length}" role="img" aria-label="${title}: ${said}">${rows}</svg></figure>
`;
}

interface Frame extends Plot {
  readonly label: string;
  readonly spans: readonly string[];
  readonly most: number;
}

function figure(
  { title, label, spans, most, format }: Frame,
  names: readonly string[],
  shapes: readonly Markup[],
): Markup {
  const every = Math.ceil(spans.length / LABELS);
  const step = (WIDTH - LEFT) / spans.length;
  const ticks = spans.flatMap((span, at) =>
    at % every === 0
      ? [
          html`<text x="${fixed(LEFT + step * (at + 0.5))}" y="${HEIGHT + TOP + 16}" text-anchor="middle">${span}</text>`,
        ]
      : [],
  );
  const legend = names.map(
    (name, at) =>
      html`<li><svg viewBox="0 0 10 10" aria-hidden="true"><rect class="k${at % COLOURS}" width="10" height="10"/></svg>${name}</li>`,
  );
  const height = TOP + HEIGHT + BOTTOM;
  return html`<figure><figcaption>${title}</figcaption><svg viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="${label}"><path class="axis" d="M${LEFT} ${TOP}H${WIDTH}M${LEFT} ${TOP + HEIGHT}H${WIDTH}"/><text x="${LEFT - 6}" y="${TOP + 8}" text-anchor="end">${format(most)}</text><text x="${LEFT - 6}" y="${TOP + HEIGHT}" text-anchor="end">0</text>${shapes}${ticks}</svg><ul class="legend">${legend}</ul></figure>
`;
}

function yOf(value: number, most: number): number {
  return TOP + HEIGHT - (HEIGHT * value) / most;
}

function fixed(value: number): string {
  return value.toFixed(2);
}

function shortened(name: string): string {
  const characters = [...name];
  return characters.length > 36 ? `${characters.slice(0, 35).join('')}…` : name;
}
