// covers: server/secure-attempt-view.ts, server/unmasked-sum.ts, server/round-record.ts, server/masked-update.ts, server/update-handlers.ts
/**
 * Secure attempts between a coordinator and participants that speak its routes: who drops out where, what is refused, and
 * what a restart leaves. The arithmetic without a coordinator: test/protocol/secagg.
 */
import type { TSchema } from 'typebox';
import { describe, expect, test } from 'vitest';
import { primitives } from '#primitives';
import { parse } from '../../protocol/parse.ts';
import { ROUTES } from '../../protocol/routes.ts';
import { checkRecord } from '../../protocol/secagg/record.ts';
import { JobStatus } from '../../schemas/job.ts';
import { Tasks } from '../../schemas/task.ts';
import { statusOf } from '../../server/job-view.ts';
import { type Node, nodeOf } from '../fixtures/federation.ts';
import { listeningApp } from '../fixtures/listening-app.ts';
import { CODEC, INITIAL_VALUES } from '../fixtures/manifest.ts';
import {
  type Attempt,
  begin,
  FEW,
  jobOf,
  modelOf,
  nodesOf,
  plainModel,
  play,
  SIZE,
  THRESHOLD,
} from '../fixtures/secure-federation.ts';
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
  await allSend(parties.slice(0, THRESHOLD), 'consent');
  expect(jobOf(attempt).phase).toBe('unmasking');
  await allSend(parties.slice(THRESHOLD), 'consent');
  await allSend(parties.slice(0, 3), 'answer');
  expect(jobOf(attempt).phase).toBe('unmasking');
  await allSend(parties.slice(3, THRESHOLD), 'answer');
  expect(federation.reported).toEqual([]);
  const job = jobOf(attempt);
  expect(job.phase).toBe('finished');
  expect(await modelOf(attempt)).toEqual(plainModel(federation, nodesOf(parties)));
  expect(job.history[0]).toMatchObject({
    outcome: 'released',
    updates: SIZE,
    secure: {
      suite,
      threshold: THRESHOLD,
      roster: SIZE,
      delivered: SIZE,
      survivors: SIZE,
      consents: 4,
      answers: 4,
    },
  });
});

/** The first party sends no message from this one on. */
const BOUNDARIES = [
  ['before its keys', 'advertise', { roster: 4, delivered: 4, survivors: 4 }],
  ['between keys and shares', 'share', { roster: 5, delivered: 4, survivors: 4 }],
  ['between shares and update', 'upload', { roster: 5, delivered: 5, survivors: 4 }],
  ['between update and consent', 'consent', { roster: 5, delivered: 5, survivors: 5 }],
  ['between consent and answer', 'answer', { roster: 5, delivered: 5, survivors: 5 }],
] as const;

describe.each(BOUNDARIES)('one of five drops out %s', (_, from, expected) => {
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
    const gone = parties.slice(0, 1);
    const rest = parties.slice(1);
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
    const summed = expected.survivors === SIZE ? parties : rest;
    expect(await modelOf(attempt)).toEqual(plainModel(federation, nodesOf(summed)));
    for (const party of gone) expect(await refusal(party.advertise())).toBe('jobEnded');
  });

  test('with a word: nobody waits for it', async () => {
    const attempt = await begin();
    await playWithout(attempt, 1);
    const job = jobOf(attempt);
    expect(job).toMatchObject({ phase: 'finished', attempt: 1 });
    expect(job.history[0]).toMatchObject({ declined: { nodePaused: 1 }, secure: expected });
    const summed = expected.survivors === SIZE ? attempt.parties : attempt.parties.slice(1);
    expect(await modelOf(attempt)).toEqual(plainModel(attempt.federation, nodesOf(summed)));
  });

  test('a second one voids the attempt, and nothing is opened; the next attempt has other keys', async () => {
    const attempt = await begin();
    const { signed: first } = attempt.parties[0] as ScriptedParty;
    await playWithout(attempt, 2);
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
    await allSend(parties.slice(0, 3), message);
    const { phase, secure } = jobOf(attempt);
    const at = Date.parse(secure?.signed.descriptor.deadlines[phase as 'sharing'] ?? '');
    await federation.clock.advance(at - federation.clock.now() - 1);
    expect(jobOf(attempt).attempt).toBe(1);
    await federation.clock.advance(1);
    const [summary] = jobOf(attempt).history;
    const reason = message === 'answer' ? 'unmaskingFailed' : 'cohortTooSmall';
    expect(summary, message).toMatchObject({ outcome: 'aborted', reason });
    expect(summary?.secure?.phases.at(-1)?.phase).toBe(phase);
    expect(await refusal((parties[4] as ScriptedParty)[message]())).toBe('messageLate');
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
  await allSend(rest, 'answer');
  expect(jobOf(attempt).phase).toBe('finished');
  expect(await modelOf(attempt)).toEqual(plainModel(federation, nodesOf(rest)));
});

test('as soon as size updates are in the others are dropped, and their masks opened', async () => {
  const attempt = await begin(secureJob(SIZE, { cohort: { size: 4, extra: 1, minimum: 3 } }));
  const { federation, parties } = attempt;
  await play(attempt, 'share');
  const [late, ...rest] = parties as [ScriptedParty, ...ScriptedParty[]];
  await late.mask();
  await allSend(rest, 'upload');
  expect(jobOf(attempt).phase).toBe('consenting');
  expect(await refusal(late.upload())).toBe('messageLate');
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
        await allSend(parties.slice(0, each === 'answer' ? THRESHOLD : SIZE), each);
        continue;
      }
      await allSend(parties.slice(0, 3), each);
      const before = jobOf(attempt);
      await federation.reopen();
      await federation.appear();
      expect(jobOf(attempt)).toEqual(before);
      await allSend(parties.slice(0, 3), each); // whoever had no answer sends it again
      expect(jobOf(attempt)).toEqual(before);
      await allSend(parties.slice(3, each === 'answer' ? THRESHOLD : SIZE), each);
    }
    expect(jobOf(attempt)).toMatchObject({ phase: 'finished', attempt: 1 });
    expect(await modelOf(attempt)).toEqual(plainModel(federation, nodesOf(parties)));
  });

  test('with enough answers, and the deadline past: they are opened', async () => {
    const attempt = await begin();
    const { federation, parties } = attempt;
    await play(attempt, 'consent');
    await allSend(parties.slice(0, 3), 'answer');
    const last = parties[3] as ScriptedParty;
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

describe('what is not known yet', () => {
  test('is nothing without a wait, and comes as soon as it is known with one', async () => {
    const attempt = await begin();
    const { federation, parties } = attempt;
    const [party] = parties as [ScriptedParty];
    const { params, node } = party;
    const ask = {
      advertise: (wait: string) => federation.call('getRoster', node, { params, query: { wait } }),
      share: (wait: string) => federation.call('getDelivery', node, { params, query: { wait } }),
      upload: (wait: string) => federation.call('getSurvivors', node, { params, query: { wait } }),
      consent: (wait: string) => federation.call('getCertificate', node, { params, query: { wait } }),
    };
    const isNothing = (answer: object) =>
      'length' in answer ? answer.length === 0 : Object.values(answer).every((value) => value === null);
    for (const message of ['advertise', 'share', 'upload', 'consent'] as const) {
      expect(isNothing(await ask[message]('0'))).toBe(true);
      const answer = ask[message]('30');
      await allSend(parties, message);
      expect(isNothing(await answer), message).toBe(false);
    }
  });

  test('is told to nobody outside of the cohort, and of no other attempt', async () => {
    const attempt = await begin();
    const { federation, parties } = attempt;
    const [party] = parties as [ScriptedParty];
    const stranger = await federation.enrol('stranger', 'participant');
    await play(attempt, 'advertise');
    const of = (params: ScriptedParty['params']) => ({ params, query: {} });
    const roster = (node: Node, params = party.params) =>
      refusal(federation.call('getRoster', node, of(params)));
    expect(await roster(stranger)).toBe('notInCohort');
    expect(await roster(party.node, { ...party.params, attempt: '2' })).toBe('roundUnknown');
    expect(await roster(party.node)).toBe('accepted');
  });

  test('a wait ends when the attempt does', async () => {
    const attempt = await begin();
    const { federation, parties } = attempt;
    const [party, other, third] = parties as [ScriptedParty, ScriptedParty, ScriptedParty];
    const { params, node } = party;
    const waiting = refusal(federation.call('getRoster', node, { params, query: { wait: '30' } }));
    await other.decline('nodePaused');
    await third.decline('nodePaused');
    expect(await waiting).toBe('messageLate');
  });
});

describe('answers that are wrong', () => {
  test('are found by those of others, named, and cost nothing but time', async () => {
    const attempt = await begin();
    const { federation, parties } = attempt;
    await play(attempt, 'consent');
    const [liar, ...rest] = parties as [ScriptedParty, ...ScriptedParty[]];
    await liar.putAnswer(new Uint8Array(32 * SIZE).fill(7));
    await allSend(rest.slice(0, 3), 'answer');
    expect(jobOf(attempt)).toMatchObject({ phase: 'unmasking', attempt: 1 });
    await allSend(rest.slice(3), 'answer');
    const job = jobOf(attempt);
    expect(job).toMatchObject({ phase: 'finished', attempt: 1 });
    expect(job.history[0]?.secure?.faulty).toEqual([liar.node.nodeId]);
    expect(await modelOf(attempt)).toEqual(plainModel(federation, nodesOf(parties)));
  });

  test('of too many void the attempt, once nobody is awaited', async () => {
    const attempt = await begin();
    const { parties } = attempt;
    await play(attempt, 'consent');
    for (const liar of parties.slice(0, 2))
      await liar.putAnswer(new Uint8Array(32 * SIZE).fill(liar.index + 1));
    await allSend(parties.slice(2), 'answer');
    expect(jobOf(attempt).attempt).toBe(2);
    expect(jobOf(attempt).history).toMatchObject([{ reason: 'unmaskingFailed', model: null }]);
  });
});

test('what is told is of its schema, in every phase; a recruiting job says how many a sum takes', async () => {
  const attempt = await begin(secureJob(FEW), FEW);
  const { federation, runner, parties } = attempt;
  const [{ node, params }] = parties as [ScriptedParty];
  const asTold = (schema: TSchema, value: unknown) => {
    const travelled: unknown = JSON.parse(JSON.stringify(value));
    expect(parse(schema, travelled, 'answer')).toEqual(value);
  };
  const phases: string[] = [];
  for (const message of MESSAGES) {
    phases.push(jobOf(attempt).phase);
    asTold(JobStatus, statusOf(runner, federation.coordinator));
    asTold(Tasks, { tasks: federation.tasksOf(node) });
    expect(federation.tasksOf(node)).toMatchObject([
      { type: 'train', secure: { descriptor: { attempt: 1 } } },
    ]);
    await allSend(parties, message);
    if (message === 'answer') break;
    for (const name of ['getRoster', 'getSurvivors', 'getCertificate'] as const)
      asTold(ROUTES[name].response, await federation.call(name, node, { params, query: {} }));
  }
  expect(phases).toEqual(['advertising', 'sharing', 'collecting', 'consenting', 'unmasking']);
  asTold(JobStatus, statusOf(runner, federation.coordinator));
  const record = await federation.call('getRecord', node, { params: { jobId: runner.jobId, round: '1' } });
  asTold(ROUTES.getRecord.response, record);
  const few = await begin(secureJob(SIZE), FEW);
  // A cohort of five has a threshold of four: with three a round is not begun.
  expect(statusOf(few.runner, few.federation.coordinator)).toMatchObject({
    phase: 'recruiting',
    waitingFor: 'participants: 3 live, 4 to 5 wanted',
  });
});

describe('what is left of a round', () => {
  test('a record that whoever has it can verify, and the sum that was opened', async () => {
    const attempt = await begin();
    const { federation, parties } = attempt;
    const [gone, ...rest] = parties as [ScriptedParty, ...ScriptedParty[]];
    const params = { jobId: attempt.runner.jobId, round: '1' };
    expect(await refusal(federation.call('getRecord', gone.node, { params }))).toBe('roundUnknown');
    await play(attempt, 'share');
    await gone.decline('nodePaused');
    for (const message of ['upload', 'consent', 'answer'] as const) await allSend(rest, message);
    const signed = await federation.call('getRecord', federation.researcher, { params });
    const { signer } = await nodeOf('coordinator', 'operator');
    const key = Buffer.from(signer.publicKey).toString('hex');
    const checked = await checkRecord(primitives, signed, key);
    expect([checked.delivered.length, checked.survivors.length]).toEqual([5, 4]);
    expect(signed.record.nextModel).toBe(jobOf(attempt).model);
    const sum = await federation.call('getBlob', gone.node, { params: { sha256: signed.record.sum } });
    expect(sum.length).toBe(gone.masked?.body.length ?? rest[0]?.masked?.body.length);
    expect(jobOf(attempt).history[0]?.secure).toMatchObject({ sum: signed.record.sum });
    // No update can be fetched, whoever knows its name.
    for (const { sha256 } of signed.record.updates)
      expect(await refusal(federation.call('getBlob', gone.node, { params: { sha256 } }))).toBe(
        'blobUnknown',
      );
  });

  test('a disk that is full for a while changes neither model nor sum', async () => {
    const attempt = await begin();
    const { federation, parties } = attempt;
    await play(attempt, 'consent');
    await allSend(parties.slice(0, 3), 'answer');
    let isFull = false;
    let failures = 0;
    federation.blobs.fault = (what) => {
      if (!isFull || what !== 'put') return undefined;
      failures += 1;
      return 'full';
    };
    const last = parties[3] as ScriptedParty;
    const stop = attempt.runner.watch(() => {
      isFull = attempt.runner.state.phase === 'aggregating';
    });
    await allSend([last], 'answer');
    await federation.clock.advance(2500);
    expect(jobOf(attempt).phase).toBe('aggregating');
    expect(failures).toBeGreaterThan(1);
    isFull = false;
    await federation.clock.advance(1000);
    stop();
    expect(await modelOf(attempt)).toEqual(plainModel(federation, nodesOf(parties)));
  });
});

test('over HTTP: a delivery that is not there yet is no content to keep, and one that is comes whole', async () => {
  const listening = await listeningApp({ participants: FEW });
  const { federation } = listening;
  try {
    await federation.appear();
    await federation.createJob(secureJob(FEW));
    await federation.appear();
    const parties = partiesOf(federation);
    const [party] = parties as [ScriptedParty];
    await allSend(parties, 'advertise');
    const ask = () => listening.call(party.node, 'getDelivery', { params: party.params });
    const early = await ask();
    expect([early.status, early.bytes.length, early.headers.get('cache-control')]).toEqual([
      200,
      0,
      'no-store',
    ]);
    await allSend(parties, 'share');
    const late = await ask();
    expect([late.status, late.bytes.length, late.headers.get('cache-control')]).toEqual([
      200,
      2 + 2 * 81,
      'no-store',
    ]);
    await party.mask();
    const { body, signature } = party.masked as { body: Uint8Array; signature: string };
    const params = { ...party.params, signature };
    expect((await listening.call(party.node, 'putMaskedUpdate', { params, body })).status).toBe(200);
  } finally {
    await listening.close();
  }
});

test('a masked update in chunks', async () => {
  const attempt = await begin();
  const { federation, parties } = attempt;
  await play(attempt, 'share');
  const [party, ...rest] = parties as [ScriptedParty, ...ScriptedParty[]];
  await party.mask();
  const { body, signature } = party.masked as { body: Uint8Array; signature: string };
  const { jobId, round, attempt: number } = party.task;
  const target = { type: 'update', jobId, round, attempt: number } as const;
  const open = (named: object) =>
    federation.call('openUpload', party.node, {
      body: { target: { ...target, ...named }, sha256: hashOf(body), bytes: body.length },
    });
  expect(await refusal(open({}))).toBe('updateUnsigned');
  expect(await refusal(open({ signature: '0'.repeat(128) }))).toBe('updateUnsigned');
  const { uploadId } = await open({ signature });
  await federation.call('putChunk', party.node, { params: { uploadId, offset: '0' }, body });
  const receipt = await federation.call('completeUpload', party.node, { params: { uploadId } });
  expect(receipt).toEqual({ sha256: hashOf(body), bytes: body.length });
  await allSend(rest, 'upload');
  for (const message of ['consent', 'answer'] as const) await allSend(parties.slice(0, THRESHOLD), message);
  expect(await modelOf(attempt)).toEqual(plainModel(federation, nodesOf(parties)));
});

test('two rounds, one after the other, under descriptions of their own', async () => {
  const attempt = await begin(secureJob(SIZE, { rounds: 2 }));
  const { federation } = attempt;
  const nonces = new Set<string>();
  for (const round of [1, 2]) {
    const parties = partiesOf(federation);
    expect(parties).toHaveLength(SIZE);
    for (const { signed } of parties) nonces.add(signed.descriptor.nonce);
    for (const message of MESSAGES)
      await allSend(message === 'answer' ? parties.slice(0, THRESHOLD) : parties, message);
    await federation.appear();
    expect(jobOf(attempt).history).toHaveLength(round);
  }
  expect(nonces.size).toBe(2);
  const rounds = [1, 2].map((round) =>
    federation.participants.map((node) => federation.updateOf(node, round)),
  );
  const expected = modelTwin(INITIAL_VALUES, rounds, CODEC, { type: 'fedavg', serverLearningRate: 1 });
  expect(await modelOf(attempt)).toEqual(expected);
});
