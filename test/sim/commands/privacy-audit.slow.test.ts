import { describe, expect, test } from 'vitest';
import type { AuditReport } from '../../../sim/privacy-audit/audit-report.ts';
import { hanse } from '../../fixtures/command-line.ts';

const SMALL = [
  'privacy',
  'audit',
  '--data',
  'none',
  '--canaries',
  '300',
  '--rounds',
  '4',
  '--participants',
  '3',
];

describe('hanse privacy audit', () => {
  test('says what is claimed, what was found, and what each test cannot see', async () => {
    const { exitCode, out, err } = await hanse(SMALL);
    expect(exitCode).toBe(0);
    expect(out).toMatch(
      /^claim: epsilon (2|1\.99999\d) at delta 0\.00001 for each example \(replace-special\), noise [\d.]+ times/,
    );
    expect(out).toMatch(
      /\nvariance: [\d.]+ of what was promised over 16000 coordinates: as promised\n {2}false alarm/,
    );
    expect(out).toMatch(
      /\ncorrelation: .+: independent\n.+sees neither clipping nor how much noise there is\n/,
    );
    expect(out).toMatch(/\nlower bound: epsilon >= [\d.]+ at 95\.0 % confidence, .+: within the claim\n/);
    expect(out).toMatch(
      /\nestimate: epsilon [\d.]+ from \d+ canaries, no bound and no alarm; of so few it is mostly chance\nnothing refutes the claim\n$/,
    );
    expect(err).toContain('3 participants, 300 canaries, 4 rounds, nothing planted, seed hanse');
    expect(err).toContain('round 4 of 4');
  });

  test('ends with the problem where an alarm is raised, and the report stands before it', async () => {
    const { exitCode, out, json } = await hanse([...SMALL, '--break', 'halved', '--json']);
    expect(exitCode).toBe(1);
    const [report = ''] = out.split('\n');
    expect((JSON.parse(report) as AuditReport).alarms).toEqual(['variance']);
    expect(json).toMatchObject({
      problem: { code: 'privacyClaimBroken', particulars: { tests: 'variance', delta: 1e-5 } },
    });
  });

  test('tests itself on every fault', async () => {
    const { exitCode, out, json } = await hanse([...SMALL, '--self-test', '--json']);
    const lines = out.trimEnd().split('\n').slice(0, -1);
    expect(lines.map((line) => JSON.parse(line) as { fault: string | null; alarms: string[] })).toMatchObject(
      [
        { fault: null, alarms: [] },
        { fault: 'noise10', alarms: ['variance', 'canaries'] },
        { fault: 'halved', alarms: ['variance'] },
        { fault: 'noclip', alarms: ['canaries'] },
        { fault: 'seed', alarms: ['correlation'] },
      ],
    );
    expect(json).toMatchObject({ audits: 5, failures: 0 });
    expect((json as { faults: { fault: string | null }[] }).faults.map(({ fault }) => fault)).toEqual([
      null,
      'noise10',
      'halved',
      'noclip',
      'seed',
    ]);
    expect(exitCode).toBe(0);
  });

  test('with too few canaries its test of itself fails', async () => {
    const few = [...SMALL.slice(0, 4), '--canaries', '10', '--rounds', '2', '--participants', '3'];
    const { exitCode, out } = await hanse([...few, '--self-test']);
    expect(exitCode).toBe(1);
    expect(out).toMatch(/\nnoclip: found by nothing; .+: WRONG in 1 of 1\n/);
  });

  test.each([
    [['--broken', '1'], /--broken is about participants with a fault/],
    [['--self-test', '--break', 'seed'], /--self-test plants each fault by itself/],
    [['--runs', '2'], /--runs is about --self-test/],
    [['--break', 'other'], /break/],
    [['--rounds', '1'], /rounds/],
    [['--unit', 'person'], /unit/],
  ])('%j is wrong usage', async (words, message) => {
    const { exitCode, err } = await hanse([...SMALL, ...words]);
    expect(exitCode).toBe(2);
    expect(err).toMatch(message);
  });

  test('a budget that no noise reaches is refused before anything runs', async () => {
    const { exitCode, json } = await hanse([...SMALL, '--epsilon', '1e-9', '--json']);
    expect(exitCode).toBe(1);
    expect(json).toMatchObject({
      problem: { code: expect.stringMatching(/budgetUnreachable|noiseTableTooLarge/) },
    });
  });

  test.each([
    [['--delta', '0.01'], 'deltaTooLarge'],
    [['--break', 'seed', '--broken', '4'], 'usage'],
    [['--broken', '1'], 'usage'],
  ])('%j is refused before anything is trained', async (more, code) => {
    const { exitCode, err, json } = await hanse([...SMALL, ...more, '--json']);
    expect(exitCode).not.toBe(0);
    expect(json).toMatchObject({ problem: { code } });
    expect(err).not.toContain('round 1');
  });
});
