import { beforeEach, expect, test } from 'vitest';
import { Presence } from '../../server/presence.ts';
import { VirtualClock } from '../../sim/virtual-clock.ts';

const WINDOW_MS = 10_000;
let clock: VirtualClock;
let presence: Presence;
const never = new AbortController().signal;

beforeEach(() => {
  clock = new VirtualClock();
  presence = new Presence(clock, WINDOW_MS);
});

/** Whether a wait has ended, without waiting for it. */
function watched(wait: Promise<void>): { hasEnded: boolean } {
  const state = { hasEnded: false };
  void wait.then(() => {
    state.hasEnded = true;
  });
  return state;
}

test('a node is live from its request until the window has passed', async () => {
  expect(presence.isLive('a')).toBe(false);
  presence.saw('a');
  await clock.advance(WINDOW_MS - 1);
  expect(presence.isLive('a')).toBe(true);
  expect(presence.isLive('b')).toBe(false);
  await clock.advance(1);
  expect(presence.isLive('a')).toBe(false);
});

test('a clock that is set back by an hour keeps no node alive for an hour', () => {
  let now = 7_200_000;
  const steered = new Presence({ now: () => now, schedule: () => () => {} }, WINDOW_MS);
  steered.saw('a');
  now -= WINDOW_MS - 1;
  expect([steered.isLive('a'), steered.mayBeLive('b')]).toEqual([true, true]);
  now -= 3_600_000;
  expect([steered.isLive('a'), steered.mayBeLive('b')]).toEqual([false, false]);
  steered.saw('a');
  expect(steered.isLive('a')).toBe(true);
});

test('a node is live while a request of it waits, however long', async () => {
  const wait = watched(presence.wait('a', 60_000, never));
  await clock.advance(59_999);
  expect(presence.isLive('a')).toBe(true);
  expect(wait.hasEnded).toBe(false);
  await clock.advance(1);
  expect(wait.hasEnded).toBe(true);
  expect(presence.isLive('a')).toBe(false);
  expect(clock.pending).toBe(0);
});

test('waking ends every wait of this node and of no other', async () => {
  const [first, second, other] = ['a', 'a', 'b'].map((node) => watched(presence.wait(node, 60_000, never)));
  presence.wake('a');
  await clock.advance(0);
  expect([first?.hasEnded, second?.hasEnded, other?.hasEnded]).toEqual([true, true, false]);
  presence.wakeAll();
  await clock.advance(0);
  expect(other?.hasEnded).toBe(true);
  expect(clock.pending).toBe(0);
});

test('an aborted request waits no more; one that is aborted already does not begin to', async () => {
  const controller = new AbortController();
  const wait = watched(presence.wait('a', 60_000, controller.signal));
  await clock.advance(1000);
  expect(wait.hasEnded).toBe(false);
  controller.abort();
  await clock.advance(0);
  expect(wait.hasEnded).toBe(true);
  await presence.wait('a', 60_000, controller.signal);
  expect(presence.isLive('a')).toBe(false);
  expect(clock.pending).toBe(0);
});

test('a lost node is gone at once, unless another request of it still waits', async () => {
  presence.saw('a');
  presence.lost('a');
  expect(presence.isLive('a')).toBe(false);
  const wait = presence.wait('a', 1000, never);
  presence.saw('a');
  presence.lost('a');
  expect(presence.isLive('a')).toBe(true);
  await clock.advance(1000);
  await wait;
  expect(presence.isLive('a')).toBe(true);
});

test('after a start a node may be on its way back, until the window has passed or it was seen and lost', async () => {
  presence.saw('lost');
  presence.lost('lost');
  expect(presence.isLive('away')).toBe(false);
  expect(['away', 'lost'].map((node) => presence.mayBeLive(node))).toEqual([true, false]);
  await clock.advance(WINDOW_MS - 1);
  presence.saw('back');
  expect(['away', 'back'].map((node) => presence.mayBeLive(node))).toEqual([true, true]);
  await clock.advance(1);
  expect(['away', 'back'].map((node) => presence.mayBeLive(node))).toEqual([false, true]);
});

test('a node that is not live is expected after its last request, its enrolment or the start, for a while', async () => {
  const PERIOD_MS = 60_000;
  const start = clock.now();
  const expected = (node: string, enrolledAt = start - 1e9) =>
    presence.isExpected(node, enrolledAt, PERIOD_MS);
  presence.saw('live');
  presence.saw('broken');
  presence.lost('broken');
  expect(['live', 'broken', 'old'].map((node) => expected(node))).toEqual([false, false, true]);
  expect(expected('broken', start)).toBe(false);
  await clock.advance(WINDOW_MS);
  expect(expected('live')).toBe(true);
  await clock.advance(PERIOD_MS - WINDOW_MS - 1);
  expect(['live', 'old'].map((node) => expected(node))).toEqual([true, true]);
  await clock.advance(1);
  expect(['live', 'old'].map((node) => expected(node))).toEqual([false, false]);
  expect([start + PERIOD_MS - 1, start + 1, start].map((at) => expected('new', at))).toEqual([
    true,
    true,
    false,
  ]);
});

test('an arrival is a node that was not live, told to whoever listens', async () => {
  let arrivals = 0;
  const stop = presence.onArrival(() => {
    arrivals += 1;
  });
  presence.saw('a');
  presence.saw('a');
  presence.saw('b');
  expect(arrivals).toBe(2);
  await clock.advance(WINDOW_MS);
  presence.saw('a');
  expect(arrivals).toBe(3);
  stop();
  presence.saw('c');
  expect(arrivals).toBe(3);
});

test('a stream keeps its node live until an answer is owed for the window, and again once it is given', async () => {
  const stream = presence.open('a');
  await clock.advance(100 * WINDOW_MS);
  expect([presence.isLive('a'), stream.owedMs]).toEqual([true, 0]);
  stream.ask();
  await clock.advance(WINDOW_MS - 1);
  stream.ask();
  expect([presence.isLive('a'), stream.owedMs]).toEqual([true, WINDOW_MS - 1]);
  await clock.advance(1);
  expect(presence.isLive('a')).toBe(false);
  let arrivals = 0;
  presence.onArrival(() => {
    arrivals += 1;
  });
  presence.heard('a');
  presence.heard('without a stream');
  expect([presence.isLive('a'), stream.owedMs, arrivals]).toEqual([true, 0, 1]);
  await clock.advance(5 * WINDOW_MS);
  stream.close(false);
  await clock.advance(WINDOW_MS - 1);
  expect(presence.isLive('a')).toBe(true);
  await clock.advance(1);
  expect(presence.isLive('a')).toBe(false);
});

test('the latest stream of a node counts; the end of an older one is not that of the node', async () => {
  const first = presence.open('a');
  const wait = watched(first.wait(60_000, never));
  expect(first.isOver).toBe(false);
  const second = presence.open('a');
  await clock.advance(0);
  expect([first.isOver, second.isOver, wait.hasEnded, presence.streams]).toEqual([true, false, true, 1]);
  first.close(true);
  presence.lost('a');
  await clock.advance(WINDOW_MS);
  expect(presence.isLive('a')).toBe(true);
  second.close(true);
  expect([presence.isLive('a'), second.isOver, presence.streams]).toEqual([false, true, 0]);
  // Its node may be back at once; where it is not, a round does not wait for longer than for others.
  expect(presence.isExpected('a', 0, 60_000)).toBe(true);
  await clock.advance(60_000);
  expect(presence.isExpected('a', 0, 60_000)).toBe(false);
  presence.saw('a');
  expect(presence.isLive('a')).toBe(true);
  expect(clock.pending).toBe(0);
});

test('waiting on a stream is no request that waits; it is woken like one', async () => {
  const stream = presence.open('a');
  stream.ask();
  const wait = watched(stream.wait(60_000, never));
  await clock.advance(WINDOW_MS);
  expect([presence.isLive('a'), wait.hasEnded]).toEqual([false, false]);
  presence.wake('a');
  await clock.advance(0);
  expect(wait.hasEnded).toBe(true);
  const another = watched(stream.wait(60_000, never));
  presence.wakeAll();
  await clock.advance(0);
  expect(another.hasEnded).toBe(true);
});
