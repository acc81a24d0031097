import { beforeAll, expect, test } from 'vitest';
import { loadCpuProvider } from '../../client/engine/cpu.ts';
import type { ExecutionProvider } from '../../client/engine/provider.ts';
import { JobCache, type KnownOfGraph } from '../../client/job-cache.ts';
import { HanseError } from '../../protocol/problem.ts';
import { countingProvider } from '../fixtures/counting-provider.ts';
import { type JobShelf, jobShelf } from '../fixtures/job-shelf.ts';
import { held, scriptedCoordinator } from '../fixtures/scripted-coordinator.ts';

const NEVER = new AbortController().signal;
let native: ExecutionProvider;
let shelf: JobShelf;

beforeAll(async () => {
  native = await loadCpuProvider({ threads: 1 });
  shelf = await jobShelf();
});

test('a job is fetched and compiled once, for rounds at the same time and one after the other', async () => {
  const { provider, sessions } = countingProvider(native);
  const cache = new JobCache(provider);
  const api = scriptedCoordinator(shelf.script);
  const [first, second] = await Promise.all([
    cache.trainer(shelf.trainTask(), api, NEVER),
    cache.trainer(shelf.trainTask({ round: 2 }), api, NEVER),
  ]);
  const third = await cache.trainer(shelf.trainTask({ round: 3 }), api, NEVER);
  expect(second.trainer).toBe(first.trainer);
  expect(third.trainer).toBe(first.trainer);
  expect(api.count('getJob')).toBe(1);
  expect(sessions.created).toBe(1);
  await cache.evaluator(shelf.evaluateTask(), api, NEVER);
  expect(api.count('getJob')).toBe(1);
  expect(sessions.created).toBe(2);
  expect(sessions.released).toBe(0);
  await cache.release();
  expect(sessions.released).toBe(2);
});

test('a failure is not kept', async () => {
  const cache = new JobCache(native);
  let isAway = true;
  const api = scriptedCoordinator({
    ...shelf.script,
    getBlob: (request, options) => {
      if (isAway) throw new HanseError('blobUnknown', request.params);
      return shelf.script.getBlob(request, options);
    },
  });
  await expect(cache.trainer(shelf.trainTask(), api, NEVER)).rejects.toMatchObject({ code: 'blobUnknown' });
  isAway = false;
  await expect(cache.trainer(shelf.trainTask(), api, NEVER)).resolves.toBeDefined();
  await cache.release();
});

test('an evaluation that cannot be loaded leaves the training loaded, and nothing when all is released', async () => {
  const { provider, sessions } = countingProvider(native);
  let isBroken = false;
  const breaking: ExecutionProvider = {
    ...provider,
    createSession: (bytes) => {
      if (isBroken) throw new HanseError('graphMalformed', { reason: 'planted' });
      return provider.createSession(bytes);
    },
  };
  const cache = new JobCache(breaking);
  const api = scriptedCoordinator(shelf.script);
  const { trainer } = await cache.trainer(shelf.trainTask(), api, NEVER);
  isBroken = true;
  await expect(cache.evaluator(shelf.evaluateTask(), api, NEVER)).rejects.toMatchObject({
    code: 'graphMalformed',
  });
  isBroken = false;
  await expect(cache.evaluator(shelf.evaluateTask(), api, NEVER)).resolves.toBeDefined();
  expect((await cache.trainer(shelf.trainTask({ round: 2 }), api, NEVER)).trainer).toBe(trainer);
  expect(sessions).toMatchObject({ created: 2, released: 0 });
  await cache.release();
  expect(sessions).toMatchObject({ created: 2, released: 2 });
});

test('four jobs stay loaded, and the one that was not used for longest is freed', async () => {
  const { provider, sessions } = countingProvider(native);
  const cache = new JobCache(provider);
  const shelves = await Promise.all([1, 2, 3, 4, 5].map((rounds) => jobShelf({ rounds })));
  const apis = shelves.map(({ script }) => scriptedCoordinator(script));
  const ask = (i: number) =>
    cache.trainer((shelves[i] as JobShelf).trainTask(), apis[i] as (typeof apis)[0], NEVER);
  const use = async (i: number) => {
    await ask(i);
    cache.done((shelves[i] as JobShelf).trainTask());
  };
  for (const i of [0, 1, 2, 3, 0]) await use(i);
  expect([sessions.created, sessions.released]).toEqual([4, 0]);
  await use(4);
  expect([sessions.created, sessions.released]).toEqual([5, 1]);
  await use(0);
  expect(apis.map((api) => api.count('getJob'))).toEqual([1, 1, 1, 1, 1]);
  await use(1);
  expect(apis.map((api) => api.count('getJob'))).toEqual([1, 2, 1, 1, 1]);
  // One that is in use is not freed, however long ago it was asked for.
  await ask(2);
  for (const i of [3, 4, 0, 1, 3]) await use(i);
  await ask(2);
  expect(apis[2]?.count('getJob')).toBe(2);
  await cache.release();
  expect(sessions.released).toBe(sessions.created);
});

test('who is not admitted fetches nothing more, and loads nothing; the memory of a step is told before it is taken', async () => {
  const { provider, sessions } = countingProvider(native);
  const cache = new JobCache(provider);
  const api = scriptedCoordinator(shelf.script);
  const refused = new HanseError('policyRefused', { rule: 'purposes', permitted: 'a', got: 'b' });
  const asked: KnownOfGraph[] = [];
  const admit = (most: number) => async (_: unknown, known: KnownOfGraph) => {
    asked.push(known);
    if ((known.stepBytes ?? 0) > most) throw refused;
  };
  const ask = (most: number) => cache.trainer(shelf.trainTask(), api, NEVER, admit(most));
  await expect(ask(-1)).rejects.toBe(refused);
  await expect(ask(-1)).rejects.toBe(refused);
  await expect(cache.evaluator(shelf.evaluateTask(), api, NEVER, admit(-1))).rejects.toBe(refused);
  expect([api.count('getJob'), api.count('getBlob'), sessions.created]).toEqual([1, 0, 0]);
  await expect(ask(1)).rejects.toBe(refused);
  expect([api.count('getBlob'), sessions.created]).toEqual([1, 0]);
  await ask(1e9);
  expect([api.count('getJob'), api.count('getBlob'), sessions.created]).toEqual([1, 1, 1]);
  expect(asked.at(-1)?.stepBytes).toBeGreaterThan(1);
  // Of the graph its operators were told before anything of it was compiled, and of a measurement too.
  expect(asked.find(({ operators }) => operators)?.stepBytes).toBeUndefined();
  expect(asked.at(-1)?.operators).toEqual(['Gemm', 'Relu']);
  await cache.release();
});

test('of two tasks that wait for one graph each is asked about its operators', async () => {
  const { provider, sessions } = countingProvider(native);
  const cache = new JobCache(provider);
  const api = scriptedCoordinator(shelf.script);
  const refused = new HanseError('policyRefused', { rule: 'operators', permitted: 'Relu', got: 'Gemm' });
  const admit = async (_: unknown, { operators }: KnownOfGraph) => {
    if (operators) throw refused;
  };
  const both = [1, 2].map(() => cache.evaluator(shelf.evaluateTask(), api, NEVER, admit));
  for (const one of await Promise.allSettled(both))
    expect(one).toEqual({ status: 'rejected', reason: refused });
  expect([api.count('getBlob'), sessions.created]).toEqual([1, 0]);
  const permitting = await cache.evaluator(shelf.evaluateTask(), api, NEVER);
  expect([permitting.job.manifest, sessions.created]).toEqual([shelf.manifest, 1]);
  await cache.release();
});

test('who gives up waiting does not end the loading for others; the release does, and leaves nothing loaded', async () => {
  const { provider, sessions } = countingProvider(native);
  const cache = new JobCache(provider);
  const gate = new AbortController();
  const api = scriptedCoordinator({
    ...shelf.script,
    getJob: async (request, options) => held(await shelf.script.getJob(request, options), gate.signal),
  });
  const impatient = new AbortController();
  const [late, patient] = [impatient.signal, NEVER].map((signal) =>
    cache.trainer(shelf.trainTask(), api, signal),
  );
  const reason = new Error('late');
  impatient.abort(reason);
  await expect(late).rejects.toBe(reason);
  gate.abort();
  await expect(patient).resolves.toBeDefined();
  expect(api.count('getJob')).toBe(1);
  await cache.release();
  expect([sessions.created, sessions.released]).toEqual([1, 1]);

  const signals: (AbortSignal | undefined)[] = [];
  const closing = new JobCache(provider);
  const holding = scriptedCoordinator({
    ...shelf.script,
    getJob: async (request, options) => {
      signals.push(options.signal);
      return held(await shelf.script.getJob(request, options), options.signal);
    },
  });
  const waiting = expect(closing.trainer(shelf.trainTask(), holding, NEVER)).rejects.toThrow('abort');
  await closing.release();
  await waiting;
  expect(signals.map((signal) => signal?.aborted)).toEqual([true]);
  expect([sessions.created, sessions.released]).toEqual([1, 1]);
});
