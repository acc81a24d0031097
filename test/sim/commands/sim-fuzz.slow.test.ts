import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test, vi } from 'vitest';
import { JobRunner } from '../../../server/job-runner.ts';
import { drawSchedule } from '../../../sim/fuzz/draw-schedule.ts';
import { hanse } from '../../fixtures/command-line.ts';

const fuzz = (...words: string[]) => hanse(['sim', 'fuzz', ...words, '--json']);

afterEach(() => {
  vi.restoreAllMocks();
});

/** A mistake that every killed coordinator makes. */
function plant(): void {
  const { start } = JobRunner.prototype;
  vi.spyOn(JobRunner.prototype, 'start').mockImplementation(function (this: JobRunner) {
    if (this.sequence <= 1) start.call(this);
  });
}

test('seeds that break no rule: a count on the last line, and how far it has come', async () => {
  const { exitCode, out, err, json } = await fuzz('--seeds', '20', '--from', '3');
  expect({ exitCode, json }).toMatchObject({ exitCode: 0, json: { seeds: 20, violations: 0, from: 3 } });
  expect(out.trimEnd().split('\n')).toHaveLength(1);
  expect(err).toContain('seed 10 of 20: 0 violations');
});

test('jobs of one kind alone, where that is asked for', async () => {
  const { exitCode, json } = await fuzz('--seeds', '3', '--from', '1', '--aggregation', 'secure');
  expect({ exitCode, json }).toMatchObject({ exitCode: 0, json: { violations: 0, aggregation: 'secure' } });
  expect(Object.keys((json as { happened: object }).happened).join()).toMatch(/advertising|sharing/);
  expect(await fuzz('--aggregation', 'none')).toMatchObject({
    exitCode: 2,
    json: { problem: { code: 'usage' } },
  });
});

test('a rule that is broken: the least that it takes, which replays', async () => {
  plant();
  const folder = await mkdtemp(join(tmpdir(), 'hanse-'));
  const file = join(folder, 'find.json');
  const { exitCode, out, json } = await fuzz('--seeds', '40', '-o', file);
  const [first = '{}'] = out.split('\n');
  const find = JSON.parse(first);
  expect(exitCode).toBe(1);
  expect((json as { violations: number }).violations).toBeGreaterThan(0);
  expect(find).toMatchObject({ rule: 'the job ends', schedule: { seed: find.seed } });
  const { faults } = drawSchedule(find.seed, { participants: 8, rounds: 1 });
  expect(faults).toEqual(expect.arrayContaining(find.schedule.faults));

  const ofFile = await fuzz('--replay', file);
  expect(ofFile).toMatchObject({ exitCode: 1, json: { seeds: 1, violations: 1 } });
  expect(ofFile.err).toContain('jobCreated');
  expect(await fuzz('--replay', file)).toEqual(ofFile);
  expect(await fuzz('--replay', String(find.seed))).toMatchObject({ exitCode: 1, json: { violations: 1 } });
  vi.restoreAllMocks();
  expect(await fuzz('--replay', file)).toMatchObject({ exitCode: 0, json: { seeds: 1, violations: 0 } });
  await rm(folder, { recursive: true });
});

test('what cannot be replayed is told by name', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'hanse-'));
  const file = join(folder, 'schedule.json');
  await writeFile(file, JSON.stringify({ ...drawSchedule(1, { participants: 2, rounds: 1 }), faults: [{}] }));
  for (const [which, exitCode, code] of [
    [file, 2, 'usage'],
    [join(folder, 'missing'), 1, 'storageFailed'],
    ['99999999999', 2, 'usage'],
  ] as const)
    expect(await fuzz('--replay', which)).toMatchObject({ exitCode, json: { problem: { code } } });
  await rm(folder, { recursive: true });
});

test('`hanse sim` is a command of its own still', async () => {
  const help = await hanse(['sim', '--help']);
  expect(help.out).toContain('--partition');
  expect(help.out).toContain('fuzz');
});
