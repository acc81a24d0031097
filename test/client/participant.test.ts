// covers: client/perform-task.ts
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { loadCpuProvider } from '../../client/engine/cpu.ts';
import type { ExecutionProvider } from '../../client/engine/provider.ts';
import { EngineTurns } from '../../client/engine-turns.ts';
import { JobCache } from '../../client/job-cache.ts';
import { NodeLedger } from '../../client/node-ledger.ts';
import type { ParticipantOptions } from '../../client/participant.ts';
import type { ParticipantEvent } from '../../client/participant-event.ts';
import { PolicyGate } from '../../client/policy-gate.ts';
import { FIRST_LINE_MS } from '../../client/task-feed.ts';
import { HanseError, type ProblemCode } from '../../protocol/problem.ts';
import { seededRandom } from '../../protocol/random.ts';
import type { NodePolicy } from '../../schemas/node-policy.ts';
import type { Task } from '../../schemas/task.ts';
import { VirtualClock } from '../../sim/virtual-clock.ts';
import { countingProvider, type SessionCount } from '../fixtures/counting-provider.ts';
import { TERMS } from '../fixtures/data-terms.ts';
import { HastyClock } from '../fixtures/hasty-clock.ts';
import { type JobShelf, jobShelf } from '../fixtures/job-shelf.ts';
import { type Life, liveOn } from '../fixtures/offered-tasks.ts';
import { setsOf } from '../fixtures/participant-equipment.ts';
import { held, type Script } from '../fixtures/scripted-coordinator.ts';
import { clouds, smallPlan } from '../fixtures/small-job.ts';
import { hashOf } from '../fixtures/vector-files.ts';

const START = Date.parse('2026-01-01T12:00:00.000Z');

let shelf: JobShelf;
let clock: HastyClock;
let provider: ExecutionProvider;
let sessions: SessionCount;
let beforeRun: () => Promise<void> | void;
let jobs: JobCache;

beforeEach(async () => {
  shelf ??= await jobShelf();
  clock = new HastyClock(FIRST_LINE_MS - 1, START);
  beforeRun = () => {};
  ({ provider, sessions } = countingProvider(await loadCpuProvider({ threads: 1 }), () => beforeRun()));
  jobs = new JobCache(provider);
});

afterEach(() => jobs.release());

const gateOf = (policy: NodePolicy, isPaused = false) =>
  new PolicyGate(
    { policy, limits: {}, clock, ledger: new NodeLedger(), directory: () => undefined },
    isPaused,
  );

const live = (offers: readonly Task[][], script: Script = {}, options: Partial<ParticipantOptions> = {}) =>
  liveOn({ shelf, provider, jobs, clock }, offers, script, options);

/** More steps than one run of the trainer takes. */
const longJob = () => jobShelf({ training: { ...shelf.manifest.training, epochs: 200 } });
const typesOf = (events: readonly ParticipantEvent[]) => events.map(({ type }) => type);
const refusal = (code: 'messageLate' | 'memberUnknown' | 'internalError') => {
  switch (code) {
    case 'messageLate':
      return new HanseError(code, { phase: 'collecting' });
    case 'internalError':
      return new HanseError(code, { reference: 'x' });
    default:
      return new HanseError(code);
  }
};

test('says what it can do, asks, trains, delivers, and asks again', async () => {
  const { api, events, ended } = live([[], [shelf.trainTask()], [shelf.trainTask({ round: 2 })]]);
  await ended;
  expect(typesOf(events)).toEqual([
    'ready',
    ...['preparing', 'training', 'contributed'],
    ...['preparing', 'training', 'contributed'],
  ]);
  expect(api.calls[0]).toMatchObject({
    name: 'reportCapabilities',
    request: { body: { provider: 'cpu', dataSets: [{ name: 'clouds 2', version: '1', inputShape: [4] }] } },
  });
  expect(api.calls[1]).toMatchObject({ name: 'nextTasks', request: { query: { wait: '20' } } });
  expect([api.count('nextTasks'), api.count('putUpdate'), api.count('decline')]).toEqual([4, 2, 0]);
  expect(sessions.created).toBe(1);
  await jobs.release();
  expect(sessions.released).toBe(1);
});

test('writes down what a job has taken', async () => {
  const ledger = new NodeLedger();
  const { api, ended } = live([[shelf.trainTask()], [shelf.trainTask({ round: 2 })]], {}, { ledger });
  await ended;
  const [update] = api.calls.filter(({ name }) => name === 'putUpdate');
  const { length: bytes } = (update as { request: { body: Uint8Array } }).request.body;
  expect(ledger.of(shelf.trainTask().jobId)).toMatchObject({ rounds: 2, bytesUp: 2 * bytes });
  expect(ledger.of(shelf.trainTask().jobId).steps).toBeGreaterThan(1);
});

test('a report of what was measured that is held up holds up no round', async () => {
  const ledger = new NodeLedger();
  // The clock of these tests stands still while a node trains.
  ledger.add(shelf.trainTask().jobId, 'small', { milliseconds: 100, steps: 1 });
  let reports = 0;
  let updates = 0;
  let release = () => {};
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  const { ended } = live(
    [[shelf.trainTask()], [shelf.trainTask({ round: 2 })]],
    {
      reportCapabilities: async () => {
        reports += 1;
        if (reports > 1) await held;
        return {};
      },
      putUpdate: ({ body }) => {
        updates += 1;
        if (updates === 2) release();
        return { sha256: hashOf(body), bytes: body.length };
      },
    },
    { ledger },
  );
  await ended;
  expect(updates).toBe(2);
  expect(reports).toBeGreaterThan(1);
});

test('paused, it asks for nothing; what it had begun it brings to its end', async () => {
  const gate = gateOf({ allowPlainAggregation: true }, true);
  const events: ParticipantEvent[] = [];
  const asked: number[] = [];
  const { api, ended } = live(
    [[shelf.trainTask()], [shelf.trainTask({ round: 2 })]],
    {
      putUpdate: ({ body }) => {
        if (asked.length === 1) gate.setPaused(true);
        return { sha256: hashOf(body), bytes: body.length };
      },
    },
    {
      gate,
      observe: (event) => {
        events.push(event);
        if (event.type !== 'waiting') return;
        asked.push(api.count('nextTasks'));
        setImmediate(() => gate.setPaused(false));
      },
    },
  );
  await ended;
  expect(typesOf(events)).toEqual([
    ...['waiting', 'ready', 'preparing', 'training', 'contributed'],
    ...['waiting', 'ready', 'preparing', 'training', 'contributed'],
  ]);
  expect(asked).toEqual([0, 1]);
});

test('leaving, it declines what is under way, so that no round waits for it, and ends', async () => {
  const slow = await longJob();
  const leaving = new AbortController();
  beforeRun = () => leaving.abort();
  const { api, events, ended } = live([[slow.trainTask()], [], []], slow.script, { leaving: leaving.signal });
  await ended;
  expect(api.calls.at(-1)).toMatchObject({ name: 'decline', request: { body: { code: 'nodePaused' } } });
  expect(typesOf(events)).toEqual(['ready', 'preparing', 'training', 'declined']);
  expect([api.count('nextTasks'), api.count('putUpdate')]).toEqual([1, 0]);
});

test('what ends the membership while the node is closing is told all the same', async () => {
  const gate = gateOf({ allowPlainAggregation: true });
  const { ended } = live(
    [[shelf.trainTask()], []],
    {
      putUpdate: () => {
        gate.setPaused(true);
        throw refusal('memberUnknown');
      },
    },
    { gate },
  );
  await expect(ended).rejects.toMatchObject({ code: 'memberUnknown' });
});

test('an evaluator delivers metrics, and never an update', async () => {
  const { api, events, ended } = live([[shelf.evaluateTask()]], {}, { role: 'evaluator' });
  await ended;
  expect(typesOf(events)).toEqual(['ready', 'preparing', 'evaluated']);
  expect(api.calls.at(-2)).toMatchObject({
    name: 'putEvaluation',
    request: { body: { examples: 12, loss: expect.any(Number), accuracy: expect.any(Number) } },
  });
  expect(api.count('putUpdate')).toBe(0);
});

test('does a task once, however often it is offered, and waits when there is nothing else', async () => {
  const task = shelf.trainTask();
  const other = shelf.trainTask({ attempt: 2 });
  const { api, ended } = live([[task], [task], [task], [task, other]]);
  await ended;
  expect(api.count('putUpdate')).toBe(2);
  expect(clock.pauses).toEqual([1000, 1000]);
});

test('two jobs are under way side by side: the short one does not wait for the end of the long one', async () => {
  const [long, short] = await Promise.all([longJob(), jobShelf({ rounds: 7 })]);
  const tasks = [long.trainTask({ jobId: 'job-00000000000000aa' }), short.trainTask()];
  const turns = new EngineTurns({ now: () => performance.now(), soon: setImmediate });
  const shared = new JobCache(provider, turns);
  // The first run of the long job ends when the short one waits for its turn.
  const take = vi.spyOn(turns, 'take');
  const isWaiting = () => take.mock.calls.some(([key]) => key === short.manifestSha256);
  beforeRun = async () => {
    while (!isWaiting()) await new Promise(setImmediate);
  };
  let [asked, delivered] = [0, 0];
  const shelfOf = (isShort: boolean) => (isShort ? short : long).script;
  const life: Life = live(
    [],
    {
      getJob: (request, options) =>
        shelfOf(request.params.jobId === tasks[1]?.jobId).getJob(request, options),
      getBlob: (request, options) =>
        shelfOf(short.blobs.some(({ sha256 }) => sha256 === request.params.sha256)).getBlob(request, options),
      nextTasks: (_, { signal }) => {
        asked += 1;
        return asked === 1 ? { tasks } : held({ tasks: [] }, signal);
      },
      putUpdate: ({ body }) => {
        delivered += 1;
        if (delivered === 2) setImmediate(() => life.stop());
        return { sha256: hashOf(body), bytes: body.length };
      },
    },
    { jobs: shared, turns, atOnce: 2 },
  );
  await life.ended;
  const done = life.events.filter(({ type }) => type === 'contributed');
  expect(done.map((event) => 'task' in event && event.task.jobId)).toEqual(
    [short, long].map((_, i) => tasks[1 - i]?.jobId),
  );
  await shared.release();
});

test('does a task again that was gone in between: the round was opened anew', async () => {
  const task = shelf.trainTask();
  const { api, ended } = live([[task], [], [task]]);
  await ended;
  expect(api.count('putUpdate')).toBe(2);
});

describe('what cannot be done is declined once, by its code', () => {
  const declined = async (code: ProblemCode, options: Partial<ParticipantOptions>, script: Script = {}) => {
    const task = shelf.trainTask();
    const { api, events, ended } = live([[task], [task], []], script, options);
    await ended;
    const declines = api.calls.filter(({ name }) => name === 'decline');
    expect(declines).toEqual([
      {
        name: 'decline',
        request: { params: { jobId: task.jobId, round: '1', attempt: '1' }, body: { code } },
      },
    ]);
    const told = events.filter(({ type }) => type === 'declined');
    expect(told).toMatchObject([{ problem: { code } }]);
    expect(api.count('putUpdate')).toBe(0);
    return told;
  };
  const good = clouds(12);

  test('data that do not fit', async () => {
    await declined('dataShapeMismatch', { dataSets: setsOf({ ...good, inputShape: [3] }) });
    const single = { ...good, targets: new Int32Array(12) };
    await declined('dataSingleClass', { dataSets: setsOf(single) });
    const { api, ended } = live([[shelf.trainTask()]], {}, { dataSets: setsOf(single, true) });
    await ended;
    expect([api.count('decline'), api.count('putUpdate')]).toEqual([0, 1]);
  });

  test('data that may be used no more', async () => {
    const setUntil = (retention: string) =>
      setsOf(good).map((set) => ({ ...set, terms: { ...TERMS, retention } }));
    await declined('dataRetentionPassed', { dataSets: setUntil('2025-12-31') });
    await declined('dataWithdrawn', { withdrawals: { isReplaced: async () => true } });
    const dataSets = setUntil('2026-01-01');
    const { api, ended } = live(
      [[shelf.trainTask()]],
      {},
      { dataSets, withdrawals: { isReplaced: async () => false } },
    );
    await ended;
    expect(api.count('putUpdate')).toBe(1);
    expect(api.calls[0]).toMatchObject({
      request: { body: { dataSets: [{ terms: { retention: '2026-01-01' } }] } },
    });
  });

  test('data whose retention ends while they are waited for, too', async () => {
    const dataSets = setsOf(good).map((set) => ({ ...set, terms: { ...TERMS, retention: '2026-01-01' } }));
    const slow = new VirtualClock(Date.parse('2026-01-01T23:59:59.000Z'));
    const gate = gateOf({ allowPlainAggregation: true });
    const admit = gate.admit.bind(gate);
    let asked = 0;
    vi.spyOn(gate, 'admit').mockImplementation(async (...given) => {
      asked += 1;
      if (asked === 2) await slow.advance(1000);
      return admit(...given);
    });
    const task = shelf.trainTask({ deadline: '2026-01-02T12:00:00.000Z' });
    const { api, ended } = live([[task]], {}, { dataSets, gate, clock: slow });
    await ended;
    expect(api.calls.filter(({ name }) => name === 'decline')).toMatchObject([
      { request: { body: { code: 'dataRetentionPassed' } } },
    ]);
  });

  test('what the owner does not permit, by the name of the rule, before a row is read', async () => {
    const task = shelf.trainTask();
    const gate = gateOf({ allowPlainAggregation: true, purposes: ['something else'] });
    // An empty data set would be declined as such, if anybody looked.
    const dataSets = setsOf({ ...good, count: 0 });
    const { api, events, ended } = live([[task], [task], []], {}, { gate, dataSets });
    await ended;
    expect(api.calls.filter(({ name }) => name === 'decline')).toMatchObject([
      { request: { body: { code: 'policyRefused', reason: 'purposes' } } },
    ]);
    const told = events.filter(({ type }) => type === 'declined');
    expect(told).toMatchObject([{ problem: { detail: { permitted: 'something else' } } }]);
    expect(api.count('getBlob')).toBe(0);
  });

  test('training that diverges', async () => {
    await declined('trainingDiverged', {
      dataSets: setsOf({ ...good, features: good.features.map((x) => x * 1e38) }),
    });
  });

  test('content that is not what it was announced to be', async () => {
    await declined('hashMismatch', {}, { getBlob: () => new Uint8Array(10) });
  });

  test('what nobody foresaw, without its words', async () => {
    const bug = new Error('the seed is 42');
    const events = await declined('internalError', { randomFor: () => Promise.reject(bug) });
    // The owner of the node finds it in the cause, and nowhere else.
    const [{ problem }] = events as unknown as [{ problem: HanseError }];
    expect(problem.cause).toBe(bug);
    expect(JSON.stringify(problem.detail) + problem.message).not.toContain('42');
  });

  test('a measurement, by an evaluator whose data do not fit', async () => {
    const options = { role: 'evaluator', dataSets: setsOf({ ...good, inputShape: [3] }) } as const;
    const { api, events, ended } = live([[shelf.evaluateTask()]], {}, options);
    await ended;
    expect(typesOf(events)).toEqual(['ready', 'preparing', 'declined']);
    expect(api.count('decline')).toBe(1);
  });

  test('a round that went on before the refusal arrived does no harm', async () => {
    const decline = () => {
      throw refusal('messageLate');
    };
    const options = { dataSets: setsOf({ ...good, inputShape: [3] }) };
    const { api, events, ended } = live([[shelf.trainTask()], []], { decline }, options);
    await ended;
    expect(typesOf(events)).toEqual(['ready', 'preparing', 'declined']);
    expect(api.count('nextTasks')).toBe(3);
  });
});

test('a round that ended first is missed, not declined, and the next one is done', async () => {
  const { api, events, ended } = live([[shelf.trainTask()], [shelf.trainTask({ round: 2 })]], {
    putUpdate: ({ params, body }) => {
      if (params.round === '1') throw refusal('messageLate');
      return { sha256: hashOf(body), bytes: body.length };
    },
  });
  await ended;
  expect(typesOf(events).filter((type) => type !== 'preparing' && type !== 'training')).toEqual([
    'ready',
    'missed',
    'contributed',
  ]);
  expect(api.count('decline')).toBe(0);
});

test('a deadline that passes while training ends the training', async () => {
  const slow = new VirtualClock(START);
  beforeRun = () => slow.advance(60_000);
  const long = await longJob();
  const late = live([[long.trainTask()]], long.script, { clock: slow });
  await late.ended;
  expect(late.events.at(-1)).toMatchObject({ type: 'missed', problem: { code: 'messageLate' } });
  expect([late.api.count('putUpdate'), late.api.count('decline')]).toEqual([0, 0]);

  const inTime = live([[shelf.trainTask({ deadline: '2026-01-01T14:00:00.000Z' })]], {}, { clock: slow });
  await inTime.ended;
  expect(inTime.api.count('putUpdate')).toBe(1);
});

test('the deadline also ends waiting for content', async () => {
  const slow = new VirtualClock(START);
  const getBlob: Script['getBlob'] = () => {
    setImmediate(() => slow.advance(60_000));
    return new Promise(() => {});
  };
  const life = live([[shelf.trainTask()]], { getBlob }, { clock: slow });
  await life.ended;
  expect(life.events.at(-1)).toMatchObject({ type: 'missed', problem: { code: 'messageLate' } });
  expect(life.api.count('decline')).toBe(0);
});

test('an owner who stops in the middle of training leaves nothing behind', async () => {
  let life: Life | undefined;
  beforeRun = () => life?.stop();
  const long = await longJob();
  life = live([[long.trainTask()], [long.trainTask({ round: 2 })]], long.script);
  await expect(life.ended).resolves.toBeUndefined();
  expect(typesOf(life.events)).toEqual(['ready', 'preparing', 'training']);
  expect([life.api.count('putUpdate'), life.api.count('decline')]).toEqual([0, 0]);
  await jobs.release();
  expect(sessions.released).toBe(sessions.created);
});

test('an owner who stops while the node waits for work ends it at once', async () => {
  const life = live([], { nextTasks: (_request, { signal }) => held({ tasks: [] }, signal) });
  await Promise.resolve();
  life.stop();
  await expect(life.ended).resolves.toBeUndefined();
});

test.each(['nextTasks', 'putUpdate', 'reportCapabilities'] as const)(
  'the end of the membership, told by %s, ends the life of the node',
  async (route) => {
    const refuse = () => {
      throw refusal('memberUnknown');
    };
    const offers = [[shelf.trainTask()], [shelf.trainTask({ round: 2 })]];
    const { api, ended } = live(offers, { [route]: refuse });
    await expect(ended).rejects.toMatchObject({ code: 'memberUnknown' });
    expect([api.count(route), api.count('decline')]).toEqual([1, 0]);
    await expect(live(offers).ended).resolves.toBeUndefined();
  },
);

test('any other refusal of an update is told and survived', async () => {
  const putUpdate = () => {
    throw refusal('internalError');
  };
  const { api, events, ended } = live([[shelf.trainTask()], [shelf.trainTask({ round: 2 })]], { putUpdate });
  await ended;
  expect(typesOf(events).filter((type) => type === 'declined')).toHaveLength(2);
  expect(api.count('decline')).toBe(2);
});

test('lots and noise come from the CSPRNG, whatever seed a node was given; an experiment alone draws them from it', async () => {
  const { training } = smallPlan();
  const promise = { unit: 'example', noise: 'discreteGaussian', epsilon: 8, delta: 1e-5, rate: 0.5 } as const;
  const steps = { ...training, learningRate: 1, epochs: 1 };
  const own = await jobShelf({ training: steps, clipNorm: 1, privacy: promise });
  const sent = async (noiseFromSeed: boolean) => {
    const hashes: string[] = [];
    const putUpdate: Script['putUpdate'] = ({ body }) => {
      hashes.push(hashOf(body));
      return { sha256: hashOf(body), bytes: body.length };
    };
    const randomFor = async () => seededRandom(new Uint8Array(32).fill(7));
    const options = { randomFor, ...(noiseFromSeed && { noiseFromSeed }) };
    await live([[own.trainTask()], []], { ...own.script, putUpdate }, options).ended;
    expect(hashes).toHaveLength(1);
    return hashes[0];
  };
  expect(await sent(true)).toBe(await sent(true));
  expect(await sent(false)).not.toBe(await sent(false));
});
