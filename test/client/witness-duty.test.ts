import { beforeEach, expect, test } from 'vitest';
import type { CoordinatorApi } from '../../client/coordinator-api.ts';
import { WitnessDuty, type WitnessEvent } from '../../client/witness-duty.ts';
import { HanseError, type ProblemCode } from '../../protocol/problem.ts';
import type { WitnessCall } from '../../schemas/witness.ts';
import { atRest, VirtualClock } from '../../sim/virtual-clock.ts';

const refusal = (code: string) => expect.objectContaining({ code });
const FORKED = new HanseError('logForked', {
  origin: 'log',
  oldSize: 2,
  size: 1,
  evidence: ['one\n', 'two\n'],
});

let clock: VirtualClock;
let asked: string[];
/** Answers in their order; then nothing more is answered until the end. */
let calls: (WitnessCall | HanseError)[];
/** Answers whatever comes after those, each at once. */
let always: WitnessCall | undefined;
/** Of the witness, in their order; then it cosigns. */
let verdicts: HanseError[];
/** Of the coordinator, to cosignatures and to evidence. */
let refusals: HanseError[];
/** It answers neither cosignatures nor evidence. */
let isDeaf: boolean;
/** The tiles that the witness asks for never come. */
let isStuck: boolean;
/** What keeping evidence comes to. */
let full: HanseError | undefined;
let sent: unknown[];
let events: WitnessEvent[];
let kept: (readonly string[])[];
let life: AbortController;

beforeEach(() => {
  clock = new VirtualClock();
  [asked, calls, verdicts, refusals, sent, events, kept] = [[], [], [], [], [], [], []];
  life = new AbortController();
  always = undefined;
  [isDeaf, isStuck, full] = [false, false, undefined];
});

const api = {
  async call(name: string, { body }: { body?: unknown }, { signal }: { signal: AbortSignal }) {
    asked.push(name);
    if (name === 'getWitnessCheckpoint') {
      const call = calls.shift() ?? always;
      if (call instanceof HanseError) throw call;
      if (call) return call;
      await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
      throw new HanseError('coordinatorUnreachable', { url: '', reason: 'aborted' });
    }
    if (isDeaf) await new Promise(() => {});
    const refused = refusals.shift();
    if (refused) throw refused;
    sent.push(body);
    return {};
  },
} as unknown as CoordinatorApi;

function duty(): WitnessDuty {
  return new WitnessDuty({
    ...{ api, clock },
    witness: {
      async witness(note) {
        if (isStuck) await new Promise(() => {});
        const verdict = verdicts.shift();
        if (verdict) throw verdict;
        return { size: note.length, line: `cosigned ${note}\n` };
      },
    },
    evidence: {
      async keep(evidence) {
        if (full) throw full;
        kept.push(evidence);
      },
    },
    observe: (event) => events.push(event),
  });
}
const shown = (checkpoint: string): WitnessCall => ({ isWitness: true, checkpoint });
const nothing: WitnessCall = { isWitness: true };
async function lived(keeping: Promise<void>): Promise<void> {
  await atRest();
  life.abort();
  await keeping;
}

test('cosigns what it is shown, one after the other, until the node ends', async () => {
  calls = [shown('one'), shown('three')];
  await lived(duty().keep(life.signal));
  expect(sent).toEqual([{ line: 'cosigned one' }, { line: 'cosigned three' }]);
  expect(events).toEqual([3, 5].map((size) => ({ type: 'cosigned', size })));
});

test('where another checkpoint became the one to be cosigned it asks again', async () => {
  calls = [shown('one'), shown('three')];
  refusals = [new HanseError('noteUnsigned', { keys: '' })];
  const keeping = duty().keep(life.signal);
  await atRest();
  await clock.advance(1000);
  await lived(keeping);
  expect(events).toEqual([{ type: 'cosigned', size: 5 }]);
});

test('a coordinator without a log has no witnesses, and who is no member is none', async () => {
  for (const code of ['routeUnknown', 'memberRevoked', 'keyRetired', 'memberUnknown'] as const) {
    calls = [new HanseError(code as ProblemCode, {} as never), shown('one')];
    await duty().keep(life.signal);
  }
  expect(sent).toEqual([]);
});

test('what cannot be cosigned is told once, and asked for again after pauses that grow up to a minute', async () => {
  calls = Array.from({ length: 11 }, () => shown('one'));
  verdicts = Array.from(
    { length: 10 },
    () => new HanseError('identityUnreadable', { file: 'x', reason: 'y' }),
  );
  const keeping = duty().keep(life.signal);
  await atRest();
  for (const seconds of [1, 2, 4, 8, 16, 32, 60, 60, 60, 60]) {
    const left = calls.length;
    await clock.advance(1000 * seconds - 1);
    expect(calls).toHaveLength(left);
    await clock.advance(1);
    expect(calls).toHaveLength(left - 1);
  }
  await lived(keeping);
  expect(events).toEqual([
    { type: 'notCosigned', problem: refusal('identityUnreadable') },
    { type: 'cosigned', size: 3 },
  ]);
});

test('a fork that is one when looked at twice is kept, told to both sides, and ends the duty', async () => {
  calls = [shown('one')];
  verdicts = [FORKED, FORKED];
  await expect(duty().keep(life.signal)).rejects.toEqual(refusal('logForked'));
  expect(kept).toEqual([['one\n', 'two\n']]);
  expect(events).toEqual([{ type: 'logAlarm', problem: FORKED }]);
  expect(sent).toEqual([{ evidence: ['b25lCg==', 'dHdvCg=='] }]);
});

test('it ends too where the coordinator will not hear of it', async () => {
  calls = [shown('one')];
  verdicts = [FORKED, FORKED];
  refusals = [new HanseError('witnessRequestMalformed')];
  await expect(duty().keep(life.signal)).rejects.toEqual(refusal('logForked'));
  expect(kept).toHaveLength(1);
});

test('it ends too where the coordinator never answers, and where the evidence cannot be kept', async () => {
  calls = [shown('one')];
  verdicts = [FORKED, FORKED];
  isDeaf = true;
  full = new HanseError('storageFull', { path: 'x' });
  const ended = duty()
    .keep(life.signal)
    .catch((error: unknown) => error);
  await atRest();
  await clock.advance(10_000);
  expect(await Promise.race([ended, atRest().then(() => 'goes on')])).toEqual(refusal('logForked'));
  expect(asked).toEqual(['getWitnessCheckpoint', 'putWitnessEvidence']);
  expect(events).toEqual([
    { type: 'logAlarm', problem: FORKED },
    { type: 'notCosigned', problem: refusal('storageFull') },
  ]);
});

test('it ends with the node although tiles never come', async () => {
  calls = [shown('one')];
  isStuck = true;
  let isOver = false;
  const keeping = duty()
    .keep(life.signal)
    .then(() => {
      isOver = true;
    });
  await atRest();
  expect(isOver).toBe(false);
  life.abort();
  await atRest();
  expect(isOver).toBe(true);
  await keeping;
});

test('a fork that is none when looked at again was a tile that was garbled', async () => {
  calls = [shown('one')];
  verdicts = [FORKED];
  await lived(duty().keep(life.signal));
  expect([events, kept]).toEqual([[{ type: 'cosigned', size: 3 }], []]);
});

test('a log that is not shown for long, although there was something to log, raises an alarm once', async () => {
  const watch = duty();
  always = nothing;
  const keeping = watch.keep(life.signal);
  const pass = async (milliseconds: number) => {
    for (let at = 0; at < milliseconds; at += 600_000) await clock.advance(600_000);
  };
  await pass(1_800_000);
  expect(events).toEqual([]);
  watch.delivered();
  await pass(1_200_000);
  expect(events).toEqual([]);
  await pass(1_200_000);
  await pass(1_200_000);
  expect(events).toEqual([{ type: 'logAlarm', problem: refusal('logSilent') }]);
  await lived(keeping);
});

test('who is not counted on is not shown anything, and that is no alarm', async () => {
  const watch = duty();
  always = { isWitness: false };
  watch.delivered();
  const keeping = watch.keep(life.signal);
  for (let at = 0; at < 8; at += 1) await clock.advance(600_000);
  expect(events).toEqual([]);
  await lived(keeping);
});

test('an old checkpoint that is shown again and again, and a question that is never answered, are silence too', async () => {
  const pass = async (minutes: number) => {
    for (let at = 0; at < minutes; at += 1) await clock.advance(60_000);
  };
  calls = [shown('one')];
  const frozen = duty();
  const keeping = frozen.keep(life.signal);
  await atRest();
  frozen.delivered();
  await pass(40);
  life.abort();
  await keeping;
  expect(events.map(({ type }) => type)).toEqual(['cosigned', 'logAlarm']);

  for (const grows of [false, true]) {
    [events, life] = [[], new AbortController()];
    const watch = duty();
    const kept = watch.keep(life.signal);
    calls = [shown('one')];
    await clock.advance(60_000);
    watch.delivered();
    for (let at = 0; at < 40; at += 1) {
      always = shown(grows ? 'one'.repeat(at + 1) : 'one');
      await clock.advance(60_000);
    }
    life.abort();
    await kept;
    expect(events.filter(({ type }) => type === 'logAlarm')).toHaveLength(grows ? 0 : 1);
  }
});
