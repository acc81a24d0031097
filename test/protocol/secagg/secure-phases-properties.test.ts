// covers: protocol/secagg/secure-phases.ts
/** What holds of a secure attempt after any sequence of events. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isAwaited, pending, step } from '../../../protocol/round.ts';
import type { JobState } from '../../../protocol/round-state.ts';
import { isPast, isSecure, secureAwaited } from '../../../protocol/secagg/secure-phases.ts';
import type { JobEvent } from '../../../schemas/job-event.ts';
import type { SecurePhase } from '../../../schemas/secagg.ts';
import { decline, failed, follow, LATER, released } from '../round-events.ts';
import {
  jobOf,
  NODES,
  opened,
  PHASES,
  passed,
  SENDS,
  STRANGER,
  select,
  type shares,
  summed,
} from './secure-round-events.ts';

/** An event as somebody might send it: mostly what the phase is for, now and then something else. */
interface Intent {
  readonly kind: number;
  readonly node: number;
  readonly digit: string;
  readonly offset: readonly [round: number, attempt: number];
}

const intents = fc.array(
  fc.record<Intent>({
    kind: fc.nat(99),
    node: fc.nat(NODES.length), // one of them is in no cohort
    digit: fc.oneof({ weight: 9, arbitrary: fc.constant('1') }, { weight: 1, arbitrary: fc.constant('2') }),
    offset: fc.oneof(
      { weight: 15, arbitrary: fc.constant([0, 0] as const) },
      { weight: 1, arbitrary: fc.tuple(fc.integer({ min: -1, max: 1 }), fc.integer({ min: -1, max: 1 })) },
    ),
  }),
  { maxLength: 160, size: 'max' },
);

function eventOf({ kind, node: index, digit, offset }: Intent, job: JobState): JobEvent {
  const context = { round: job.round + offset[0], attempt: job.attempt + offset[1] };
  const node = NODES[index] ?? STRANGER;
  const phase = PHASES.find((each) => each === job.phase);
  if (kind < 60 && phase) return SENDS[phase](node, digit, context);
  if (kind < 66) return (SENDS[PHASES[kind % 5] as SecurePhase] as typeof shares)(node, digit, context);
  if (kind < 70) return decline(node, digit === '1' ? 'nodePaused' : 'dataEmpty', context);
  if (kind < 73) return passed(phase ?? 'sharing', context);
  if (kind < 74) return passed(PHASES[index % 5] as SecurePhase, context);
  if (job.phase === 'recruiting') return select({ ...job, ...context });
  if (kind < 76) return failed('unmaskingFailed', context);
  if (kind < 85) return opened([...(job.secure?.answers.keys() ?? [])], [], context);
  if (kind < 92) return summed(digit, context);
  return released(job.candidate?.model[0] ?? '2', context);
}

describe('after any sequence of events', () => {
  const start = jobOf({ rounds: 1, maxAttempts: 3 });

  test('the random sequences below reach every phase', () => {
    const reached = new Set<string>();
    for (const sequence of fc.sample(intents, { numRuns: 150, seed: 7 }))
      sequence.reduce((job, intent) => {
        const [next] = step(job, eventOf(intent, job), LATER);
        reached.add(next.phase);
        return next;
      }, start);
    for (const phase of [...PHASES, 'aggregating', 'releasing', 'failed', 'finished'])
      expect([...reached]).toContain(phase);
  });

  test('nothing throws, refusals change nothing, and what must hold of every state holds', () => {
    fc.assert(
      fc.property(intents, (sequence) => {
        let job = start;
        const accepted: JobEvent[] = [];
        for (const intent of sequence) {
          const event = eventOf(intent, job);
          const before = structuredClone(job);
          const [next, effects] = step(job, event, LATER);
          expect(job).toEqual(before);
          if (effects.some(({ type }) => type === 'refuse')) {
            expect(effects).toHaveLength(1);
            expect(next).toBe(job);
          } else if (next === job) expect(effects).toEqual([]);
          else accepted.push(event);
          job = next;
          expectSound(job);
        }
        expect(follow(start, ...accepted)).toEqual(job); // what a restart would read
      }),
      { numRuns: 60 },
    );
  });
});

const inside = (some: Iterable<string>, all: Iterable<string>) => {
  const set = new Set(all);
  return [...some].every((node) => set.has(node));
};

function expectSound(job: JobState): void {
  const isAttempt = job.cohort.length > 0;
  expect(job.secure !== null).toBe(isAttempt);
  for (const { outcome, secure } of job.history) {
    expect(secure).toBeDefined();
    if (outcome === 'released') {
      expect(secure?.survivors).toBeGreaterThanOrEqual(4);
      expect(secure?.answers).toBeGreaterThanOrEqual(4);
      expect(secure?.consents).toBeGreaterThanOrEqual(4);
    }
  }
  if (!isSecure(job)) return;
  const { advertisements, shares: dealt, consents, answers } = job.secure;
  // Each set lies within the one before it, and none that is closed is too small.
  expect(inside(advertisements.keys(), job.cohort)).toBe(true);
  expect(inside(dealt.keys(), advertisements.keys())).toBe(true);
  expect(inside(job.accepted.keys(), dealt.keys())).toBe(true);
  expect(inside(consents.keys(), job.accepted.keys())).toBe(true);
  expect(inside(answers.keys(), job.accepted.keys())).toBe(true);
  for (const [phase, set] of [
    ['advertising', advertisements],
    ['sharing', dealt],
    ['collecting', job.accepted],
    ['consenting', consents],
    ['unmasking', answers],
  ] as const)
    if (isPast(job, phase)) expect(set.size).toBeGreaterThanOrEqual(4);
  expect(job.accepted.size).toBeLessThanOrEqual(job.manifest.cohort.size);
  expect(inside(secureAwaited(job), job.cohort)).toBe(true);
  for (const node of secureAwaited(job)) expect(job.declined.has(node)).toBe(false);
  expect([...NODES, STRANGER].filter((node) => isAwaited(job, node))).toEqual(secureAwaited(job).sort());
  expect(pending(job).length).toBeGreaterThan(0);
}
