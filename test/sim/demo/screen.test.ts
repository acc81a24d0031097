import { describe, expect, test } from 'vitest';
import type { JobStatus, RoundSummary } from '../../../schemas/job.ts';
import type { DemoView } from '../../../sim/demo/run-demo.ts';
import { renderLine, renderScreen } from '../../../sim/demo/screen.ts';

const options: DemoView['options'] = {
  rounds: 100,
  participants: 2,
  partition: { type: 'shards' },
  seed: '7',
  port: 0,
  dataDir: 'x',
  keep: false,
  browser: 0,
  drop: 0,
  isPlain: false,
  isPrivate: false,
  isTampered: false,
};

function viewAfter(rounds: number): DemoView {
  const history = Array.from({ length: rounds }, (_, i) => ({
    round: i + 1,
    attempt: 1,
    outcome: 'released',
    metrics: { accuracy: 1 - 0.9 / (i + 1), loss: 2 / (i + 1), examples: 10_000 },
    openedAt: '2026-01-01T00:00:00.000Z',
    endedAt: '2026-01-01T00:00:00.210Z',
  })) as unknown as RoundSummary[];
  const job = {
    jobId: 'job-0123456789abcdef',
    manifest: { rounds: Math.max(100, rounds) },
    cohort: ['a', 'b'],
    received: 1,
    bytesUp: 3_000_000,
    bytesDown: 4_500_000,
    rounds: history,
  } as unknown as JobStatus;
  return {
    options,
    url: 'http://127.0.0.1:4000',
    stage: 'training',
    participants: [
      {
        name: 'participant-01',
        rows: new Uint32Array(),
        provider: 'cpu',
        examples: 6000,
        labels: [1, 7],
        state: 'training',
      },
      {
        name: 'participant-02',
        rows: new Uint32Array(),
        provider: 'wasm',
        examples: 6000,
        labels: [0, 1, 2, 3, 4, 5, 6],
        state: 'sent',
      },
    ],
    job,
  };
}

describe('renderScreen', () => {
  test('shows round, cohort, quality, traffic, seconds a round, and each participant with its provider', () => {
    const screen = renderScreen(viewAfter(40), 120).join('\n');
    for (const part of [
      'round 40 of 100',
      'cohort 1 of 2',
      '0.21 s a round',
      'accuracy 97.75 %',
      'loss 0.050',
      'up 3.0 MB',
      'down 4.5 MB',
    ])
      expect(screen).toContain(part);
    expect(screen).toMatch(/participant-01 {2}cpu .*digits 1 7 .*training/);
    expect(screen).toMatch(/participant-02 {2}wasm .*7 digits .*sent/);
  });

  test('between rounds and at the end, shows the cohort that the last round had', () => {
    const view = viewAfter(40);
    const rounds = (view.job?.rounds ?? []).map((round) => ({ ...round, updates: 2, cohort: 3 }));
    const job = { ...(view.job as JobStatus), cohort: [], received: 0 };
    const cohortOf = (at: JobStatus) =>
      /cohort \d+ of \d+/.exec(renderScreen({ ...view, job: at }, 120).join())?.[0];
    expect(cohortOf({ ...job, rounds })).toBe('cohort 2 of 3');
    expect(cohortOf({ ...job, rounds: [] })).toBe('cohort 0 of 2');
    expect(cohortOf(view.job as JobStatus)).toBe('cohort 1 of 2');
  });

  test('draws the charts once there are two rounds, the ends labelled with the extremes', () => {
    expect(renderScreen(viewAfter(1), 120).join('\n')).toContain('a chart appears after two rounds');
    const chart = renderScreen(viewAfter(40), 120).join('\n');
    expect(chart).toContain('97.75 ┤');
    expect(chart).toContain('10.00 ┼');
    expect(chart).toContain('2.00 ┼');
  });

  test('never exceeds the width of the terminal, however many rounds there are', () => {
    for (const columns of [40, 80, 120])
      for (const line of renderScreen(viewAfter(1000), columns))
        expect(line.length).toBeLessThanOrEqual(columns);
  });

  test('before the job there is the stage', () => {
    const view = { ...viewAfter(0), job: undefined, stage: 'enrolling the participants' };
    expect(renderScreen(view, 120)[1]).toContain('enrolling the participants');
    expect(renderLine(view)).toBe('enrolling the participants');
  });
});

test('renderLine says how far the job is and how good the model', () => {
  expect(renderLine(viewAfter(2))).toBe('round 2 of 100: accuracy 55.00 %, loss 1.000');
  expect(renderLine(viewAfter(0))).toBe('round 0 of 100: not evaluated yet');
});

describe('with a promise', () => {
  const promising = (rounds: number): DemoView => {
    const view = viewAfter(rounds);
    const { manifest } = view.job as JobStatus;
    const privacy = { epsilonServer: 2, epsilonModel: 2, delta: 1e-5 };
    const job = { ...view.job, manifest: { ...manifest, privacyUnit: 'example', privacy } } as JobStatus;
    return { ...view, job, costOf: (done) => done / 50 };
  };

  test('the budget runs down', () => {
    const left = (rounds: number) => renderScreen(promising(rounds), 120).find((line) => /left/.test(line));
    expect(left(0)).toBe(`${'#'.repeat(24)} epsilon 2.000 of 2.00 left for each example, delta 0.00001`);
    expect(left(25)).toMatch(/^#{18}\.{6} epsilon 1.500 of 2.00 left/);
    expect(left(100)).toMatch(/^\.{24} epsilon 0.000 of 2.00 left/);
    expect(left(120)).toMatch(/epsilon 0.000 of 2.00 left/);
    expect(renderLine(promising(2))).toContain('accuracy 55.00 %, loss 1.000, epsilon 0.040 of 2.00 spent');
  });

  test('where there is none, that is said', () => {
    expect(renderScreen(viewAfter(2), 120)).toContain('no differential privacy');
  });
});
