// covers: client/commands/privacy-plan-report.ts, client/commands/neighbouring-words.ts
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { PrivacyPlan } from '../../../protocol/dp/privacy-plan.ts';
import type { JobStatus } from '../../../schemas/job.ts';
import { hanse } from '../../fixtures/command-line.ts';
import { type RunningCoordinator, runCoordinator } from '../../fixtures/running-coordinator.ts';

let running: RunningCoordinator;
let folder: string;

beforeAll(async () => {
  running = await runCoordinator();
  folder = await mkdtemp(join(tmpdir(), 'hanse-plan-'));
});

afterAll(async () => {
  await running.close();
  await rm(folder, { recursive: true });
});

const plan = (line: string) => hanse(['privacy', 'plan', ...line.split(' ').filter((word) => word !== '')]);
const TEN = '--participants 10 --units 6000 --lot-rate 0.05 --rounds 40 --delta 1e-5';
const MLP = '--model mlp:4,3,2';

test('says what is promised to whom, in words, tables and a chart, and as JSON', async () => {
  const { exitCode, out } = await plan(`${TEN} ${MLP} --epsilon 2`);
  expect(exitCode).toBe(0);
  for (const part of [
    /unit +example: one row/,
    /its contribution zeroed \(replace-special\)/,
    /2 against the coordinator and whoever takes part \(epsilonServer\)/,
    /against who gets the models alone \(epsilonModel\)/,
    /delta +0.00001, below 1\/N = 0.00001667 of 60000 units/,
    /sums that are too long 4e-11/,
    /1.581 times as much, sqrt\(10\/4\)/,
    /rounds +epsilon\n +1 .*\n +10 .*\n +20 .*\n +40 +(2|1\.99\d*)\n/,
    /noise multiplier +epsilon +drift\n(.+\n){5}\n/,
    /updates a round .*drift\n(.+\n){5}\n/,
    /epsilon against rounds, 1 to 40\n(.+[┤┼].+\n){9}/,
    /a step +noise of the mean update/,
    /all rounds +drift .*some points/,
  ])
    expect(out).toMatch(part);
  const told = (await plan(`${TEN} ${MLP} --epsilon 2 --json`)).json as PrivacyPlan;
  expect(told).toMatchObject({
    ...{ unit: 'example', delta: 1e-5, parameters: 23, cohort: 10, parties: 4, isUseful: true },
  });
  const same = await plan(`${TEN} --parameters 23 --noise-multiplier ${told.noiseMultiplier} --json`);
  expect((same.json as PrivacyPlan).epsilonModel).toBeCloseTo(told.epsilonModel, 9);
});

test('a coordinator that is trusted needs less noise than participants do, and nothing is promised against it', async () => {
  const persons =
    '--unit participant --participants 6000 --cohort 1000 --rounds 18 --parameters 785 --delta 1e-5';
  const of = async (more: string) =>
    (await plan(`${persons} --epsilon 4 ${more} --json`)).json as PrivacyPlan;
  const [shared, afresh, trees] = [
    await of(''),
    await of('--noise gaussian'),
    await of('--noise gaussian --tree-rounds 6'),
  ];
  expect(shared.epsilonServer).toBeCloseTo(4, 2);
  expect(afresh).toMatchObject({
    epsilonServer: null,
    epsilonModel: expect.closeTo(4, 2),
    parties: 1,
    excess: 1,
  });
  expect(afresh.model?.drift).toBeLessThan(shared.model?.drift ?? 0);
  // Three trees of three levels in place of 18 rounds.
  expect(afresh.noiseMultiplier / trees.noiseMultiplier).toBeCloseTo(Math.sqrt(18 / 9), 1);
  expect(trees.byRounds.map(({ epsilon }) => epsilon)).toEqual(
    trees.byRounds.map(({ epsilon }) => epsilon).toSorted((a, b) => a - b),
  );
  const { out } = await plan(`${persons} --epsilon 4 --noise gaussian --tree-rounds 6`);
  expect(out).toMatch(/against everybody but the coordinator/);
  expect(out).toMatch(/for each node of trees over 6 rounds/);
  const lots = await plan(`${TEN} ${MLP} --epsilon 2 --noise gaussian --tree-rounds 6 --json`);
  expect(lots.json).toMatchObject({ problem: { code: 'usage' } });
});

test('a clip norm that follows the lengths of updates costs little, and its count is told', async () => {
  const persons =
    '--unit participant --participants 1000 --rounds 20 --parameters 785 --delta 1e-5 --epsilon 8';
  const of = async (more: string) => (await plan(`${persons} ${more} --json`)).json as PrivacyPlan;
  const [fixed, adaptive] = [await of(''), await of('--adaptive-clip 0.5')];
  expect(fixed).toMatchObject({ clipQuantile: null, clipCountNoise: null });
  expect(adaptive.clipQuantile).toBe(0.5);
  expect(adaptive.epsilonServer).toBeLessThanOrEqual(8);
  // A twentieth of the cohort, or more where less than all noise is counted on.
  expect(adaptive.clipCountNoise).toBeGreaterThanOrEqual(50);
  expect(adaptive.clipCountNoise).toBeLessThan(50 * adaptive.excess * 1.05);
  expect(adaptive.noiseMultiplier / fixed.noiseMultiplier).toBeCloseTo(1, 3);
  expect(adaptive.model?.drift).toBeGreaterThan(fixed.model?.drift ?? Number.NaN);
  const { out } = await plan(`${persons} --adaptive-clip 0.5`);
  expect(out).toMatch(/clipping +the clip norm of later rounds goes to the 0.5 quantile/);
  expect((await plan(persons)).out).not.toContain('quantile');
  const lots = await plan(`${TEN} ${MLP} --epsilon 2 --adaptive-clip 0.5 --json`);
  expect(lots.json).toMatchObject({ problem: { code: 'usage' } });
});

test('a plan with which nothing is learnt is a failure, unless somebody insists', async () => {
  const participants = '--unit participant --rounds 10 --parameters 7850 --epsilon 8 --delta 1e-5';
  const ten = await plan(`${participants} --participants 10`);
  expect(ten.exitCode).toBe(1);
  expect(ten.out).toMatch(/warning +with the unit participant at least \d+ updates/);
  expect((await plan(`${participants} --participants 10 --force`)).exitCode).toBe(0);
  const thousand = await plan(`${participants} --participants 1000`);
  expect(thousand.exitCode).toBe(0);
  expect(thousand.out).not.toContain('warning');
});

test('a job is planned as it will run, by its id or its manifest', async () => {
  const as = ['--identity', running.operatorFile];
  const create = ['job', 'create', '--name', 'clouds', '--purpose', 'testing', '--model', 'mlp:4,3,2'];
  const rest = '--cohort 10 --rounds 4 --delta 1e-5'.split(' ');
  const lots = '--unit example --lot-rate 0.1 --epsilon 2'.split(' ');
  const created = await hanse([...create, ...as, ...rest, ...lots, '--json']);
  const { jobId, manifest } = created.json as JobStatus;
  const byId = await hanse(['privacy', 'plan', '--job', jobId, '--units', '6000', ...as, '--json']);
  expect(byId.json).toMatchObject({
    ...{ jobId, name: 'clouds', unit: 'example', units: 60_000, isUseful: true, lotRate: 0.1 },
    noise: manifest.codec.noise,
  });
  const { epsilonServer } = byId.json as PrivacyPlan;
  expect(epsilonServer).toBeLessThanOrEqual(manifest.privacy?.epsilonServer ?? 0);

  const file = join(folder, 'job.json');
  for (const content of [manifest, { jobId, manifest }]) {
    await writeFile(file, JSON.stringify(content));
    expect((await plan(`--manifest ${file} --json`)).json).toMatchObject({ epsilonServer, model: null });
  }
  const better = { ...manifest, privacy: { ...manifest.privacy, epsilonServer: 0.1 } };
  await writeFile(file, JSON.stringify(better));
  expect((await plan(`--manifest ${file} --json`)).json).toMatchObject({
    problem: { code: 'manifestInvalid' },
  });
  await writeFile(file, '{');
  expect((await plan(`--manifest ${file} --json`)).json).toMatchObject({ problem: { code: 'usage' } });

  const plain = await hanse([...create, ...as, '--cohort', '5', '--json']);
  const none = await hanse(['privacy', 'plan', '--job', (plain.json as JobStatus).jobId, ...as, '--json']);
  expect(none.json).toMatchObject({
    problem: { code: 'usage', particulars: { reason: expect.stringContaining('nothing') } },
  });

  const participant = '--unit participant --weighting uniform --epsilon 8'.split(' ');
  create.splice(-1, 1, 'mlp:40,30,10');
  const refused = await hanse([...create, ...as, ...rest, ...participant, '--json']);
  expect(refused.json).toMatchObject({ problem: { code: 'noiseDrownsModel', particulars: { cohort: 10 } } });
  const insisted = await hanse([...create, ...as, ...rest, ...participant, '--force', '--json']);
  expect(insisted.json).toMatchObject({ manifest: { privacyUnit: 'participant' } });
});

test.each<readonly [code: string, line: string]>([
  ['deltaTooLarge', `${TEN} ${MLP} --epsilon 2 --delta 1e-4`],
  ['noiseTooSmall', `${TEN} ${MLP} --noise-multiplier 0`],
  ['noiseTooSmall', `${TEN} ${MLP} --noise-multiplier=-1`],
  ['budgetUnreachable', `${TEN} ${MLP} --epsilon 2 --delta 1e-11`],
  ['usage', `${TEN} ${MLP} --epsilon 0`],
  ['usage', `${TEN} ${MLP} --epsilon 2 --lot-rate 1.5`],
  ['usage', `${TEN} ${MLP} --epsilon 2 --clip-norm 0`],
  ['usage', `${TEN} ${MLP} --epsilon 2 --noise-multiplier 1`],
  ['usage', `${TEN} ${MLP}`],
  ['usage', `${TEN} --epsilon 2`],
  ['usage', `${TEN} ${MLP} --epsilon 2 --unit participant`],
  ['usage', `${TEN} ${MLP} --epsilon 2 --cohort 11`],
  ['usage', `${TEN} ${MLP} --epsilon 2 --units 0`],
  ['usage', `${TEN} ${MLP} --epsilon 2 --plain --colluders 2`],
  ['usage', `--rounds 4 --delta 1e-5 --lot-rate 0.1 ${MLP} --epsilon 2`],
  ['usage', `--participants 10 --lot-rate 0.1 ${MLP} --epsilon 2`],
  ['usage', '--job job-0123456789abcdef --manifest x.json'],
  ['usage', '--manifest x.json --rounds 4'],
  ['dataFileMissing', '--manifest /none/job.json'],
])('is refused with %s: %s', async (code, line) => {
  const { exitCode, json } = await plan(`${line} --json`);
  expect(json).toMatchObject({ problem: { code } });
  expect(exitCode).toBeGreaterThan(0);
});
