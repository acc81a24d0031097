/**
 * The round: histories written by hand, and who may do what when.
 */
import { describe, expect, test } from 'vitest';
import { isProblem } from '../../protocol/problem.ts';
import {
  awaited,
  createJob,
  hasEnded,
  isEvaluated,
  mayBeDrawn,
  mayMeasure,
  pending,
  step,
} from '../../protocol/round.ts';
import type { Effect, JobState } from '../../protocol/round-state.ts';
import type { JobEvent } from '../../schemas/job-event.ts';
import { manifestOf } from '../fixtures/manifest.ts';
import {
  A,
  AT,
  aggregated,
  B,
  C,
  CANCELLED,
  created,
  D,
  DEADLINE,
  decline,
  declineEvaluation,
  evaluated,
  FIRST,
  failed,
  follow,
  givenUp,
  hash,
  jobOf,
  LATER,
  METRICS,
  NODES,
  passed,
  released,
  reported,
  select,
  update,
} from './round-events.ts';

/** The code with which an event is refused, or `accepted`; a refusal must leave the state as it was. */
function verdict(state: JobState, event: JobEvent): string {
  const [next, effects] = step(state, event, LATER);
  const [first] = effects;
  if (first?.type !== 'refuse') return 'accepted';
  expect(next).toBe(state);
  expect(effects).toHaveLength(1);
  return first.problem.code;
}

/** One state in each phase, all of round 1. */
const recruiting = jobOf({ evaluateEvery: 1 });
const collecting = follow(recruiting, select([A, B, C]));
const aggregating = follow(collecting, update(A), update(B), update(C));
const evaluating = follow(aggregating, aggregated('2', DEADLINE));
const releasing = follow(evaluating, evaluated());
const finished = follow(
  jobOf({ rounds: 1 }),
  select([A, B]),
  update(A),
  update(B),
  aggregated('2'),
  released('2'),
);
const jobFailed = follow(jobOf({ maxAttempts: 1 }), select([A, B]), decline(A));
const cancelled = follow(recruiting, CANCELLED);
const ALL = {
  recruiting,
  collecting,
  aggregating,
  evaluating,
  releasing,
  finished,
  failed: jobFailed,
  cancelled,
};

describe('histories', () => {
  test('two rounds, the second evaluated: the released models follow one another', () => {
    const second = { round: 2, attempt: 1 };
    const job = follow(
      jobOf({ evaluateEvery: 2 }),
      select([A, B, C]),
      update(A),
      update(C),
      update(B),
      aggregated('2'),
      released('2'),
    );
    expect(job).toMatchObject({ phase: 'recruiting', ...second, model: hash('2'), strategyState: hash('9') });
    const end = follow(
      job,
      select([B, C], second),
      update(C, '3', second),
      decline(B, 'trainingDiverged', second),
    );
    expect(end.phase).toBe('recruiting'); // a minimum of two is out of reach: the next attempt
    const third = { round: 2, attempt: 2 };
    const last = follow(
      end,
      select([A, B], third),
      update(A, '4', third),
      update(B, '5', third),
      aggregated('6', DEADLINE, third),
      evaluated(third),
      released('6', third),
    );
    expect(last).toMatchObject({ phase: 'finished', round: 2, model: hash('6'), failure: null });
    const same = { openedAt: LATER, endedAt: LATER };
    expect(last.history).toEqual([
      {
        ...FIRST,
        outcome: 'released',
        reason: null,
        cohort: 3,
        updates: 3,
        declined: {},
        weight: 70,
        updateNorm: 0.5,
        bytesUp: 300,
        metrics: null,
        model: hash('2'),
        ...same,
      },
      {
        ...second,
        outcome: 'aborted',
        reason: 'cohortTooSmall',
        cohort: 2,
        updates: 1,
        declined: { trainingDiverged: 1 },
        weight: 0,
        updateNorm: null,
        bytesUp: 100,
        metrics: null,
        model: null,
        ...same,
      },
      {
        ...third,
        outcome: 'released',
        reason: null,
        cohort: 2,
        updates: 2,
        declined: {},
        weight: 70,
        updateNorm: 0.5,
        bytesUp: 200,
        metrics: METRICS,
        model: hash('6'),
        ...same,
      },
    ]);
  });

  test('declines are counted by their code, whatever the code is', () => {
    const job = follow(
      jobOf({ cohort: { size: 4, minimum: 2 } }),
      select([A, B, C, D]),
      decline(A, 'toString'),
      decline(B, 'toString'),
    );
    const [aborted] = follow(job, decline(C, '__proto__')).history;
    expect(Object.entries(aborted?.declined ?? {})).toEqual([
      ['toString', 2],
      ['__proto__', 1],
    ]);
  });

  test('the deadline closes a round that has its minimum, and voids one that has not', () => {
    const enough = follow(collecting, update(A), update(B), passed('collecting'));
    expect(enough.phase).toBe('aggregating');
    expect([...enough.accepted.keys()]).toEqual([A, B]);
    const tooFew = follow(collecting, update(A), passed('collecting'));
    expect(tooFew).toMatchObject({ phase: 'recruiting', round: 1, attempt: 2, cohort: [], failure: null });
    expect(tooFew.accepted.size).toBe(0);
    expect(tooFew.history.at(-1)).toMatchObject({ outcome: 'aborted', reason: 'cohortTooSmall', updates: 1 });
  });

  test('a failed aggregation voids the attempt; the last attempt fails the job and leaves its model', () => {
    const second = { round: 1, attempt: 2 };
    const again = follow(aggregating, failed('aggregateInvalid'));
    expect(again).toMatchObject({
      phase: 'recruiting',
      attempt: 2,
      model: recruiting.model,
      strategyState: null,
    });
    const end = follow(
      again,
      select([A, B], second),
      update(A, '1', second),
      update(B, '1', second),
      failed('ringOverflow', second),
    );
    expect(end).toMatchObject({
      phase: 'failed',
      attempt: 2,
      failure: 'attemptsExhausted',
      model: recruiting.model,
    });
    expect(end.history.map(({ reason }) => reason)).toEqual(['aggregateInvalid', 'ringOverflow']);
  });

  test('metrics that do not come in time do not hold the release up', () => {
    expect(evaluating.phase).toBe('evaluating');
    const late = follow(evaluating, passed('evaluating'), released('2'));
    expect(late.history[0]).toMatchObject({ outcome: 'released', metrics: null });
    const inTime = follow(evaluating, evaluated(), released('2'));
    expect(inTime.history[0]).toMatchObject({ outcome: 'released', metrics: METRICS });
  });

  test('a job may be cancelled as long as it has not ended; what was released stays', () => {
    for (const job of Object.values(ALL)) {
      if (hasEnded(job)) expect(verdict(job, CANCELLED)).toBe('jobEnded');
      else expect(follow(job, CANCELLED)).toMatchObject({ phase: 'cancelled', candidate: null, cohort: [] });
    }
    const second = follow(releasing, released('2'));
    expect(follow(second, CANCELLED)).toMatchObject({ model: hash('2'), history: second.history });
  });
});

describe('more nodes than the round takes', () => {
  const start = jobOf({ cohort: { size: 2, extra: 2, minimum: 2 } });

  test('the round ends with as many updates as it takes; who comes later is late, and a repetition is none', () => {
    expect(verdict(start, select([...NODES]))).toBe('invalidFormat');
    const open = follow(start, select([A, B, C, D]));
    const half = follow(open, update(C));
    expect([half.phase, awaited(half)]).toEqual(['collecting', [A, B, D]]);
    const full = follow(half, update(A));
    expect([full.phase, [...full.accepted.keys()]]).toEqual(['aggregating', [C, A]]);
    expect([verdict(full, update(B)), verdict(full, decline(B))]).toEqual(['messageLate', 'messageLate']);
    expect(verdict(full, update(C))).toBe('accepted');
  });

  test('declines let it wait for the others, as long as the minimum is possible', () => {
    const two = follow(start, select([A, B, C, D]), decline(A), decline(B));
    expect([two.phase, two.attempt]).toEqual(['collecting', 1]);
    expect(follow(two, update(C), update(D)).phase).toBe('aggregating');
    expect(follow(two, decline(C)).attempt).toBe(2);
  });
});

describe('what a node may send', () => {
  test.each([
    ['an update', collecting, update(A), 'accepted'],
    ['the same update again', follow(collecting, update(A)), update(A), 'accepted'],
    ['the same update while others are awaited no longer', aggregating, update(A), 'accepted'],
    ['the same update while the model is evaluated', evaluating, update(A), 'accepted'],
    ['another update', follow(collecting, update(A)), update(A, '2'), 'messageConflict'],
    ['another update after the phase', aggregating, update(A, '2'), 'messageConflict'],
    ['an update after declining', follow(collecting, decline(A)), update(A), 'messageConflict'],
    ['a refusal', collecting, decline(A), 'accepted'],
    ['the refusal again', follow(collecting, decline(A)), decline(A), 'accepted'],
    ['a refusal after an update', follow(collecting, update(A)), decline(A), 'messageConflict'],
    [
      'an update after the deadline',
      follow(collecting, update(A), update(B), passed('collecting')),
      update(C),
      'messageLate',
    ],
    [
      'a refusal after the deadline',
      follow(collecting, update(A), update(B), passed('collecting')),
      decline(C),
      'messageLate',
    ],
    ['an update from outside the cohort', collecting, update(D), 'notInCohort'],
    ['a refusal from outside the cohort', collecting, decline(D), 'notInCohort'],
    ['an update before a cohort is drawn', recruiting, update(A), 'messageOutOfOrder'],
    [
      'an update for an earlier attempt',
      follow(aggregating, failed('aggregateInvalid')),
      update(A),
      'messageLate',
    ],
    ['an update for an earlier round', follow(releasing, released('2')), update(A), 'messageLate'],
    [
      'an update for an attempt to come',
      collecting,
      update(A, '1', { round: 1, attempt: 2 }),
      'roundUnknown',
    ],
    ['an update for a round to come', collecting, update(A, '1', { round: 2, attempt: 1 }), 'roundUnknown'],
    ['an update after the end', finished, update(A), 'jobEnded'],
    ['metrics', evaluating, evaluated(), 'accepted'],
    ['metrics after the first ones', releasing, evaluated(), 'messageLate'],
    ['a refusal to measure', evaluating, declineEvaluation(D), 'accepted'],
    [
      'metrics of another after a refusal to measure',
      follow(evaluating, declineEvaluation(C)),
      evaluated(),
      'accepted',
    ],
    ['a refusal to measure after metrics', releasing, declineEvaluation(D), 'messageLate'],
    [
      'a refusal to measure before there is anything to',
      collecting,
      declineEvaluation(D),
      'messageOutOfOrder',
    ],
    ['giving up a measurement', evaluating, givenUp(), 'accepted'],
    ['giving up where nothing is measured', collecting, givenUp(), 'messageOutOfOrder'],
    ['a report of a node that is as good as ever', collecting, reported(A), 'accepted'],
    ['metrics before there is anything to measure', collecting, evaluated(), 'messageOutOfOrder'],
  ] as const)('%s', (_, state, event, expected) => {
    expect(verdict(state, event)).toBe(expected);
  });

  test('who cannot take part in a job is in no later cohort until it reports anew', () => {
    const second = { round: 1, attempt: 2 };
    const apart = follow(collecting, decline(A), decline(B, 'trainingDiverged'));
    expect(apart).toMatchObject({ phase: 'recruiting', ...second });
    expect([...apart.unsuited]).toEqual([[A, 'dataEmpty']]);
    expect(verdict(apart, select([A, B, C], second))).toBe('invalidFormat');
    expect(verdict(apart, select([B, C], second))).toBe('accepted');
    const [back, effects] = step(apart, reported(A), LATER);
    expect(effects).toEqual([{ type: 'selectCohort', ...second }]);
    expect(verdict(back, select([A, B, C], second))).toBe('accepted');
    // In the middle of an attempt it stays declined.
    const underWay = follow(apart, select([B, C], second));
    expect(step(underWay, reported(A), LATER)).toEqual([{ ...underWay, unsuited: new Map() }, []]);
  });

  test('who is in the tree of a round takes part in no further round of it', () => {
    const centralNoise = { type: 'gaussianTree', sigma: 100, rounds: 2 } as const;
    const trees = {
      privacyUnit: 'participant',
      privacy: { delta: 1e-5, epsilonModel: 1, centralNoise },
    } as const;
    const cohort = (names: string[], digit: string, context: typeof FIRST): JobEvent[] => [
      select(names, context),
      ...names.map((name) => update(name, '1', context)),
      { ...aggregated(digit, null, context), treeNonce: digit.repeat(32) } as JobEvent,
      released(digit, context),
    ];
    const [second, third] = [2, 3].map((round) => ({ round, attempt: 1 })) as [typeof FIRST, typeof FIRST];
    const job = follow(jobOf({ ...trees, rounds: 4 }), ...cohort([A, B], '2', FIRST));
    expect(job).toMatchObject({ phase: 'recruiting', ...second, treeNonces: ['2'.repeat(32)] });
    expect([A, B, C, D].map((node) => mayBeDrawn(job, node))).toEqual([false, false, true, true]);
    expect(verdict(job, select([A, D], second))).toBe('invalidFormat');
    // A tree ends with its last round; and without one they take part again at once.
    const ended = follow(job, ...cohort([C, D], '3', second));
    expect(verdict(ended, select([A, D], third))).toBe('accepted');
    expect(ended.treeNonces).toEqual([]);
    const plain = follow(jobOf({ rounds: 4 }), ...cohort([A, B], '2', FIRST));
    expect(verdict(plain, select([A, D], second))).toBe('accepted');
  });

  test('who cannot measure is asked no more; whether anybody is left is asked of the shell, also after a restart', () => {
    const [one, effects] = step(evaluating, declineEvaluation(D), LATER);
    const seek = { type: 'seekEvaluator', ...FIRST };
    expect(effects).toEqual([seek]);
    expect(pending(one)).toContainEqual(seek);
    expect(pending(evaluating)).not.toContainEqual(seek);
    expect([mayMeasure(evaluating, D), mayMeasure(one, D), mayMeasure(one, C)]).toEqual([true, false, true]);
    const next = follow(one, declineEvaluation(C, 'nodePaused'), givenUp(), released('2'));
    expect(next.history).toMatchObject([{ metrics: null, unmeasured: { dataEmpty: 1, nodePaused: 1 } }]);
    expect(next.history[0]?.declined).toEqual({});
    // The reason of one of them has passed with the round.
    expect([mayMeasure(next, D), mayMeasure(next, C)]).toEqual([false, true]);
  });

  test('a repetition changes nothing, and nobody is told', () => {
    const once = follow(collecting, update(A), decline(B));
    for (const event of [update(A), decline(B), decline(B, 'another')]) {
      const [state, effects] = step(once, event, LATER);
      expect(state).toBe(once);
      expect(effects).toEqual([]);
    }
    expect(step(once, update(C), LATER)[0]).not.toBe(once);
  });
});

describe('what the coordinator itself may do', () => {
  test.each([
    ['a cohort of the minimum', select([A, B]), 'accepted'],
    ['a cohort of the full size', select([A, B, C]), 'accepted'],
    ['a cohort below the minimum', select([A]), 'cohortTooSmall'],
    ['a cohort with a node twice', select([A, B, B]), 'invalidFormat'],
    ['a cohort beyond the size', select([A, B, C, D]), 'invalidFormat'],
    ['the deadline of a phase that has not begun', passed('collecting'), 'messageOutOfOrder'],
    ['the job created once more', created(), 'messageOutOfOrder'],
  ])('while recruiting: %s', (_, event, expected) => {
    expect(verdict(recruiting, event)).toBe(expected);
  });

  test('each event belongs to one phase, the deadline to two', () => {
    const home: readonly (readonly [JobEvent, keyof typeof ALL])[] = [
      [select([A, B]), 'recruiting'],
      [passed('collecting'), 'collecting'],
      [aggregated('2'), 'aggregating'],
      [failed('ringOverflow'), 'aggregating'],
      [passed('evaluating'), 'evaluating'],
      [released('2'), 'releasing'],
    ];
    for (const [event, phase] of home)
      for (const [name, job] of Object.entries(ALL)) {
        const otherwise = hasEnded(job) ? 'jobEnded' : 'messageOutOfOrder';
        const expected = name === phase ? 'accepted' : otherwise;
        expect(verdict(job, event), `${event.type} while ${name}`).toBe(expected);
      }
  });

  test('only the aggregated model can be released', () => {
    expect(verdict(releasing, released('2'))).toBe('accepted');
    expect(verdict(releasing, released('3'))).toBe('messageOutOfOrder');
  });
});

describe('effects', () => {
  test('pending names what is owed in each phase', () => {
    const context = { round: 1, attempt: 1 };
    const owed: Record<keyof typeof ALL, Effect[]> = {
      recruiting: [{ type: 'selectCohort', ...context }],
      collecting: [
        { type: 'setDeadline', ...context, phase: 'collecting', at: DEADLINE },
        { type: 'announce', nodes: [A, B, C] },
      ],
      aggregating: [{ type: 'aggregate', ...context }],
      evaluating: [
        { type: 'setDeadline', ...context, phase: 'evaluating', at: DEADLINE },
        { type: 'announce', nodes: 'evaluators' },
      ],
      releasing: [{ type: 'release', ...context, model: hash('2') }],
      finished: [],
      failed: [],
      cancelled: [],
    };
    for (const [name, job] of Object.entries(ALL)) {
      expect(job.phase).toBe(name);
      expect(pending(job), name).toEqual(owed[name as keyof typeof ALL]);
    }
  });

  test('after a restart only those who have not answered are announced', () => {
    const state = follow(collecting, update(B));
    expect(awaited(state)).toEqual([A, C]);
    expect(pending(state)).toContainEqual({ type: 'announce', nodes: [A, C] });
    expect(awaited(aggregating)).toEqual([]);
  });

  test('a job begins with what it owes', () => {
    expect(createJob(created(), AT)[1]).toEqual([{ type: 'selectCohort', round: 1, attempt: 1 }]);
    expect(recruiting).toMatchObject({
      createdAt: AT,
      createdBy: D,
      model: recruiting.manifest.initialModel,
    });
  });
});

test('a round is evaluated every so often, and at the end', () => {
  const rounds = (evaluateEvery: number) =>
    [1, 2, 3, 4, 5].filter((round) => isEvaluated(manifestOf('fed-0', { evaluateEvery, rounds: 5 }), round));
  expect(rounds(0)).toEqual([]);
  expect(rounds(1)).toEqual([1, 2, 3, 4, 5]);
  expect(rounds(2)).toEqual([2, 4, 5]);
  expect(rounds(9)).toEqual([5]);
});

test('refusals are problems that say what they are about', () => {
  const [, effects] = step(collecting, update(A, '1', { round: 2, attempt: 1 }), LATER);
  const [refusal] = effects;
  if (refusal?.type !== 'refuse') throw new Error('not refused');
  expect(isProblem(refusal.problem, 'roundUnknown') && refusal.problem.detail).toEqual({
    jobId: collecting.jobId,
    round: 2,
    attempt: 1,
  });
});
