// covers: protocol/round-state.ts
/**
 * The phases of a secure attempt in the reducer: who may send what when. What is in the messages is none of its business:
 * `test/server/secure-handlers.test.ts`.
 */
import { describe, expect, test } from 'vitest';
import { createJob, pending, step } from '../../../protocol/round.ts';
import type { JobState } from '../../../protocol/round-state.ts';
import { isPast, isSecure } from '../../../protocol/secagg/secure-phases.ts';
import type { JobEvent } from '../../../schemas/job-event.ts';
import type { SecurePhase } from '../../../schemas/secagg.ts';
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
import {
  A,
  ALL,
  advertising,
  aggregating,
  answer,
  awaitedIn,
  B,
  C,
  collecting,
  consent,
  consenting,
  D,
  deadlines,
  E,
  FIRST,
  jobOf,
  keys,
  NODES,
  opened,
  PHASES,
  passed,
  recruiting,
  releasing,
  SENDS,
  STRANGER,
  select,
  shares,
  sharing,
  signedFor,
  summed,
  unmasking,
  update,
  verdict,
} from './secure-round-events.ts';

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
