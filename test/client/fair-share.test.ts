import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  arrive,
  begin,
  charge,
  forgetBehind,
  NO_SHARES,
  nextTurn,
  type Shares,
} from '../../client/fair-share.ts';

interface Job {
  readonly key: string;
  readonly weight: number;
  /** Cost of a turn, in the order of its turns, then again from the first. */
  readonly costs: readonly number[];
}

/** Turns of jobs that wait all the time, or while `wants` says so; what each has had after each turn. */
function run(jobs: readonly Job[], turns: number, wants = (_: string, __: number) => true) {
  let shares: Shares = NO_SHARES;
  const used = new Map(jobs.map(({ key }) => [key, 0]));
  const order: string[] = [];
  const history: ReadonlyMap<string, number>[] = [];
  const counts = new Map<string, number>();
  for (let turn = 0; turn < turns; turn += 1) {
    const waiting = jobs.filter(({ key }) => wants(key, turn)).map(({ key }) => key);
    for (const [index, key] of waiting.entries()) shares = arrive(shares, key, waiting.slice(0, index));
    const key = nextTurn(shares, waiting);
    const job = jobs.find((one) => one.key === key);
    if (!job) continue;
    const count = counts.get(job.key) ?? 0;
    counts.set(job.key, count + 1);
    const cost = job.costs[count % job.costs.length] ?? 1;
    shares = charge(begin(shares, job.key), job.key, cost, job.weight);
    shares = forgetBehind(shares, (other) => waiting.includes(other));
    used.set(job.key, (used.get(job.key) ?? 0) + cost);
    order.push(job.key);
    history.push(new Map(used));
  }
  return { order, history, shares };
}

const job = (key: string, cost: number, weight = 1): Job => ({ key, weight, costs: [cost] });

describe('known orders', () => {
  test('alike: in turn', () => {
    expect(run([job('a', 1), job('b', 1), job('c', 1)], 6).order.join('')).toBe('abcabc');
  });
  test('turns three times as dear: a third as many', () => {
    expect(run([job('a', 3), job('b', 1)], 8).order.join('')).toBe('abbbabbb');
  });
  test('twice the weight: twice as many', () => {
    expect(run([job('a', 2, 2), job('b', 2)], 6).order.join('')).toBe('abaaba');
  });
  test('who comes late takes nothing for the time before', () => {
    const wants = (key: string, turn: number) => key === 'a' || turn >= 100;
    const { order } = run([job('a', 1), job('b', 1)], 110, wants);
    expect(order.slice(100).join('')).toMatch(/^(ab){5}$|^(ba){5}$/);
  });
  test('nobody, and one alone', () => {
    expect(nextTurn(NO_SHARES, [])).toBeUndefined();
    expect(run([job('a', 0)], 3).order.join('')).toBe('aaa');
  });
});

const jobsArbitrary = fc
  .array(
    fc.record({
      weight: fc.double({ min: 0.25, max: 4, noNaN: true }),
      costs: fc.array(fc.double({ min: 0.01, max: 100, noNaN: true }), { minLength: 1, maxLength: 4 }),
    }),
    { minLength: 2, maxLength: 6 },
  )
  .map((list) => list.map((one, index): Job => ({ ...one, key: `job-${index}` })));
const most = ({ costs, weight }: Job) => Math.max(...costs) / weight;

test('shares of jobs that wait all the time differ by one turn of each, at every moment', () => {
  fc.assert(
    fc.property(jobsArbitrary, (jobs) => {
      let beyond = Number.NEGATIVE_INFINITY;
      for (const used of run(jobs, 300).history)
        for (const a of jobs)
          for (const b of jobs) {
            const [x, y] = [a, b].map(({ key, weight }) => (used.get(key) ?? 0) / weight) as [number, number];
            beyond = Math.max(beyond, Math.abs(x - y) - (most(a) + most(b)) * (1 + 1e-9));
          }
      expect(beyond).toBeLessThanOrEqual(0);
    }),
    { numRuns: 50 },
  );
});

test('nobody starves: whoever waits has a turn before any other has had more than that bound', () => {
  const bursts = fc.array(fc.boolean(), { minLength: 1, maxLength: 20 });
  fc.assert(
    fc.property(jobsArbitrary, fc.array(bursts, { minLength: 6, maxLength: 6 }), (jobs, patterns) => {
      // The first waits all the time, the others come and go.
      const [first] = jobs as [Job];
      const wants = (key: string, turn: number) => {
        const pattern = patterns[jobs.findIndex((one) => one.key === key)] ?? [];
        return key === first.key || pattern[turn % pattern.length] === true;
      };
      const { order, history } = run(jobs, 300, wants);
      let since = new Map(jobs.map(({ key }) => [key, 0]));
      let beyond = Number.NEGATIVE_INFINITY;
      for (const [turn, key] of order.entries()) {
        const used = history[turn] as ReadonlyMap<string, number>;
        if (key === first.key) since = new Map(used);
        for (const other of jobs) {
          const had = ((used.get(other.key) ?? 0) - (since.get(other.key) ?? 0)) / other.weight;
          beyond = Math.max(beyond, had - (most(first) + 2 * most(other)) * (1 + 1e-9));
        }
      }
      expect(beyond).toBeLessThanOrEqual(0);
    }),
    { numRuns: 50 },
  );
});

test('however many come, each for one turn, nobody who waits is passed over', () => {
  const crowd = Array.from({ length: 400 }, (_, index) => job(`new-${index}`, 1));
  // Two of them at every turn, who were never seen before.
  const wants = (key: string, turn: number) =>
    key === 'first' || Math.floor(Number(key.slice(4)) / 2) === turn;
  const { order } = run([job('first', 1), ...crowd], 200, wants);
  expect(order.filter((key) => key === 'first').length).toBeGreaterThan(40);
});

test('what is remembered stays small', () => {
  const jobs = Array.from({ length: 200 }, (_, index) => job(`job-${index}`, 1));
  const wants = (key: string, turn: number) => key === `job-${turn}`;
  expect(run(jobs, 200, wants).shares.tags.size).toBeLessThanOrEqual(66);
});
