import { expect, test } from 'vitest';
import { EgressWatch } from '../../client/egress-watch.ts';
import type { ParticipantEvent } from '../../client/participant-event.ts';
import { parse } from '../../protocol/parse.ts';
import { HanseError } from '../../protocol/problem.ts';
import { EgressReport } from '../../schemas/egress.ts';
import { VirtualClock } from '../../sim/virtual-clock.ts';
import { smallEgress } from '../fixtures/small-egress.ts';

const HOUR = 3_600_000;
const receipt = { sha256: 'ab'.repeat(32), bytes: 72 };
const taskOf = (round: number, jobId = smallEgress().jobId) => ({ jobId, round, attempt: 1 });
const contributed = (round: number, jobId?: string) =>
  ({ type: 'contributed', task: taskOf(round, jobId), report: { receipt } }) as unknown as ParticipantEvent;
const ended = (type: 'missed' | 'declined', round: number) =>
  ({ type, task: taskOf(round), problem: new HanseError('overloaded') }) as unknown as ParticipantEvent;

test('it watches for an hour after each question, or always', async () => {
  const clock = new VirtualClock();
  const watch = new EgressWatch(clock);
  expect(watch.isWatching()).toBe(false);
  expect(parse(EgressReport, watch.ask(), 'report')).toEqual({
    watchedUntil: new Date(clock.now() + HOUR).toISOString(),
    last: null,
    unwatched: 0,
  });
  await clock.advance(HOUR - 1);
  expect(watch.isWatching()).toBe(true);
  watch.ask();
  await clock.advance(HOUR - 1);
  expect(watch.isWatching()).toBe(true);
  await clock.advance(1);
  expect(watch.isWatching()).toBe(false);

  const always = new EgressWatch(clock, { isAlways: true });
  expect(always.isWatching()).toBe(true);
  expect(always.ask().watchedUntil).toBe(null);
});

test('an update has left once its task has ended: each by itself, with its receipt or without', async () => {
  const clock = new VirtualClock();
  const watch = new EgressWatch(clock);
  const other = smallEgress({ jobId: 'job-fedcba9876543210', bytes: 72 });
  await watch.inspect(smallEgress());
  await watch.inspect(other);
  expect(watch.ask().last).toBe(null);
  watch.observe(contributed(1, other.jobId));
  expect(watch.ask().last).toEqual({ egress: other, at: new Date(clock.now()).toISOString(), receipt });
  await clock.advance(1000);
  watch.observe(ended('missed', 1));
  expect(parse(EgressReport, watch.ask(), 'report').last).toEqual({
    egress: smallEgress(),
    at: new Date(clock.now()).toISOString(),
    receipt: null,
  });
  await watch.inspect(smallEgress({ round: 2 }));
  watch.observe(ended('declined', 2));
  expect(watch.ask().last).toMatchObject({ egress: { round: 2 }, receipt: null });
});

test('what was delivered while nobody looked is counted, until the next that is seen', async () => {
  const watch = new EgressWatch(new VirtualClock());
  watch.observe(contributed(1));
  watch.observe(ended('missed', 2)); // may never have got as far as an update
  watch.observe({ type: 'ready' });
  expect(watch.ask()).toMatchObject({ last: null, unwatched: 1 });
  await watch.inspect(smallEgress({ round: 3 }));
  watch.observe(contributed(3));
  expect(watch.ask()).toMatchObject({ last: { egress: { round: 3 } }, unwatched: 0 });
  watch.observe(contributed(4));
  expect(watch.ask()).toMatchObject({ last: { egress: { round: 3 } }, unwatched: 1 });
});
