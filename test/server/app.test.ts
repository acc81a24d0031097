import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { HanseError, type ProblemCode } from '../../protocol/problem.ts';
import { attemptParams } from '../../protocol/routes.ts';
import type { JobStatus } from '../../schemas/job.ts';
import type { Receipt, Tasks } from '../../schemas/task.ts';
import type { JobRunner } from '../../server/job-runner.ts';
import type { FederationOptions, Node, TestFederation } from '../fixtures/federation.ts';
import { type ListeningApp, listeningApp } from '../fixtures/listening-app.ts';
import { CODEC, INITIAL_MODEL } from '../fixtures/manifest.ts';
import { expectProblem, expectSuccess, send, signed } from '../fixtures/signed-client.ts';
import { hashOf, updateFile } from '../fixtures/vector-files.ts';

let listening: ListeningApp;
let federation: TestFederation;
let first: Node;
let second: Node;
let third: Node;

async function start(options: FederationOptions = {}): Promise<void> {
  listening = await listeningApp({ participants: 3, evaluators: 1, ...options });
  federation = listening.federation;
  [first, second, third] = federation.participants as [Node, Node, Node];
}

/** A job whose first round waits for the updates of all three participants. */
async function collecting(): Promise<JobRunner> {
  await federation.appear();
  const runner = await federation.createJob({ cohort: { size: 3, minimum: 2 } });
  await reached(runner, 'collecting');
  return runner;
}

/** Resolves when the job is in this phase; the time limit of the test is all that ends the wait otherwise. */
const reached = (runner: JobRunner, phase: string) => until(runner, () => runner.state.phase === phase);

const deliver = (
  node: Node,
  body: Uint8Array,
  runner: JobRunner,
  at: { round?: number; attempt?: number } = {},
) => listening.call(node, 'putUpdate', { params: attemptParams({ ...runner.state, ...at }), body });

describe('over stores in memory', () => {
  beforeEach(() => start());
  afterEach(() => listening.close());

  test('a job from upload to release, as its members see it', async () => {
    const { researcher, evaluators } = federation;
    await federation.storeContent();
    const waiting = federation.participants.map((node) =>
      listening.call(node, 'nextTasks', { query: { wait: '20' } }),
    );
    const body = federation.manifest({ evaluateEvery: 1 });
    await federation.appear(evaluators);
    const job = expectSuccess(await listening.call(researcher, 'createJob', { body })).json as JobStatus;
    const runner = federation.coordinator.job(job.jobId);
    // The long polls wake as soon as the cohort is drawn.
    for (const [i, answer] of (await Promise.all(waiting)).entries()) {
      const { tasks } = expectSuccess(answer).json as Tasks;
      expect(tasks).toMatchObject([{ type: 'train', jobId: job.jobId, round: 1, model: body.initialModel }]);
      const node = federation.participants[i] as Node;
      const update = federation.updateOf(node, 1);
      const receipt = expectSuccess(await deliver(node, update, runner)).json as Receipt;
      expect(receipt).toEqual({ sha256: hashOf(update), bytes: update.length });
    }
    await reached(runner, 'evaluating');
    const [evaluator] = evaluators as [Node];
    const { tasks } = expectSuccess(await listening.call(evaluator, 'nextTasks')).json as Tasks;
    const metrics = { loss: 0.25, accuracy: null, examples: 10 };
    const params = attemptParams({ jobId: job.jobId, round: 1, attempt: 1 });
    expectSuccess(await listening.call(evaluator, 'putEvaluation', { params, body: metrics }));
    const watched = await listening.call(researcher, 'getJob', { params: { jobId: job.jobId } });
    const status = expectSuccess(watched).json as JobStatus;
    expect(status).toMatchObject({ phase: 'finished', model: tasks[0]?.model, rounds: [{ metrics }] });
    const model = await listening.call(researcher, 'getBlob', { params: { sha256: status.model } });
    expect(hashOf(expectSuccess(model).bytes)).toBe(status.model);
    const list = expectSuccess(await listening.call(third, 'listJobs')).json;
    expect(list).toMatchObject({ jobs: [{ jobId: job.jobId, phase: 'finished', accuracy: null }] });
    expect(federation.reported).toEqual([]);
  });

  test('malformed updates are refused, and the node may still send a good one', async () => {
    const runner = await collecting();
    const good = federation.updateOf(first, 1);
    const hashed = good.slice();
    hashed[16] = 1;
    const wrong: [string, Uint8Array, ProblemCode, number][] = [
      ['too short', good.subarray(0, -4), 'invalidLength', 400],
      ['too long', new Uint8Array([...good, 0, 0, 0, 0]), 'invalidLength', 400],
      ['nothing', new Uint8Array(0), 'invalidLength', 400],
      ['a hash in the header', hashed, 'updateMalformed', 422],
      [
        'of more parameters, in as many bytes',
        updateFile([1, 1, 1, 1, 1, 1], 1, CODEC),
        'updateMalformed',
        422,
      ],
      ['of another width', updateFile([1, 1, 1, 1, 1], 1, { ...CODEC, width: 21 }), 'updateMalformed', 422],
      ['a model', INITIAL_MODEL, 'updateMalformed', 422],
    ];
    for (const [, body, code, status] of wrong)
      expectProblem(await deliver(first, body, runner), code, status);
    expect(runner.state.accepted.size).toBe(0);
    for (const [, body] of wrong)
      if (body !== INITIAL_MODEL) expect(await federation.blobs.has(hashOf(body))).toBeUndefined();
    expectSuccess(await deliver(first, good, runner));
    expect(runner.state.accepted.size).toBe(1);
  });

  test('the bytes of the model as an update are refused, and the model is still there', async () => {
    const runner = await collecting();
    const { model } = runner.state;
    expectProblem(await deliver(first, INITIAL_MODEL, runner), 'updateMalformed', 422);
    const fetched = await listening.call(second, 'getBlob', { params: { sha256: model } });
    expect(hashOf(expectSuccess(fetched).bytes)).toBe(model);
    for (const node of federation.participants)
      expectSuccess(await deliver(node, federation.updateOf(node, 1), runner));
    await reached(runner, 'finished');
  });

  test('an update without a stated length is read no further than its size', async () => {
    const runner = await collecting();
    const params = attemptParams(runner.state);
    const body = federation.updateOf(first, 1);
    async function* endless(): AsyncGenerator<Uint8Array> {
      for (;;) yield new Uint8Array(10_000);
    }
    const asked = await signed(first, federation.clock, 'putUpdate', { params, body });
    expectProblem(await send(listening.server, asked, endless()), 'invalidLength', 400);
    async function* whole(): AsyncGenerator<Uint8Array> {
      yield body.subarray(0, 10);
      yield body.subarray(10);
    }
    const again = await signed(first, federation.clock, 'putUpdate', { params, body });
    expectSuccess(await send(listening.server, again, whole()));
  });

  test('repeated is harmless, changed is a conflict, and so is declining afterwards', async () => {
    const runner = await collecting();
    const update = federation.updateOf(first, 1);
    const receipt = expectSuccess(await deliver(first, update, runner)).json;
    expect(expectSuccess(await deliver(first, update, runner)).json).toEqual(receipt);
    expectProblem(await deliver(first, federation.updateOf(first, 2), runner), 'messageConflict', 409);
    const params = attemptParams(runner.state);
    const decline = (node: Node) => listening.call(node, 'decline', { params, body: { code: 'dataEmpty' } });
    expectProblem(await decline(first), 'messageConflict', 409);
    expectSuccess(await decline(second));
    expectSuccess(await decline(second));
    expectProblem(await deliver(second, federation.updateOf(second, 1), runner), 'messageConflict', 409);
    expectSuccess(await deliver(third, federation.updateOf(third, 1), runner));
    await reached(runner, 'finished');
    expect(runner.state.history).toMatchObject([{ updates: 2, declined: { dataEmpty: 1 }, weight: 34 }]);
  });

  test('too early, too late, for another round, of no job, after the end', async () => {
    const idle = await federation.createJob();
    const update = federation.updateOf(first, 1);
    expectProblem(await deliver(first, update, idle), 'messageOutOfOrder', 409);
    const runner = await collecting();
    expectProblem(await deliver(first, update, runner, { attempt: 2 }), 'roundUnknown', 404);
    expectProblem(await deliver(first, update, runner, { round: 2 }), 'roundUnknown', 404);
    expectProblem(await deliver(first, update, runner, { round: 9_999_999 }), 'roundUnknown', 404);
    const nowhere = { jobId: 'job-0000000000000000', round: 1, attempt: 1 };
    const unknown = await listening.call(first, 'putUpdate', {
      params: attemptParams(nowhere),
      body: update,
    });
    expectProblem(unknown, 'jobUnknown', 404);
    const early = { params: attemptParams(runner.state), body: { loss: 1, accuracy: 0.5, examples: 1 } };
    expectProblem(
      await listening.call(federation.evaluators[0] as Node, 'putEvaluation', early),
      'messageOutOfOrder',
      409,
    );
    expectSuccess(await deliver(first, update, runner));

    // The deadline passes with one update: a second attempt, for which the first is too late.
    await federation.clock.advance(60_000);
    expect(runner.state.attempt).toBe(2);
    expectProblem(
      await deliver(second, federation.updateOf(second, 1), runner, { attempt: 1 }),
      'messageLate',
      409,
    );
    const { researcher } = federation;
    const { jobId } = runner;
    expectSuccess(await listening.call(researcher, 'cancelJob', { params: { jobId } }));
    expectProblem(await deliver(second, federation.updateOf(second, 1), runner), 'jobEnded', 409);
    expectProblem(await listening.call(researcher, 'cancelJob', { params: { jobId } }), 'jobEnded', 409);
  });

  test('a node outside of the cohort is refused, before and after its upload', async () => {
    await federation.appear([first, second]);
    const runner = await federation.createJob({ cohort: { size: 2, minimum: 2 } });
    await reached(runner, 'collecting');
    expectProblem(await deliver(third, federation.updateOf(third, 1), runner), 'notInCohort', 403);
    expect(await federation.blobs.has(hashOf(federation.updateOf(third, 1)))).toBeUndefined();
    const params = attemptParams(runner.state);
    const declined = await listening.call(third, 'decline', { params, body: { code: 'dataEmpty' } });
    expectProblem(declined, 'notInCohort', 403);
    expectSuccess(await deliver(first, federation.updateOf(first, 1), runner));
  });

  test('nobody can fetch an update, not even who sent it', async () => {
    const runner = await collecting();
    const update = federation.updateOf(first, 1);
    expectSuccess(await deliver(first, update, runner));
    expect(await federation.blobs.has(hashOf(update))).toBeDefined();
    const { operator, researcher, evaluators } = federation;
    for (const node of [operator, researcher, first, second, evaluators[0] as Node]) {
      const asked = await listening.call(node, 'getBlob', { params: { sha256: hashOf(update) } });
      const absent = await listening.call(node, 'getBlob', { params: { sha256: 'f'.repeat(64) } });
      const problem = expectProblem(asked, 'blobUnknown', 404);
      expect(Object.keys(problem)).toEqual(Object.keys(expectProblem(absent, 'blobUnknown', 404)));
      const { model } = runner.state;
      expectSuccess(await listening.call(node, 'getBlob', { params: { sha256: model } }));
    }
  });

  test('content that no job names cannot be fetched either', async () => {
    const content = new TextEncoder().encode('unnamed');
    const params = { sha256: hashOf(content) };
    const { researcher } = federation;
    expectSuccess(await listening.call(researcher, 'putBlob', { params, body: content }));
    expectProblem(await listening.call(researcher, 'getBlob', { params }), 'blobUnknown', 404);
    await federation.createJob({ graph: { forward: params.sha256, trainStep: params.sha256 } });
    expectSuccess(await listening.call(researcher, 'getBlob', { params }));
  });

  test('a manifest with contradictions, or with content that is not there', async () => {
    await federation.storeContent();
    const { researcher } = federation;
    const create = (overrides: Parameters<TestFederation['manifest']>[0]) =>
      listening.call(researcher, 'createJob', { body: federation.manifest(overrides) });
    const contradiction = await create({ cohort: { size: 2, minimum: 3 } });
    const problem = expectProblem(contradiction, 'manifestInvalid', 422);
    expect(problem.particulars).toMatchObject({ where: 'cohort.minimum' });
    expectProblem(await create({ initialModel: hashOf(new Uint8Array()) }), 'blobUnknown', 404);
    expectProblem(await create({ cohort: { size: 10_000, minimum: 1 } }), 'ringOverflow', 422);
    expect(federation.coordinator.jobs()).toEqual([]);
    expectSuccess(await create({}));
  });

  test('a refusal by policy is counted with its rule, and with no other text', async () => {
    const runner = await collecting();
    const params = attemptParams(runner.state);
    const decline = (node: Node, body: { code: string; reason: string }) =>
      listening.call(node, 'decline', { params, body });
    expectSuccess(await decline(first, { code: 'policyRefused', reason: 'purposes' }));
    expectSuccess(await decline(second, { code: 'policyRefused', reason: 'constructor' }));
    expect(runner.state.history).toMatchObject([
      { declined: { 'policyRefused:purposes': 1, policyRefused: 1 } },
    ]);
  });

  test('a decline whose code is the name of a member of every object', async () => {
    const runner = await collecting();
    const params = attemptParams(runner.state);
    for (const [node, code] of [
      [first, 'constructor'],
      [second, 'toString'],
    ] as const)
      expectSuccess(await listening.call(node, 'decline', { params, body: { code } }));
    const { jobId } = runner;
    const status = expectSuccess(await listening.call(third, 'getJob', { params: { jobId } })).json;
    expect(status).toMatchObject({ attempt: 2, rounds: [{ declined: { other: 2 } }] });
    const odd = await listening.call(third, 'decline', { params, body: { code: '__proto__' } });
    expectProblem(odd, 'invalidFormat', 400);
  });

  test('full storage is told, loses nothing that was acknowledged, and passes', async () => {
    const runner = await collecting();
    expectSuccess(await deliver(first, federation.updateOf(first, 1), runner));
    const { jobId } = runner;
    const look = () => listening.call(first, 'getJob', { params: { jobId } });
    const fills: [isReading: boolean, fill: () => void][] = [
      [
        true,
        () => {
          federation.blobs.fault = (what) => (what === 'put' ? 'full' : undefined);
        },
      ],
      [
        true,
        () => {
          federation.store.fault = (stream) => (stream.startsWith('job/') ? 'full' : undefined);
        },
      ],
      // What cannot be remembered as answered is not answered: it could be asked again by somebody else.
      [
        false,
        () => {
          federation.store.fault = () => 'full';
        },
      ],
    ];
    for (const [isReading, fill] of fills) {
      fill();
      expectProblem(await deliver(second, federation.updateOf(second, 1), runner), 'storageFull', 507);
      expect([...runner.state.accepted.keys()]).toEqual([first.nodeId]);
      if (isReading) expectSuccess(await look());
      else expectProblem(await look(), 'storageFull', 507);
      federation.blobs.fault = () => undefined;
      federation.store.fault = () => undefined;
    }
    expectSuccess(await look());
    expectSuccess(await deliver(second, federation.updateOf(second, 1), runner));
    expectSuccess(await deliver(third, federation.updateOf(third, 1), runner));
    await reached(runner, 'finished');
    expect(runner.state.history).toMatchObject([{ updates: 3, weight: 51 }]);
    // The operator hears of it, though not with every request.
    expect(federation.reported).toEqual([expect.objectContaining({ code: 'storageFull' })]);
    await federation.clock.advance(60_000);
    federation.store.fault = () => 'full';
    await look();
    expect(federation.reported).toHaveLength(2);
  });

  test('a model that is damaged is told by name, however large, until it has been restored', async () => {
    const runner = await collecting();
    const { model } = runner.state;
    const fetched = () => listening.call(second, 'getBlob', { params: { sha256: model } });
    const { blobs } = federation;
    const damage = () => new HanseError('storageCorrupt', { path: '/var/lib/hanse', reason: 'flipped' });
    const { read, stream, has } = blobs;
    blobs.read = () => Promise.reject(damage());
    const answer = await fetched();
    expectProblem(answer, 'storageCorrupt', 500);
    expect(new TextDecoder().decode(answer.bytes)).not.toContain('/var/lib');
    expect(federation.reported).toEqual([expect.objectContaining({ code: 'storageCorrupt' })]);

    // One that is not read as a whole breaks off at first.
    const large = (await has(model))?.size ?? 0;
    blobs.has = async (sha256) => {
      const stored = await has(sha256);
      return stored && { size: sha256 === model ? 2 ** 30 : stored.size };
    };
    blobs.stream = async function* (sha256, range) {
      yield* stream(sha256, range);
      throw damage();
    };
    await expect(fetched()).rejects.toThrow();
    expectProblem(await fetched(), 'storageCorrupt', 500);
    expect(large).toBe(INITIAL_MODEL.length);
    Object.assign(blobs, { read, stream, has });
    expect(expectSuccess(await fetched()).bytes).toEqual(new Uint8Array(INITIAL_MODEL));
  });

  test('an update that was altered on its way is not the one that was signed, whatever else it is', async () => {
    const runner = await collecting();
    const body = federation.updateOf(first, 1);
    const altered = async (change: (bytes: Uint8Array) => Uint8Array, isChunked: boolean) => {
      const params = attemptParams(runner.state);
      const asked = await signed(first, federation.clock, 'putUpdate', { params, body });
      const sent = change(body.slice());
      async function* pieces(): AsyncGenerator<Uint8Array> {
        yield sent.subarray(0, 10);
        yield sent.subarray(10);
      }
      return send(listening.server, { ...asked, body: sent }, isChunked ? pieces() : undefined);
    };
    const changes: ((bytes: Uint8Array) => Uint8Array)[] = [
      (bytes) => bytes.fill(0, 0, 4),
      (bytes) => bytes.fill(0xff, 70, 71),
      (bytes) => bytes.fill(0xff, bytes.length - 1),
    ];
    for (const change of changes)
      for (const isChunked of [false, true])
        expectProblem(await altered(change, isChunked), 'hashMismatch', 400);
    expectProblem(await altered((bytes) => bytes.subarray(0, -4), true), 'hashMismatch', 400);
    expect(runner.state.accepted.size).toBe(0);
    expectSuccess(await altered((bytes) => bytes, true));
  });

  test('of a node one update is received at a time, so that many leave nothing behind', async () => {
    const runner = await collecting();
    const content = async () => {
      const names: string[] = [];
      for await (const name of federation.blobs.list()) names.push(name);
      return names.length;
    };
    const before = await content();
    const put = federation.blobs.put.bind(federation.blobs);
    let release = () => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    federation.blobs.put = async (...args) => {
      await held;
      return put(...args);
    };
    const updates = Array.from({ length: 8 }, (_, i) => federation.updateOf(first, i + 1));
    let answered = 0;
    const sent = updates.map(async (update) => {
      const answer = await deliver(first, update, runner);
      answered += 1;
      return answer;
    });
    // All but the one that is held.
    await expect.poll(() => answered, { timeout: 20_000 }).toBe(updates.length - 1);
    release();
    const answers = await Promise.all(sent);
    const refused = answers.filter(({ status }) => status !== 200);
    expect(refused).toHaveLength(updates.length - 1);
    for (const answer of refused) expectProblem(answer, 'overloaded', 503);
    expect(await content()).toBe(before + 1);
    expect(runner.state.accepted.size).toBe(1);
    // Those who ask again hear that one was accepted.
    const late = updates.filter((_, i) => answers[i]?.status !== 200)[0] as Uint8Array;
    expectProblem(await deliver(first, late, runner), 'messageConflict', 409);
    expect(await content()).toBe(before + 1);
  });

  test('while closing: waiting requests are let go, new ones are sent away to come again', async () => {
    const waiting = listening.call(first, 'nextTasks', { query: { wait: '20' } });
    const arrived = new Promise<void>((resolve) => {
      const stop = federation.coordinator.presence.onArrival(() => {
        stop();
        resolve();
      });
    });
    await arrived;
    federation.coordinator.beginClosing();
    expect(expectSuccess(await waiting).json).toMatchObject({ tasks: [] });
    const refused = await listening.call(first, 'nextTasks');
    expectProblem(refused, 'overloaded', 503);
    expect(refused.headers.get('hanse-protocol')).toBe('1-1');
  });
});

function until(runner: JobRunner, condition: () => boolean): Promise<void> {
  return new Promise((resolve) => {
    const look = () => {
      if (!condition()) return;
      stop();
      resolve();
    };
    const stop = runner.watch(look);
    look();
  });
}
