// covers: protocol/round-state.ts
/**
 * The phases of a secure attempt in the reducer: who may send what when, and what holds after any sequence of events. What
 * is in the messages is none of its business: `test/server/secure-handlers.test.ts`.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createJob, isAwaited, pending, step } from '../../../protocol/round.ts';
import type { JobState } from '../../../protocol/round-state.ts';
import { describeRound } from '../../../protocol/secagg/descriptor.ts';
import { isPast, isSecure, secureAwaited } from '../../../protocol/secagg/secure-phases.ts';
import type { JobManifest } from '../../../schemas/job.ts';
import type { JobEvent } from '../../../schemas/job-event.ts';
import type { SecurePhase } from '../../../schemas/secagg.ts';
import { secureJob } from '../../fixtures/secure-party.ts';
import {
  AT,
  aggregated,
  created,
  DEADLINE,
  decline,
  failed,
  follow,
  hash,
  LATER,
  released,
  reported,
} from '../round-events.ts';

const PHASES = ['advertising', 'sharing', 'collecting', 'consenting', 'unmasking'] as const;
const NODES = ['a', 'b', 'c', 'd', 'e'].map((digit) => digit.repeat(32));
const [A, B, C, D, E] = NODES as [string, string, string, string, string];
const STRANGER = 'f'.repeat(32);
const FIRST = { round: 1, attempt: 1 };

const deadlines = {
  advertising: '2026-01-01T12:08:00.000Z',
  sharing: '2026-01-01T12:09:00.000Z',
  collecting: DEADLINE,
  consenting: '2026-01-01T12:11:00.000Z',
  unmasking: '2026-01-01T12:12:00.000Z',
};

/** Five nodes: t = 4, and as many updates at least. */
const jobOf = (overrides: Partial<JobManifest> = {}) =>
  createJob(created({ ...secureJob(5), ...overrides }), AT)[0];

function signedFor(job: JobState, changes: object = {}) {
  const { jobId, manifest, manifestSha256, round, attempt, model } = job;
  const names = { federationId: manifest.federationId, coordinatorKey: hash('7'), jobId, manifestSha256 };
  const descriptor = describeRound({ ...names, manifest, round, attempt, model }, deadlines, hash('8'));
  return { descriptor: { ...descriptor, ...changes }, signature: '0'.repeat(128) };
}

function select(job: JobState, cohort: readonly string[] = NODES): JobEvent {
  const { round, attempt } = job;
  const secure = signedFor(job);
  return { type: 'cohortSelected', round, attempt, cohort: [...cohort], deadline: DEADLINE, secure };
}

/** Keys of a node differ from those of any other; `digit` makes them others. */
const keys = (node: string, digit = '1', context = FIRST): JobEvent => ({
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
const shares = (node: string, digit = '1', context = FIRST): JobEvent => ({
  type: 'sharesAccepted',
  ...context,
  node,
  sha256: hash(digit),
  bytes: 10,
});
const update = (node: string, digit = '1', context = FIRST): JobEvent => ({
  type: 'updateAccepted',
  ...context,
  node,
  sha256: hash(digit),
  bytes: 100,
  signature: digit.repeat(128),
});
const consent = (node: string, digit = '1', context = FIRST): JobEvent => ({
  type: 'consentGiven',
  ...context,
  node,
  signature: digit.repeat(128),
});
const answer = (node: string, digit = '1', context = FIRST): JobEvent => ({
  type: 'answerAccepted',
  ...context,
  node,
  sha256: hash(digit),
  bytes: 20,
});
const opened = (answers: readonly string[], faulty: readonly string[] = [], context = FIRST): JobEvent => ({
  type: 'secretsOpened',
  ...context,
  answers: [...answers],
  faulty: [...faulty],
});
const summed = (digit: string, context = FIRST): JobEvent => ({
  ...(aggregated(digit, null, context) as Extract<JobEvent, { type: 'aggregated' }>),
  record: hash('c'),
  sum: hash('d'),
});
const passed = (phase: SecurePhase, context = FIRST): JobEvent => ({
  type: 'deadlinePassed',
  ...context,
  phase,
});

const SENDS = {
  advertising: keys,
  sharing: shares,
  collecting: update,
  consenting: consent,
  unmasking: answer,
};

function verdict(state: JobState, event: JobEvent): string {
  const [next, effects] = step(state, event, LATER);
  const [first] = effects;
  if (first?.type !== 'refuse') return 'accepted';
  expect(next).toBe(state);
  expect(effects).toHaveLength(1);
  return first.problem.code;
}

const recruiting = jobOf();
const advertising = follow(recruiting, select(recruiting));
const sharing = follow(advertising, ...NODES.map((node) => keys(node)));
const collecting = follow(sharing, ...NODES.map((node) => shares(node)));
const consenting = follow(collecting, ...NODES.map((node) => update(node)));
const unmasking = follow(consenting, ...[A, B, C, D].map((node) => consent(node)));
const aggregating = follow(unmasking, ...[A, B, C, D].map((node) => answer(node)), opened([A, B, C, D]));
const releasing = follow(aggregating, summed('2'));
const ALL = { advertising, sharing, collecting, consenting, unmasking };

const awaitedIn = (job: JobState) => (isSecure(job) ? secureAwaited(job) : []);

describe('an attempt', () => {
  test('goes from phase to phase, and says so in its summary', () => {
    for (const [phase, job] of Object.entries(ALL)) expect(job.phase).toBe(phase);
    expect([aggregating.phase, releasing.phase]).toEqual(['aggregating', 'releasing']);
    const next = follow(releasing, released('2'));
    expect(next).toMatchObject({ phase: 'recruiting', round: 2, model: hash('2'), secure: null });
    expect(next.history[0]).toMatchObject({ outcome: 'released', updates: 5, bytesUp: 500 });
    expect(next.history[0]?.secure).toEqual({
      suite: 1,
      threshold: 4,
      roster: 5,
      delivered: 5,
      survivors: 5,
      consents: 4,
      answers: 4,
      shareBytes: 50,
      answerBytes: 80,
      phases: [...PHASES, 'aggregating', 'releasing'].map((phase) => ({ phase, at: LATER })),
      faulty: [],
      record: hash('c'),
      sum: hash('d'),
    });
  });

  test.each(PHASES)('owes in %s its deadline and those who have not answered', (phase) => {
    const job = ALL[phase];
    expect(pending(job)).toEqual([
      { type: 'setDeadline', ...FIRST, phase, at: deadlines[phase] },
      { type: 'announce', nodes: NODES },
    ]);
    const one = follow(job, SENDS[phase](B));
    expect(awaitedIn(one)).toEqual([A, C, D, E]);
  });

  test('of a plain job has no description, and one of a secure job the right one', () => {
    const bare = { ...select(recruiting) } as { secure?: unknown };
    delete bare.secure;
    expect(verdict(recruiting, bare as JobEvent)).toBe('invalidFormat');
    const plain = createJob(created({ cohort: { size: 5, minimum: 2 } }), AT)[0];
    expect(verdict(plain, select(recruiting))).toBe('invalidFormat');
    expect(verdict(plain, bare as JobEvent)).toBe('accepted');
    for (const wrong of [{ round: 2 }, { attempt: 2 }, { model: hash('9') }, { jobId: 'job-1' }]) {
      const event = { ...select(recruiting), secure: signedFor(recruiting, wrong) } as JobEvent;
      expect(verdict(recruiting, event)).toBe('invalidFormat');
    }
    expect(verdict(recruiting, { ...select(recruiting), deadline: AT } as JobEvent)).toBe('invalidFormat');
    expect(verdict(recruiting, select(recruiting, [A, B, C]))).toBe('cohortTooSmall');
    expect(verdict(recruiting, select(recruiting, [A, B, C, D]))).toBe('accepted');
  });

  test('of a secure job has a record, of a plain one none', () => {
    expect(verdict(aggregating, summed('2'))).toBe('accepted');
    expect(verdict(aggregating, aggregated('2'))).toBe('invalidFormat');
    const plain = createJob(created({ cohort: { size: 1, minimum: 1 } }), AT)[0];
    const bare = { type: 'updateAccepted', ...FIRST, node: A, sha256: hash('1'), bytes: 1 } as const;
    const one: JobEvent = { type: 'cohortSelected', ...FIRST, cohort: [A], deadline: DEADLINE };
    const full = follow(plain, one, bare);
    expect([verdict(full, summed('2')), verdict(full, aggregated('2'))]).toEqual([
      'invalidFormat',
      'accepted',
    ]);
  });

  test('leaves the failed attempt behind, secrets and all', () => {
    const again = follow(aggregating, failed('aggregateInvalid'));
    expect(again).toMatchObject({ phase: 'recruiting', attempt: 2, secure: null });
    expect(again.history[0]).toMatchObject({
      reason: 'aggregateInvalid',
      secure: { record: null, answers: 4 },
    });
    expect(follow(again, select(again)).secure?.advertisements.size).toBe(0);
  });
});

describe('a message', () => {
  test.each(PHASES)('of %s belongs there: too early before, too late after', (home) => {
    for (const [i, phase] of PHASES.entries()) {
      // A node that has done all before, and nothing of this phase or later ones.
      const last = ALL[phase];
      const expected = i < PHASES.indexOf(home) ? 'messageOutOfOrder' : 'accepted';
      if (i <= PHASES.indexOf(home)) expect(verdict(last, SENDS[home](E)), `while ${phase}`).toBe(expected);
    }
    const late = { advertising: sharing, sharing: collecting, collecting: consenting }[home as 'sharing'];
    if (late) expect(verdict(late, SENDS[home](E, '2'))).toBe('messageConflict');
    expect(verdict(recruiting, SENDS[home](A))).toBe('messageOutOfOrder');
    expect(verdict(ALL[home], SENDS[home](STRANGER))).toBe('notInCohort');
    expect(verdict(ALL[home], SENDS[home](A, '1', { round: 1, attempt: 2 }))).toBe('roundUnknown');
  });

  test.each(PHASES)('of %s again changes nothing, another in its place is refused, also later', (home) => {
    const once = follow(ALL[home], SENDS[home](A));
    expect(step(once, SENDS[home](A), LATER)).toEqual([once, []]);
    expect(verdict(once, SENDS[home](A, '2'))).toBe('messageConflict');
    if (home === 'unmasking') return;
    expect(verdict(releasing, SENDS[home](A))).toBe('accepted');
    expect(verdict(releasing, SENDS[home](A, '2'))).toBe('messageConflict');
  });

  test('of a node that missed the phase before is late', () => {
    const without = (job: JobState, send: (node: string) => JobEvent, phase: SecurePhase) =>
      follow(job, ...[A, B, C, D].map(send), passed(phase));
    const inSharing = without(advertising, (node) => keys(node), 'advertising');
    expect([inSharing.phase, awaitedIn(inSharing)]).toEqual(['sharing', [A, B, C, D]]);
    expect([verdict(inSharing, shares(E)), verdict(inSharing, shares(A))]).toEqual([
      'messageLate',
      'accepted',
    ]);
    expect(verdict(inSharing, keys(E))).toBe('messageLate');
    const inCollecting = without(sharing, (node) => shares(node), 'sharing');
    expect([verdict(inCollecting, update(E)), verdict(inCollecting, update(A))]).toEqual([
      'messageLate',
      'accepted',
    ]);
    const inConsenting = without(collecting, (node) => update(node), 'collecting');
    expect([verdict(inConsenting, consent(E)), verdict(inConsenting, consent(A))]).toEqual([
      'messageLate',
      'accepted',
    ]);
    const inUnmasking = follow(inConsenting, ...[A, B, C, D].map((node) => consent(node)));
    expect([verdict(inUnmasking, answer(E)), verdict(inUnmasking, answer(A))]).toEqual([
      'messageLate',
      'accepted',
    ]);
    expect(verdict(inUnmasking, consent(E))).toBe('messageLate');
  });

  test('of a survivor that consents later than enough others is no mistake, and changes nothing', () => {
    expect(step(unmasking, consent(E), LATER)).toEqual([unmasking, []]);
    expect(step(releasing, consent(E), LATER)).toEqual([releasing, []]);
  });

  test('holds keys of its sender alone', () => {
    const stolen = keys(B) as Extract<JobEvent, { type: 'keysAdvertised' }>;
    const own = (keys(A) as typeof stolen).advertisement;
    const one = follow(advertising, keys(A));
    for (const key of ['channelKey', 'maskKey'] as const)
      for (const of of ['channelKey', 'maskKey'] as const)
        expect(verdict(one, { ...stolen, advertisement: { ...stolen.advertisement, [key]: own[of] } })).toBe(
          'advertisementInvalid',
        );
    expect(verdict(one, { ...stolen, node: B, advertisement: { ...stolen.advertisement, nodeId: A } })).toBe(
      'advertisementInvalid',
    );
    expect(verdict(one, stolen)).toBe('accepted');
  });

  test('with an update is signed', () => {
    const { signature: _, ...bare } = update(A) as Extract<JobEvent, { type: 'updateAccepted' }>;
    expect([verdict(collecting, bare), verdict(collecting, update(A))]).toEqual([
      'updateUnsigned',
      'accepted',
    ]);
  });
});

describe('declining', () => {
  test('one of five is borne in every phase, two are not', () => {
    for (const [phase, job] of Object.entries(ALL)) {
      const one = follow(job, decline(A));
      expect([one.phase, one.attempt, awaitedIn(one)]).toEqual([phase, 1, [B, C, D, E]]);
      expect(step(one, decline(A, 'another'), LATER)).toEqual([one, []]);
      expect(verdict(one, SENDS[phase as SecurePhase](A))).toBe('messageConflict');
      const two = follow(one, decline(B));
      const reason = phase === 'unmasking' ? 'unmaskingFailed' : 'cohortTooSmall';
      expect([two.attempt, two.history[0]?.reason]).toEqual([2, reason]);
      expect(two.history[0]?.declined).toEqual({ dataEmpty: 2 });
      expect([...two.unsuited.keys()]).toEqual([A, B]);
      expect(follow(two, reported(A)).unsuited.size).toBe(1);
    }
  });

  test('takes back keys and shares of which nobody has been told', () => {
    const one = follow(advertising, keys(A), decline(A), ...[B, C, D, E].map((node) => keys(node)));
    expect([one.phase, one.secure?.advertisements.size]).toEqual(['sharing', 4]);
    const two = follow(sharing, shares(A), decline(A), ...[B, C, D, E].map((node) => shares(node)));
    expect([two.phase, two.secure?.shares.size]).toEqual(['collecting', 4]);
  });

  test('leaves an update that has been delivered in the sum', () => {
    const delivered = follow(collecting, update(A), decline(A), ...[B, C, D, E].map((node) => update(node)));
    expect([delivered.phase, delivered.accepted.size]).toEqual(['consenting', 5]);
    expect(awaitedIn(delivered)).toEqual([B, C, D, E]);
    const consented = follow(unmasking, decline(A));
    expect([consented.phase, consented.accepted.size]).toEqual(['unmasking', 5]);
    expect(verdict(follow(unmasking, answer(A)), decline(A))).toBe('messageConflict');
    // Enough have delivered, too few could still open it.
    expect(follow(delivered, decline(B)).attempt).toBe(2);
    const four = follow(collecting, ...[A, B, C, D].map((node) => update(node)), decline(A));
    expect(follow(four, passed('collecting'))).toMatchObject({ attempt: 2, phase: 'recruiting' });
  });

  test('is late once the answers are in', () => {
    expect(verdict(aggregating, decline(E))).toBe('messageLate');
  });
});

describe('a deadline', () => {
  test.each(PHASES)('of %s takes four of five, and not three', (phase) => {
    const three = follow(ALL[phase], ...[A, B, C].map((node) => SENDS[phase](node)));
    const reason = phase === 'unmasking' ? 'unmaskingFailed' : 'cohortTooSmall';
    const tooFew = follow(three, passed(phase));
    expect([tooFew.attempt, tooFew.history[0]?.reason]).toEqual([2, reason]);
    for (const other of PHASES)
      if (other !== phase) expect(verdict(three, passed(other))).toBe('messageOutOfOrder');
    const [after, effects] = step(follow(three, SENDS[phase](D)), passed(phase), LATER);
    if (phase === 'consenting') return; // four consents have ended it
    expect(after.attempt).toBe(1);
    if (phase !== 'unmasking') return expect(after.phase).toBe(PHASES[PHASES.indexOf(phase) + 1]);
    // What is there is tried once more, and nothing is awaited.
    expect(effects).toEqual([{ type: 'openSecrets', ...FIRST }]);
    expect([pending(after), awaitedIn(after)]).toEqual([effects, []]);
    expect([verdict(after, answer(E)), verdict(after, passed(phase))]).toEqual([
      'messageLate',
      'messageOutOfOrder',
    ]);
    expect(follow(after, opened([A, B, C, D])).phase).toBe('aggregating');
    expect(follow(after, failed('unmaskingFailed')).attempt).toBe(2);
  });
});

describe('opening', () => {
  test('is asked for from the threshold on, at each answer, and after a restart', () => {
    const three = follow(unmasking, ...[A, B, C].map((node) => answer(node)));
    expect(pending(three).map(({ type }) => type)).toEqual(['setDeadline', 'announce']);
    const [four, effects] = step(three, answer(D), LATER);
    expect(effects).toEqual([{ type: 'openSecrets', ...FIRST }]);
    expect(pending(four)).toContainEqual(effects[0]);
    expect(step(four, answer(E), LATER)[1]).toEqual(effects);
    expect(verdict(three, opened([A, B, C]))).toBe('invalidFormat');
    expect(verdict(four, opened([A, B, C, E]))).toBe('invalidFormat');
    expect(verdict(four, opened([A, B, C, C]))).toBe('invalidFormat');
    expect(verdict(four, opened([A, B, C, D], [E]))).toBe('invalidFormat');
    expect(verdict(consenting, opened([A, B, C, D]))).toBe('messageOutOfOrder');
    const done = follow(four, answer(E), opened([A, B, C, D, E], [E]));
    const end = follow(done, summed('2'), released('2'));
    expect(end.history[0]?.secure).toMatchObject({ faulty: [E], answers: 5 });
  });

  test('waits for all of a cohort in which each has a few neighbours only, or for the deadline', () => {
    const sparse = (job: JobState): JobEvent => {
      const event = select(job) as Extract<JobEvent, { type: 'cohortSelected' }>;
      return { ...event, secure: signedFor(job, { degree: 4, threshold: 3 }) };
    };
    const job = follow(
      recruiting,
      sparse(recruiting),
      ...NODES.map((node) => keys(node)),
      ...NODES.map((node) => shares(node)),
      ...NODES.map((node) => update(node)),
    );
    const four = follow(job, ...[A, B, C, D].map((node) => consent(node)));
    expect(four.phase).toBe('consenting');
    expect(follow(four, passed('consenting')).phase).toBe('unmasking');
    const all = follow(four, consent(E));
    expect(all.phase).toBe('unmasking');
    const answered = follow(all, ...[A, B, C, D].map((node) => answer(node)));
    expect(pending(answered).map(({ type }) => type)).toEqual(['setDeadline', 'announce']);
    expect(step(answered, answer(E), LATER)[1]).toEqual([{ type: 'openSecrets', ...FIRST }]);
    expect(step(answered, decline(E), LATER)[1]).toEqual([{ type: 'openSecrets', ...FIRST }]);
    expect(step(answered, passed('unmasking'), LATER)[1]).toEqual([{ type: 'openSecrets', ...FIRST }]);
  });
});

test('size updates are enough, and more are never taken', () => {
  const job = jobOf({ cohort: { size: 4, extra: 1, minimum: 3 } });
  const open = follow(
    job,
    select(job),
    ...NODES.map((node) => keys(node)),
    ...NODES.map((node) => shares(node)),
  );
  const full = follow(open, ...[E, D, C, B].map((node) => update(node)));
  expect([full.phase, full.accepted.size, verdict(full, update(A))]).toEqual([
    'consenting',
    4,
    'messageLate',
  ]);
  expect(isSecure(full) && [isPast(full, 'collecting'), isPast(full, 'consenting')]).toEqual([true, false]);
});

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
