import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { rdpEpsilon } from '../../../protocol/dp/rdp-accountant.ts';
import { sensitivityOfCohort } from '../../../sim/privacy-utility/cohort-calibration.ts';
import {
  drawingOf,
  inWords,
  meanAccuracy,
  recordTable,
  type UtilityFile,
  type UtilityTable,
} from '../../../sim/privacy-utility/utility-figures.ts';

const figure = (variant: string, epsilonModel: number, ...accuracies: number[]) => ({
  ...{ variant, epsilonModel, accuracies, epsilonServer: variant === 'central' ? null : 9 },
});
const table: UtilityTable = {
  title: 'A table',
  settings: { rounds: 3 },
  labels: { central: 'the coordinator', ring: 'participants' },
  figures: [
    figure('central', 1, 0.8, 0.9),
    figure('central', 4, 0.95),
    figure('ring', 1, 0.8),
    figure('ring', 4, 0.9),
    { variant: 'nobody', accuracies: [0.97] },
  ],
};

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hanse-figures-'));
});
afterAll(() => rm(folder, { recursive: true }));

test('a table says who is trusted, and the mean of its seeds', () => {
  const words = inWords({ versions: {}, tables: { one: table } });
  expect(words).toContain('| the coordinator | 1 | trusted |  |  | 80.00, 90.00 | 85.00 |');
  expect(words).toContain('| participants | 4 | 9 |');
  expect(words).toContain('| nobody |  |  |  |  | 97.00 | 97.00 |');
  expect(words).toContain('- rounds: 3');
});

test('a picture has a curve for each that has as many epsilons as any; one epsilon is no curve', () => {
  const picture = drawingOf(table) ?? '';
  expect(picture.match(/<polyline/g)).toHaveLength(2);
  expect(picture).toContain('the coordinator');
  expect(picture).toContain('epsilon, against recipients of the model');
  expect(drawingOf({ ...table, figures: table.figures.slice(1, 2) })).toBeUndefined();
  const single = drawingOf({ ...table, figures: [...table.figures.slice(0, 2), figure('ring', 2, 0.9)] });
  expect(single?.match(/<polyline/g)).toHaveLength(1);
});

test('tables are put in beside one another, and anew in the place of their own', async () => {
  await recordTable('first', table, folder);
  await recordTable('second', { ...table, figures: table.figures.slice(0, 1) }, folder);
  await recordTable('first', { ...table, title: 'Another' }, folder);
  const { tables } = JSON.parse(await readFile(join(folder, 'privacy-curves.json'), 'utf8')) as UtilityFile;
  expect(Object.keys(tables)).toEqual(['first', 'second']);
  expect(await readFile(join(folder, 'privacy-curves.md'), 'utf8')).toContain('## Another');
  expect(await readFile(join(folder, 'privacy-curves-first.svg'), 'utf8')).toContain('Another');
  await expect(readFile(join(folder, 'privacy-curves-second.svg'))).rejects.toThrow('ENOENT');
});

describe('what is published', () => {
  let published: UtilityFile;
  beforeAll(async () => {
    published = JSON.parse(await readFile('sim/bench/results/privacy-curves.json', 'utf8')) as UtilityFile;
  });
  const meanAt = (name: string, variant: string, epsilon: number) => {
    const found = published.tables[name]?.figures.find(
      (one) => one.variant === variant && Math.abs((one.epsilonModel ?? 0) - epsilon) < 0.001 * epsilon,
    );
    return found ? meanAccuracy(found) : Number.NaN;
  };

  test('is what is asked for', () => {
    for (const [epsilon, asked] of [
      [2, 86],
      [8, 88],
    ] as const) {
      expect(meanAt('participant', 'distributed', epsilon)).toBeGreaterThanOrEqual(asked);
      const central = meanAt('participant', 'central', epsilon);
      expect(central - meanAt('participant', 'distributed', epsilon)).toBeLessThanOrEqual(0.5);
    }
    expect(meanAt('pooled', 'pooled', 3)).toBeGreaterThanOrEqual(96.5);
    expect(meanAt('shards', '2nn', 2)).toBeGreaterThanOrEqual(88);
  });

  test('and its epsilons follow from its noise', () => {
    const { figures = [], settings = {} } = published.tables.participant ?? {};
    const distributed = figures.filter(({ variant }) => variant.startsWith('distributed'));
    expect(distributed.length).toBeGreaterThanOrEqual(4);
    const dimension = 1970;
    const norm = sensitivityOfCohort(dimension);
    for (const { variant, noiseMultiplier = 0, epsilonModel = 0, epsilonServer } of distributed) {
      const parties = variant === 'distributed' ? 100 : 80;
      const sigma = (noiseMultiplier * norm) / Math.sqrt(parties);
      const event = { type: 'distributedDiscreteGaussian', norm, dimension, sigma, parties } as const;
      const of = (q: number) =>
        rdpEpsilon(
          { type: 'repeat', count: 100, event: { type: 'poisson', q, event } },
          'replace-special',
          1e-5,
        );
      // The tables of noise add a ten-millionth of delta.
      expect(of(0.1) / epsilonModel).toBeCloseTo(1, 6);
      expect(of(1) / (epsilonServer ?? 0)).toBeCloseTo(1, 6);
    }
    expect(settings).toMatchObject({ rate: 0.1, rounds: 100, delta: 1e-5, participants: 1000 });
  });
});
