/**
 * What privacy costs, as a file of figures, tables for people and pictures: each row of `npm run bench -- privacy-curves`
 * puts in what it measured and draws all of it anew.
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { AccountantName } from '../../protocol/dp/accountants.ts';
import { SOFTWARE } from '../../protocol/versions.ts';
import { type Axis, plotCurves } from '../bench/curve-plot.ts';

export interface UtilityFigure {
  readonly variant: string;
  /** Share of right answers on test images, one for each seed. */
  readonly accuracies: readonly number[];
  /** Against recipients of the models; absent without noise. */
  readonly epsilonModel?: number;
  /** Against the coordinator; null where it is trusted. */
  readonly epsilonServer?: number | null;
  /** Against others who read rosters, where cohorts are sampled. */
  readonly epsilonRoster?: number;
  readonly noiseMultiplier?: number;
  readonly accountant?: AccountantName;
}

/** One table, and a picture where there are several epsilons. */
export interface UtilityTable {
  readonly title: string;
  readonly settings: Readonly<Record<string, unknown>>;
  readonly figures: readonly UtilityFigure[];
  readonly labels: Readonly<Record<string, string>>;
}

export interface UtilityFile {
  readonly versions: Readonly<Record<string, string>>;
  readonly tables: Readonly<Record<string, UtilityTable>>;
}

const FILE = 'privacy-curves';

/** Puts a table in the place of the one of this name, and writes `privacy-curves.json`, `.md` and a picture of the table. */
export async function recordTable(name: string, table: UtilityTable, folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  const path = join(folder, `${FILE}.json`);
  const before = await readFile(path, 'utf8').then(
    (text) => (JSON.parse(text) as UtilityFile).tables,
    () => ({}),
  );
  const versions = {
    hanse: SOFTWARE,
    node: process.version,
    platform: `${process.platform} ${process.arch}`,
  };
  const file: UtilityFile = { versions, tables: { ...before, [name]: table } };
  await writeFile(path, `${JSON.stringify(file, null, 2)}\n`);
  await writeFile(join(folder, `${FILE}.md`), inWords(file));
  const picture = drawingOf(table);
  if (picture !== undefined) await writeFile(join(folder, `${FILE}-${name}.svg`), picture);
}

/** In percent. */
export function meanAccuracy({ accuracies }: UtilityFigure): number {
  return (100 * accuracies.reduce((sum, accuracy) => sum + accuracy, 0)) / accuracies.length;
}

/** Markdown. */
export function inWords({ tables }: UtilityFile): string {
  const lines = ['# What privacy costs', '', 'Written by `npm run bench -- privacy-curves`.'];
  for (const { title, settings, figures, labels } of Object.values(tables)) {
    lines.push('', `## ${title}`, '');
    for (const [key, value] of Object.entries(settings)) lines.push(`- ${key}: ${JSON.stringify(value)}`);
    lines.push(
      '',
      '| who adds noise | epsilonModel | epsilonServer | readers of rosters | noise multiplier | accuracy, % | mean |',
      '|---|---|---|---|---|---|---|',
    );
    for (const figure of figures) {
      const { variant, epsilonModel, epsilonServer, epsilonRoster, noiseMultiplier, accuracies } = figure;
      const cells = [
        labels[variant] ?? variant,
        rounded(epsilonModel),
        epsilonServer === null ? 'trusted' : rounded(epsilonServer),
        rounded(epsilonRoster),
        rounded(noiseMultiplier),
        accuracies.map((accuracy) => (100 * accuracy).toFixed(2)).join(', '),
        meanAccuracy(figure).toFixed(2),
      ];
      lines.push(`| ${cells.join(' | ')} |`);
    }
  }
  return `${lines.join('\n')}\n`;
}

/** Undefined where no variant has two epsilons. */
export function drawingOf({ title, figures, labels }: UtilityTable): string | undefined {
  const byVariant = new Map<string, UtilityFigure[]>();
  for (const figure of figures)
    if (figure.epsilonModel !== undefined)
      byVariant.set(figure.variant, [...(byVariant.get(figure.variant) ?? []), figure]);
  const epsilonOf = ({ epsilonModel = 0 }: UtilityFigure) => Number(epsilonModel.toPrecision(3));
  const most = Math.max(0, ...[...byVariant.values()].map(({ length }) => length));
  if (most < 2) return undefined;
  const whole = [...byVariant.values()].filter(({ length }) => length === most);
  const axis: Axis = {
    label: 'epsilon, against recipients of the model',
    values: (whole[0] ?? []).map(epsilonOf),
  };
  const curves = whole.map((curve) => ({
    label: labels[curve[0]?.variant ?? ''] ?? curve[0]?.variant ?? '',
    accuracies: curve.map((figure) => meanAccuracy(figure) / 100),
  }));
  const least = Math.min(...curves.flatMap(({ accuracies }) => accuracies));
  // Room for the labels below the curves.
  const from = Math.max(0, Math.floor((least - (1 - least) / 2) * 20) / 20);
  return plotCurves(curves, { title, from, axis, side: 'test accuracy' });
}

function rounded(figure: number | null | undefined): string {
  return figure === undefined || figure === null ? '' : String(Number(figure.toPrecision(4)));
}
