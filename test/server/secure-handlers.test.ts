// covers: server/secure-attempt.ts, server/unmasked-sum.ts, server/round-record.ts, server/masked-update.ts
/**
 * Secure attempts between a coordinator and participants that speak its routes: who drops out where, what is refused, and
 * what a restart leaves. The arithmetic without a coordinator: test/protocol/secagg.
 */
import { describe, expect, test } from 'vitest';
import { primitives } from '#primitives';
import { toHex } from '../../protocol/bytes.ts';
import { seededRandom } from '../../protocol/random.ts';
import { advertise } from '../../protocol/secagg/advertisement.ts';
import { roundId } from '../../protocol/secagg/descriptor.ts';
import { checkRecord } from '../../protocol/secagg/record.ts';
import { floatsOf, payloadOf } from '../../protocol/vector.ts';
import type { JobRunner } from '../../server/job-runner.ts';
import { type Node, nodeOf, TestFederation } from '../fixtures/federation.ts';
import { CODEC, INITIAL_VALUES } from '../fixtures/manifest.ts';
import {
  allSend,
  MESSAGES,
  type Message,
  partiesOf,
  refusal,
  type ScriptedParty,
  secureJob,
} from '../fixtures/secure-party.ts';
import { hashOf } from '../fixtures/vector-files.ts';
import { modelTwin } from './aggregate-twin.ts';

const SIZE = 7; // t = 5

interface Attempt {
  readonly federation: TestFederation;
  readonly runner: JobRunner;
  readonly parties: readonly ScriptedParty[];
}

async function begin(overrides = secureJob(SIZE), participants = SIZE): Promise<Attempt> {
  const federation = await TestFederation.open({ participants });
  await federation.appear();
  const runner = await federation.createJob(overrides);
  await federation.appear();
  return { federation, runner, parties: partiesOf(federation) };
}

/** The present runner: another one after a restart. */
const jobOf = ({ federation, runner }: Attempt) => federation.coordinator.job(runner.jobId).state;

/** Up to and with this message. */
async function play({ parties }: Attempt, last: Message): Promise<void> {
  for (const message of MESSAGES.slice(0, MESSAGES.indexOf(last) + 1)) await allSend(parties, message);
}

/** The model that these would have trained in the plain way. */
function plainModel(federation: TestFederation, nodes: readonly Node[], round = 1): number[] {
  const files = nodes.map((node) => federation.updateOf(node, round));
  return modelTwin(INITIAL_VALUES, [files], CODEC, { type: 'fedavg', serverLearningRate: 1 });
}

async function modelOf(attempt: Attempt): Promise<number[]> {
  return [...floatsOf(payloadOf(await attempt.federation.blobs.read(jobOf(attempt).model)))];
}

const nodesOf = (parties: readonly ScriptedParty[]) => parties.map(({ node }) => node);

test.each([1, 2] as const)('a round of suite %d in which all take part', async (suite) => {
  const attempt = await begin(
    secureJob(SIZE, { secureAggregation: { suite, colluders: 0, answerSeconds: 20 } }),
  );
  const { federation, parties } = attempt;
  expect(parties).toHaveLength(SIZE);
  for (const [i, phase] of ['sharing', 'collecting', 'consenting', 'unmasking', 'finished'].entries()) {
    await allSend(parties, MESSAGES[i] as Message);
    expect(jobOf(attempt).phase).toBe(phase);
    if (phase === 'consenting') break;
  }
  // As soon as enough have consented, and as soon as enough have answered, it goes on.
  await allSend(parties.slice(0, 5), 'consent');
  expect(jobOf(attempt).phase).toBe('unmasking');
  await allSend(parties.slice(5), 'consent');
  await allSend(parties.slice(0, 4), 'answer');
  expect(jobOf(attempt).phase).toBe('unmasking');
  await allSend(parties.slice(4, 5), 'answer');
  expect(federation.reported).toEqual([]);
  const job = jobOf(attempt);
  expect(job.phase).toBe('finished');
  expect(await modelOf(attempt)).toEqual(plainModel(federation, nodesOf(parties)));
  expect(job.history[0]).toMatchObject({
    outcome: 'released',
    updates: SIZE,
    secure: { suite, threshold: 5, roster: SIZE, delivered: SIZE, survivors: SIZE, consents: 5, answers: 5 },
  });
});

/** The first two parties send no message from this one on. */
const BOUNDARIES = [
  ['before its keys', 'advertise', { roster: 5, delivered: 5, survivors: 5 }],
  ['between keys and shares', 'share', { roster: 7, delivered: 5, survivors: 5 }],
  ['between shares and update', 'upload', { roster: 7, delivered: 7, survivors: 5 }],
  ['between update and consent', 'consent', { roster: 7, delivered: 7, survivors: 7 }],
  ['between consent and answer', 'answer', { roster: 7, delivered: 7, survivors: 7 }],
] as const;

describe.each(BOUNDARIES)('two of seven drop out %s', (_, from, expected) => {
  /** Those who drop out decline instead; goes on for as long as the attempt does. */
  async function playWithout(attempt: Attempt, count: number): Promise<void> {
    const gone = attempt.parties.slice(0, count);
    const rest = attempt.parties.slice(count);
    for (const message of MESSAGES) {
      if (message === from) for (const party of gone) await party.decline('nodePaused');
      if (jobOf(attempt).attempt > 1) return;
      const isGone = MESSAGES.indexOf(message) >= MESSAGES.indexOf(from);
      await allSend(isGone ? rest : attempt.parties, message);
    }
  }

  test('silently: the phase ends at its deadline, and the sum is that of the survivors', async () => {
    const attempt = await begin();
    const { federation, parties } = attempt;
    const gone = parties.slice(0, 2);
    const rest = parties.slice(2);
    for (const message of MESSAGES) {
      const isGone = MESSAGES.indexOf(message) >= MESSAGES.indexOf(from);
      await allSend(isGone ? rest : parties, message);
      const { phase, secure } = jobOf(attempt);
      if (message !== from || !secure || phase === 'unmasking') continue;
      const deadline = Date.parse(secure.signed.descriptor.deadlines[phase as 'sharing']);
      await federation.clock.advance(deadline - federation.clock.now());
    }
    const job = jobOf(attempt);
    expect(job).toMatchObject({ phase: 'finished', attempt: 1 });
    expect(job.history[0]?.secure).toMatchObject(expected);
    const summed = expected.survivors === 7 ? parties : rest;
    expect(await modelOf(attempt)).toEqual(plainModel(federation, nodesOf(summed)));
    for (const party of gone) expect(await refusal(party.advertise())).toBe('jobEnded');
  });

  test('with a word: nobody waits for them', async () => {
    const attempt = await begin();
    await playWithout(attempt, 2);
    const job = jobOf(attempt);
    expect(job).toMatchObject({ phase: 'finished', attempt: 1 });
    expect(job.history[0]).toMatchObject({ declined: { nodePaused: 2 }, secure: expected });
    const summed = expected.survivors === 7 ? attempt.parties : attempt.parties.slice(2);
    expect(await modelOf(attempt)).toEqual(plainModel(attempt.federation, nodesOf(summed)));
  });

  test('a third one voids the attempt, and nothing is opened; the next attempt has other keys', async () => {
    const attempt = await begin();
    const { signed: first } = attempt.parties[0] as ScriptedParty;
    await playWithout(attempt, 3);
    const job = jobOf(attempt);
    expect([job.attempt, job.model]).toEqual([2, job.manifest.initialModel]);
    const reason = from === 'answer' ? 'unmaskingFailed' : 'cohortTooSmall';
    expect(job.history).toMatchObject([{ outcome: 'aborted', reason, secure: { record: null, sum: null } }]);
    await attempt.federation.appear();
    const [again] = partiesOf(attempt.federation) as [ScriptedParty];
    expect(again.signed.descriptor.attempt).toBe(2);
    expect(again.signed.descriptor.nonce).not.toBe(first.descriptor.nonce);
  });
});

test('too few before a deadline void the attempt, in every phase', async () => {
  for (const [i, message] of MESSAGES.entries()) {
    const attempt = await begin();
    const { federation, parties } = attempt;
    for (const earlier of MESSAGES.slice(0, i)) await allSend(parties, earlier);
    await allSend(parties.slice(0, 4), message);
    const { phase, secure } = jobOf(attempt);
    const at = Date.parse(secure?.signed.descriptor.deadlines[phase as 'sharing'] ?? '');
    await federation.clock.advance(at - federation.clock.now() - 1);
    expect(jobOf(attempt).attempt).toBe(1);
    await federation.clock.advance(1);
    const [summary] = jobOf(attempt).history;
    const reason = message === 'answer' ? 'unmaskingFailed' : 'cohortTooSmall';
    expect(summary, message).toMatchObject({ outcome: 'aborted', reason });
    expect(summary?.secure?.phases.at(-1)?.phase).toBe(phase);
    expect(await refusal((parties[5] as ScriptedParty)[message]())).toBe('messageLate');
  }
});

test('a revoked node is waited for no longer; what it had delivered counts', async () => {
  const attempt = await begin();
  const { federation, parties } = attempt;
  const [revoked, ...rest] = parties as [ScriptedParty, ...ScriptedParty[]];
  await play(attempt, 'share');
  await allSend(rest, 'upload');
  expect(jobOf(attempt).phase).toBe('collecting');
  const params = { nodeId: revoked.node.nodeId };
  await federation.call('revokeMember', federation.operator, { params, body: { reason: 'left' } });
  await federation.appear([]);
  expect(jobOf(attempt).phase).toBe('consenting');
  await allSend(rest, 'consent');
  await allSend(rest.slice(0, 5), 'answer');
  expect(jobOf(attempt).phase).toBe('finished');
  expect(await modelOf(attempt)).toEqual(plainModel(federation, nodesOf(rest)));
});

test('as soon as size updates are in the others are dropped, and their masks opened', async () => {
  const attempt = await begin(secureJob(5, { cohort: { size: 5, extra: 2, minimum: 3 } }));
  const { federation, parties } = attempt;
  await play(attempt, 'share');
  const [late, later, ...rest] = parties as [ScriptedParty, ScriptedParty, ...ScriptedParty[]];
  await late.mask();
  await allSend(rest, 'upload');
  expect(jobOf(attempt).phase).toBe('consenting');
  expect(await refusal(late.upload())).toBe('messageLate');
  expect(await refusal(later.upload())).toBe('messageLate');
  for (const party of rest) await party.consent();
  await allSend(rest, 'answer');
  expect(await modelOf(attempt)).toEqual(plainModel(federation, nodesOf(rest)));
});

describe('a restart', () => {
  test.each(MESSAGES)('after some have sent %s: the attempt goes on where it was', async (message) => {
    const attempt = await begin();
    const { federation, parties } = attempt;
    for (const each of MESSAGES) {
      if (each !== message) {
        await allSend(parties.slice(0, each === 'answer' ? 5 : 7), each);
        continue;
      }
      await allSend(parties.slice(0, 3), each);
      const before = jobOf(attempt);
      await federation.reopen();
      await federation.appear();
      expect(jobOf(attempt)).toEqual(before);
      await allSend(parties.slice(0, 3), each); // whoever had no answer sends it again
      expect(jobOf(attempt)).toEqual(before);
      await allSend(parties.slice(3, each === 'answer' ? 5 : 7), each);
    }
    expect(jobOf(attempt)).toMatchObject({ phase: 'finished', attempt: 1 });
    expect(await modelOf(attempt)).toEqual(plainModel(federation, nodesOf(parties)));
  });

  test('with enough answers, and the deadline past: they are opened', async () => {
    const attempt = await begin();
    const { federation, parties } = attempt;
    await play(attempt, 'consent');
    await allSend(parties.slice(0, 4), 'answer');
    const last = parties[4] as ScriptedParty;
    federation.blobs.fault = (what) => (what === 'read' ? 'full' : undefined);
    await allSend([last], 'answer');
    expect(jobOf(attempt).phase).toBe('unmasking');
    await federation.clock.advance(25_000);
    expect(jobOf(attempt).phase).toBe('unmasking');
    await federation.reopen();
    await federation.appear();
    expect(jobOf(attempt)).toMatchObject({ phase: 'finished', attempt: 1 });
  });
});
