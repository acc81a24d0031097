/**
 * Events of a secure attempt of five nodes, and the states that they lead to.
 */
import { expect } from 'vitest';
import { createJob, step } from '../../../protocol/round.ts';
import type { JobState } from '../../../protocol/round-state.ts';
import { describeRound } from '../../../protocol/secagg/descriptor.ts';
import { isSecure, secureAwaited } from '../../../protocol/secagg/secure-phases.ts';
import type { JobManifest } from '../../../schemas/job.ts';
import type { JobEvent } from '../../../schemas/job-event.ts';
import type { SecurePhase } from '../../../schemas/secagg.ts';
import { secureJob } from '../../fixtures/secure-party.ts';
import { AT, aggregated, created, DEADLINE, follow, hash, LATER } from '../round-events.ts';

export const PHASES = ['advertising', 'sharing', 'collecting', 'consenting', 'unmasking'] as const;
export const NODES = ['a', 'b', 'c', 'd', 'e'].map((digit) => digit.repeat(32));
export const [A, B, C, D, E] = NODES as [string, string, string, string, string];
export const STRANGER = 'f'.repeat(32);
export const FIRST = { round: 1, attempt: 1 };

export const deadlines = {
  advertising: '2026-01-01T12:08:00.000Z',
  sharing: '2026-01-01T12:09:00.000Z',
  collecting: DEADLINE,
  consenting: '2026-01-01T12:11:00.000Z',
  unmasking: '2026-01-01T12:12:00.000Z',
};

/** Five nodes: t = 4, and as many updates at least. */
export const jobOf = (overrides: Partial<JobManifest> = {}) =>
  createJob(created({ ...secureJob(5), ...overrides }), AT)[0];

export function signedFor(job: JobState, changes: object = {}) {
  const { jobId, manifest, manifestSha256, round, attempt, model } = job;
  const names = { federationId: manifest.federationId, coordinatorKey: hash('7'), jobId, manifestSha256 };
  const descriptor = describeRound({ ...names, manifest, round, attempt, model }, deadlines, hash('8'));
  return { descriptor: { ...descriptor, ...changes }, signature: '0'.repeat(128) };
}

export function select(job: JobState, cohort: readonly string[] = NODES): JobEvent {
  const { round, attempt } = job;
  const secure = signedFor(job);
  return { type: 'cohortSelected', round, attempt, cohort: [...cohort], deadline: DEADLINE, secure };
}

/** Keys of a node differ from those of any other; `digit` makes them others. */
export const keys = (node: string, digit = '1', context = FIRST): JobEvent => ({
  type: 'keysAdvertised',
  ...context,
  node,
  advertisement: {
    nodeId: node,
    publicKey: hash('0'),
    channelKey: `${digit}1`.padEnd(64, node),
    maskKey: `${digit}2`.padEnd(64, node),
    nonce: hash('0'),
    signature: digit.repeat(128),
  },
});
export const shares = (node: string, digit = '1', context = FIRST): JobEvent => ({
  type: 'sharesAccepted',
  ...context,
  node,
  sha256: hash(digit),
  bytes: 10,
});
export const update = (node: string, digit = '1', context = FIRST): JobEvent => ({
  type: 'updateAccepted',
  ...context,
  node,
  sha256: hash(digit),
  bytes: 100,
  signature: digit.repeat(128),
});
export const consent = (node: string, digit = '1', context = FIRST): JobEvent => ({
  type: 'consentGiven',
  ...context,
  node,
  signature: digit.repeat(128),
});
export const answer = (node: string, digit = '1', context = FIRST): JobEvent => ({
  type: 'answerAccepted',
  ...context,
  node,
  sha256: hash(digit),
  bytes: 20,
});
export const opened = (
  answers: readonly string[],
  faulty: readonly string[] = [],
  context = FIRST,
): JobEvent => ({
  type: 'secretsOpened',
  ...context,
  answers: [...answers],
  faulty: [...faulty],
});
export const summed = (digit: string, context = FIRST): JobEvent => ({
  ...(aggregated(digit, null, context) as Extract<JobEvent, { type: 'aggregated' }>),
  record: hash('c'),
  sum: hash('d'),
});
export const passed = (phase: SecurePhase, context = FIRST): JobEvent => ({
  type: 'deadlinePassed',
  ...context,
  phase,
});

export const SENDS = {
  advertising: keys,
  sharing: shares,
  collecting: update,
  consenting: consent,
  unmasking: answer,
};

export function verdict(state: JobState, event: JobEvent): string {
  const [next, effects] = step(state, event, LATER);
  const [first] = effects;
  if (first?.type !== 'refuse') return 'accepted';
  expect(next).toBe(state);
  expect(effects).toHaveLength(1);
  return first.problem.code;
}

export const recruiting = jobOf();
export const advertising = follow(recruiting, select(recruiting));
export const sharing = follow(advertising, ...NODES.map((node) => keys(node)));
export const collecting = follow(sharing, ...NODES.map((node) => shares(node)));
export const consenting = follow(collecting, ...NODES.map((node) => update(node)));
export const unmasking = follow(consenting, ...[A, B, C, D].map((node) => consent(node)));
export const aggregating = follow(
  unmasking,
  ...[A, B, C, D].map((node) => answer(node)),
  opened([A, B, C, D]),
);
export const releasing = follow(aggregating, summed('2'));
export const ALL = { advertising, sharing, collecting, consenting, unmasking };

export const awaitedIn = (job: JobState) => (isSecure(job) ? secureAwaited(job) : []);
