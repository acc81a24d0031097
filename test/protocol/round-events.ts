/**
 * The events of a small job, made for tests: three nodes of five in a cohort, two of them suffice.
 */
import { createJob, step } from '../../protocol/round.ts';
import type { JobState } from '../../protocol/round-state.ts';
import type { JobManifest } from '../../schemas/job.ts';
import type { JobCreated, JobEvent } from '../../schemas/job-event.ts';
import { manifestOf } from '../fixtures/manifest.ts';

export const AT = '2026-01-01T12:00:00.000Z';
export const LATER = '2026-01-01T12:01:00.000Z';
export const DEADLINE = '2026-01-01T12:10:00.000Z';

export const hash = (digit: string) => digit.repeat(64);
export const NODES = ['a', 'b', 'c', 'd', 'e'].map((digit) => digit.repeat(32));
export const [A = '', B = '', C = '', D = ''] = NODES;

export function created(overrides: Partial<JobManifest> = {}): JobCreated {
  const manifest = manifestOf('fed-0123456789abcdef', {
    rounds: 2,
    cohort: { size: 3, minimum: 2 },
    maxAttempts: 2,
    ...overrides,
  });
  return {
    type: 'jobCreated',
    jobId: 'job-0123456789abcdef',
    manifest,
    manifestSha256: hash('0'),
    createdBy: D,
  };
}

export const jobOf = (overrides: Partial<JobManifest> = {}) => createJob(created(overrides), AT)[0];

/** Makers of events for round 1, attempt 1, unless another context is given. */
export const FIRST = { round: 1, attempt: 1 };
export const select = (cohort: string[], context = FIRST): JobEvent => ({
  type: 'cohortSelected',
  ...context,
  cohort,
  deadline: DEADLINE,
});
export const update = (node: string, digit = '1', context = FIRST): JobEvent => ({
  type: 'updateAccepted',
  ...context,
  node,
  sha256: hash(digit),
  bytes: 100,
});
export const decline = (node: string, code = 'dataEmpty', context = FIRST): JobEvent => ({
  type: 'taskDeclined',
  ...context,
  node,
  code,
});
export const passed = (phase: 'collecting' | 'evaluating', context = FIRST): JobEvent => ({
  type: 'deadlinePassed',
  ...context,
  phase,
});
export const aggregated = (digit: string, evaluateBy: string | null = null, context = FIRST): JobEvent => ({
  type: 'aggregated',
  ...context,
  model: hash(digit),
  strategyState: hash('9'),
  updates: 2,
  weight: 70,
  updateNorm: 0.5,
  evaluateBy,
});
export const failed = (code: string, context = FIRST): JobEvent => ({
  type: 'aggregationFailed',
  ...context,
  code,
});
export const METRICS = { loss: 0.25, accuracy: 0.9, examples: 1000 };
export const evaluated = (context = FIRST): JobEvent => ({
  type: 'evaluated',
  ...context,
  node: D,
  metrics: METRICS,
});
export const declineEvaluation = (node: string, code = 'dataEmpty', context = FIRST): JobEvent => ({
  type: 'evaluationDeclined',
  ...context,
  node,
  code,
});
export const givenUp = (context = FIRST): JobEvent => ({ type: 'evaluationGivenUp', ...context });
export const released = (digit: string, context = FIRST): JobEvent => ({
  type: 'released',
  ...context,
  model: hash(digit),
});
export const reported = (node: string): JobEvent => ({ type: 'nodeReported', node });
export const CANCELLED: JobEvent = { type: 'jobCancelled', by: D };

/** The state after events that are all accepted. */
export function follow(state: JobState, ...events: readonly JobEvent[]): JobState {
  return events.reduce((job, event) => {
    const [next, effects] = step(job, event, LATER);
    for (const effect of effects) if (effect.type === 'refuse') throw effect.problem;
    return next;
  }, state);
}
