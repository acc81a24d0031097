/**
 * What holds of a round after any sequence of events, fitting or not.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { awaited, createJob, hasEnded, isAwaited, pending, step } from '../../protocol/round.ts';
import type { JobState } from '../../protocol/round-state.ts';
import { JobPhase } from '../../schemas/job.ts';
import type { JobEvent } from '../../schemas/job-event.ts';
import {
  AT,
  aggregated,
  CANCELLED,
  created,
  DEADLINE,
  decline,
  declineEvaluation,
  evaluated,
  failed,
  follow,
  givenUp,
  jobOf,
  LATER,
  NODES,
  passed,
  released,
  reported,
  select,
  update,
} from './round-events.ts';

/** An event as somebody might send it: mostly for the present attempt and phase, now and then for another. */
interface Intent {
  readonly kind: number;
  readonly node: number;
  readonly digit: string;
  readonly cohort: readonly number[];
  readonly offset: readonly [round: number, attempt: number];
  readonly isEvaluated: boolean;
}

const often = fc.oneof(
  { weight: 12, arbitrary: fc.constant([0, 0] as const) },
  { weight: 1, arbitrary: fc.tuple(fc.integer({ min: -1, max: 1 }), fc.integer({ min: -1, max: 1 })) },
);
const intents = fc.array(
  fc.record<Intent>({
    kind: fc.nat(99),
    node: fc.nat(NODES.length - 1),
    digit: fc.constantFrom('1', '2', '3'),
    cohort: fc.uniqueArray(fc.nat(NODES.length - 1), { maxLength: 4 }),
    offset: often,
    isEvaluated: fc.boolean(),
  }),
  { maxLength: 120, size: 'max' },
);

function eventOf(intent: Intent, job: JobState): JobEvent {
  const { kind, digit, cohort, isEvaluated: wanted } = intent;
  const [round, attempt] = intent.offset;
  const context = { round: job.round + round, attempt: job.attempt + attempt };
  const node = NODES[intent.node] ?? '';
  if (kind < 30) return update(node, digit, context);
  if (kind < 33) return decline(node, 'trainingDiverged', context);
  if (kind < 35) return decline(node, 'dataEmpty', context);
  if (kind < 37) return reported(node);
  if (kind < 60)
    return select(
      cohort.map((index) => NODES[index] ?? ''),
      context,
    );
  if (kind < 65) return passed(wanted ? 'evaluating' : 'collecting', context);
  if (kind < 77) return aggregated(digit, wanted ? DEADLINE : null, context);
  if (kind < 79) return failed('aggregateInvalid', context);
  if (kind < 82) return evaluated(context);
  if (kind < 84) return declineEvaluation(node, wanted ? 'dataEmpty' : 'nodePaused', context);
  if (kind < 85) return givenUp(context);
  if (kind < 98) return released(wanted ? (job.candidate?.model[0] ?? digit) : digit, context);
  return kind === 98 && intent.node === 0 ? CANCELLED : created();
}

describe('after any sequence of events', () => {
  test('the random sequences below reach every phase', () => {
    const reached = new Set<string>();
    for (const sequence of fc.sample(intents, { numRuns: 150, seed: 7 }))
      sequence.reduce((job, intent) => {
        const [next] = step(job, eventOf(intent, job), LATER);
        reached.add(next.phase);
        return next;
      }, jobOf());
    const phases = JobPhase.anyOf.map((phase) => phase.const);
    const ofSecureAttempts: readonly string[] = ['advertising', 'sharing', 'consenting', 'unmasking'];
    expect([...reached].sort()).toEqual(phases.filter((phase) => !ofSecureAttempts.includes(phase)).sort());
  });

  test('nothing throws, refusals change nothing, and what must hold of every state holds', () => {
    fc.assert(
      fc.property(intents, (sequence) => {
        let job = jobOf();
        const accepted: JobEvent[] = [];
        for (const intent of sequence) {
          const event = eventOf(intent, job);
          const before = structuredClone(job);
          const [next, effects] = step(job, event, LATER);
          expect(job).toEqual(before); // steps make new states
          if (effects.some(({ type }) => type === 'refuse')) {
            expect(effects).toHaveLength(1);
            expect(next).toBe(job);
          } else if (next === job) expect(effects).toEqual([]);
          else accepted.push(event);
          if (next !== job && event.type === 'cohortSelected')
            for (const node of event.cohort) expect(job.unsuited.has(node)).toBe(false);
          job = next;
          expectSound(job);
        }
        const [start] = createJob(created(), AT);
        expect(follow(start, ...accepted)).toEqual(job); // what a restart would read
      }),
      { numRuns: 80 },
    );
  });

  test('with more nodes than it takes, a round has the first updates in the order of events, never more', () => {
    const job = fc.record({ size: fc.integer({ min: 1, max: 4 }), extra: fc.nat(4), chosen: fc.nat(5) });
    const sends = fc.array(fc.record({ node: fc.nat(NODES.length - 1), declines: fc.boolean() }), {
      maxLength: 12,
    });
    let ended = 0;
    fc.assert(
      fc.property(job, sends, ({ size, extra, chosen }, messages) => {
        const cohort = NODES.slice(0, Math.max(1, Math.min(chosen, size + extra)));
        const start = follow(jobOf({ cohort: { size, extra, minimum: 1 } }), select(cohort));
        const expected: string[] = [];
        const answered = new Set<string>();
        let state = start;
        const events: JobEvent[] = [];
        for (const { node: index, declines } of messages) {
          if (state.phase !== 'collecting') break;
          const node = NODES[index] ?? '';
          const event = declines ? decline(node) : update(node);
          const [next, effects] = step(state, event, LATER);
          if (next !== state) events.push(event);
          if (effects.every(({ type }) => type !== 'refuse') && !answered.has(node)) {
            answered.add(node);
            if (!declines) expected.push(node);
          }
          state = next;
        }
        if (state.phase === 'recruiting') return; // all declined
        expect([...state.accepted.keys()]).toEqual(expected);
        expect(state.accepted.size).toBeLessThanOrEqual(size);
        const isOver = expected.length === size || answered.size === cohort.length;
        expect(state.phase).toBe(isOver ? 'aggregating' : 'collecting');
        if (isOver && answered.size < cohort.length) ended += 1;
        expect(follow(start, ...events)).toEqual(state); // what a restart reads
      }),
      { seed: 5, numRuns: 300 },
    );
    expect(ended).toBeGreaterThan(10); // rounds that did not wait for everybody
  });

  test('the order of messages decides neither phase nor outcome', () => {
    const answers = fc.array(fc.boolean(), { minLength: 2, maxLength: 5 });
    const orders = answers.chain((sent) => {
      const indices = sent.map((_, index) => index);
      const shuffled = fc.shuffledSubarray(indices, { minLength: sent.length });
      return fc.tuple(fc.constant(sent), shuffled, shuffled, fc.integer({ min: 1, max: sent.length }));
    });
    fc.assert(
      fc.property(orders, ([sent, one, other, minimum]) => {
        const start = follow(
          jobOf({ cohort: { size: sent.length, minimum } }),
          select(NODES.slice(0, sent.length)),
        );
        const [left, right] = [one, other].map((order) =>
          order.reduce((job, index) => {
            const node = NODES[index] ?? '';
            return step(job, sent[index] ? update(node, String(index)) : decline(node), LATER)[0];
          }, start),
        );
        const outcome = (job?: JobState) => [
          job?.phase,
          job?.attempt,
          job?.history.map(({ reason }) => reason),
        ];
        expect(outcome(left)).toEqual(outcome(right));
        expect(left?.phase).toBe(sent.filter(Boolean).length >= minimum ? 'aggregating' : 'recruiting');
        if (left?.phase !== 'aggregating') return;
        expect(new Map([...left.accepted].sort())).toEqual(new Map([...(right?.accepted ?? [])].sort()));
      }),
      { numRuns: 300 },
    );
  });
});

function expectSound(job: JobState): void {
  const { manifest, cohort, accepted, declined, history } = job;
  const { minimum, size } = manifest.cohort;
  expect(pending(job).length > 0).toBe(!hasEnded(job));
  expect(NODES.filter((node) => isAwaited(job, node))).toEqual(awaited(job).sort());
  expect(job.attempt).toBeLessThanOrEqual(manifest.maxAttempts);
  expect(job.round).toBeLessThanOrEqual(manifest.rounds);
  expect(cohort.length === 0 || (cohort.length >= minimum && cohort.length <= size)).toBe(true);
  for (const node of accepted.keys()) {
    expect(cohort).toContain(node);
    expect(declined.has(node)).toBe(false);
  }
  expect(job.candidate !== null).toBe(job.phase === 'evaluating' || job.phase === 'releasing');
  if (job.candidate || job.phase === 'aggregating') expect(accepted.size).toBeGreaterThanOrEqual(minimum);

  const releases = history.filter(({ outcome }) => outcome === 'released');
  for (const summary of releases) expect(summary.updates).toBeGreaterThanOrEqual(minimum);
  expect(releases.map(({ round }) => round)).toEqual(releases.map((_, index) => index + 1));
  expect(job.model).toBe(releases.at(-1)?.model ?? manifest.initialModel);
  const order = history.map(({ round, attempt }) => round * 1000 + attempt);
  expect(order).toEqual([...new Set(order)].sort((a, b) => a - b));
  expect(job.failure !== null).toBe(job.phase === 'failed');
  expect(job.phase === 'finished').toBe(releases.length === manifest.rounds);
}
