import { expect, test } from 'vitest';
import type { Description } from '../../../client/web/consent.ts';
import type { DataPreview } from '../../../client/web/data-preview.ts';
import { PageState } from '../../../client/web/page-state.ts';
import type { TabEvent } from '../../../client/web/tab-event.ts';
import type { ParticipantWorker } from '../../../client/web/worker-api.ts';
import { HanseError } from '../../../protocol/problem.ts';
import type { Egress } from '../../../schemas/egress.ts';

/** A page whose worker answers as it is told. */
function pageOf(worker: Partial<ParticipantWorker>): PageState {
  return new PageState(worker as ParticipantWorker, (called) => called);
}

/** Of which a page needs no more than its place. */
const egressOf = (round: number) => ({ jobId: 'job', round }) as Egress;
const missed = (round: number): TabEvent => {
  return { type: 'missed', jobId: 'job', round, code: 'messageLate', message: '', remedy: '' };
};

test('a question whose round has ended is taken back: nobody is to believe that it was sent', async () => {
  let observe: (event: TabEvent) => void = () => {};
  let inspect: (what: Egress) => Promise<boolean> = async () => true;
  const state = pageOf({
    participate: (_consent, ...told) => {
      [observe, inspect] = told;
      return new Promise(() => {});
    },
  });
  void state.begin({ allowPlain: true, inspectEach: true, keepModels: false });
  const first = inspect(egressOf(1));
  observe(missed(1));
  expect(state.asked.value).toBeUndefined();
  expect(await first).toBe(false);

  const second = inspect(egressOf(2));
  observe(missed(1));
  expect(state.asked.value?.what.round).toBe(2);
  state.asked.value?.answer(true);
  expect(await second).toBe(true);
});

test('a job that comes after the consent is described as it begins, once', async () => {
  let observe: (event: TabEvent) => void = () => {};
  let described = 0;
  const job = (jobId: string) => ({ jobId }) as Description['jobs'][number];
  const state = pageOf({
    describe: async () => {
      described += 1;
      if (described > 1) throw new HanseError('coordinatorUnreachable', { url: 'a', reason: 'b' });
      return { rows: 1, jobs: [job('first'), job('second')] };
    },
    participate: (_consent, told) => {
      observe = told;
      return new Promise(() => {});
    },
  });
  void state.begin({ allowPlain: true, inspectEach: false, keepModels: false });
  for (const jobId of ['first', 'second', 'third']) {
    observe({ type: 'preparing', jobId, jobName: jobId });
    await Promise.resolve();
  }
  expect(described).toBe(2);
  expect(state.description.value?.jobs.map(({ jobId }) => jobId)).toEqual(['first', 'second']);
  expect(state.problem.value).toBeUndefined();
});

test('until what is under way is done, the page says that it is ending', async () => {
  let done = () => {};
  const state = pageOf({
    pause: () =>
      new Promise<void>((resolve) => {
        done = resolve;
      }),
    leave: async () => {
      throw new HanseError('coordinatorUnreachable', { url: 'a', reason: 'b' });
    },
  });
  const pausing = state.pause();
  expect(state.isEnding.value).toBe(true);
  done();
  await pausing;
  expect(state.isEnding.value).toBe(false);
  await state.leave(false);
  expect([state.isEnding.value, state.step.value]).toEqual([false, 'join']);
});

test('other data can be chosen instead of a consent', async () => {
  const state = pageOf({
    load: async () => ({ name: 'a', rows: 1 }) as DataPreview,
    prepareEngine: async () => ({
      provider: 'wasm',
      threads: 1,
      reason: 'asked',
      warmUpMs: 1,
      selfTest: { keyStreams: [], primitives: [], suites: [] },
    }),
    describe: async () => ({ rows: 1, jobs: [] }),
  });
  await state.load({ type: 'mnistSample', rows: 10 });
  expect(state.step.value).toBe('consent');
  state.chooseAgain();
  expect(state.step.value).toBe('data');
});

const ids = { organisationId: 'a.example', federationId: 'f', role: 'participant' as const };

test('another link in the bar of addresses is the one that counts, until somebody has joined', async () => {
  const enrolled: string[] = [];
  const state = pageOf({
    resume: async () => undefined,
    readInvite: async (server) => {
      if (server === 'broken') throw new HanseError('invalidFormat', { where: 'link', expected: 'a link' });
      return { ...ids, server };
    },
    enrol: async (server, { name }) => {
      enrolled.push(server);
      return { ...ids, server, nodeId: 'n', name, keyKind: 'browser' };
    },
    leave: async () => {},
  });
  await state.start('first');
  expect(state.invite.value?.server).toBe('first');
  await state.follow('broken');
  expect(state.problem.value).toMatchObject({ code: 'invalidFormat' });
  expect(state.invite.value).toBeUndefined();
  await state.follow('second');
  expect(state.invite.value?.server).toBe('second');
  await state.enrol('tab');
  await state.follow('third');
  expect([enrolled, state.invite.value?.server, state.step.value]).toEqual([['second'], 'second', 'data']);
  await state.leave(true);
  await state.follow('third');
  expect([state.invite.value?.server, state.step.value]).toEqual(['third', 'join']);
});

test('what is stored here can be deleted as soon as it is known, readable or not', async () => {
  const forgotten: boolean[] = [];
  let resume: ParticipantWorker['resume'] = async () => undefined;
  const state = pageOf({
    resume: () => resume(),
    leave: async ({ forget }) => void forgotten.push(forget),
  });
  await state.start('');
  expect(state.isStored.value).toBe(false);
  resume = async () => ({ ...ids, server: 'a', nodeId: 'n', name: 'tab', keyKind: 'browser' });
  await state.start('');
  expect([state.isStored.value, state.step.value]).toEqual([true, 'data']);
  resume = async () => {
    throw new HanseError('identityUnreadable', { file: 'x', reason: 'y' });
  };
  await state.start('');
  expect([state.isStored.value, state.step.value]).toEqual([true, 'join']);
  await state.leave(true);
  expect([state.isStored.value, forgotten]).toEqual([false, [true]]);
});
