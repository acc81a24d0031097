// covers: protocol/audit/job-book.ts
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ModelCost } from '../../../../protocol/audit/questions/model-cost.ts';
import type { VerifiedEntry } from '../../../../protocol/audit/verified-entries.ts';
import { asked, jobId, nodeId, PlantedEntries, sha256 } from '../../../fixtures/planted-entries.ts';

const reserved = (job: string, epsilon = 1) => ({
  ...{ jobId: job, unit: 'example', delta: 1e-5, mechanism: 'discreteGaussian', epsilon, stated: epsilon },
});
const URN = 'urn:hanse:model:';

/** Round 2 has failed once; the model that is asked for is that of its second attempt. */
function world(hasSalts = true) {
  const log = new PlantedEntries();
  log.member('a', 'clinic-a');
  log.member('a2', 'clinic-a');
  log.member('b', 'clinic-b');
  const initial = sha256('initial');
  const job = log.job('triage', 'a', { prov: { used: [`${URN}${initial}`] } });
  log.add('privacy.reserved', reserved(job));
  const salts = { hasSalts };
  log.round(job, 1, ['a', 'a2', 'b'], { epsilon: 0.25, opened: 1, ...salts });
  log.round(job, 2, ['a'], { epsilon: 0.5, opened: 2, fails: true, ...salts });
  const model = log.round(job, 2, ['a', 'a2'], { attempt: 2, epsilon: 0.75, opened: 3, ...salts });
  const later = log.round(job, 3, ['b'], { epsilon: 1, opened: 4, ...salts });
  return { log, job, model, later, initial };
}

const tablesOf = (question: ModelCost) =>
  Object.fromEntries(
    question.answer().tables.map(({ name, rows }) => [name, rows.map(({ cells }) => cells)]),
  );

test('tells the job, what it had taken by then, and whose updates are in it', () => {
  const { log, job, model, initial } = world();
  const question = asked(new ModelCost(model), log.entries);
  const { made, cost, shapedBy, begun } = tablesOf(question);
  expect(question.answer()).toMatchObject({ isKnown: true, notes: [] });
  expect(made).toMatchObject([{ job, round: 2, attempt: 2, updates: 2, initialModel: initial }]);
  expect(cost).toEqual([
    {
      job,
      unit: 'example',
      mechanism: 'discreteGaussian',
      delta: 1e-5,
      reserved: 1,
      stated: 1,
      spent: 0.75,
      sums: 3,
    },
  ]);
  expect(shapedBy).toEqual([
    { job, organisation: 'clinic-a', rounds: 2, updates: 4 },
    { job, organisation: 'clinic-b', rounds: 1, updates: 1 },
  ]);
  expect(begun).toEqual([]);
});

test('without salts it tells how many updates there are, and why no more', () => {
  const { log, job, model } = world(false);
  const question = asked(new ModelCost(model), log.entries);
  expect(tablesOf(question).shapedBy).toEqual([{ job, organisation: null, rounds: 2, updates: 5 }]);
  expect(question.answer().notes.join()).toContain('salted');
});

test('of plain aggregation, what was spent stands behind the model', () => {
  const { log, job } = world();
  const of = { jobId: job, round: 4, attempt: 1 };
  const model = sha256('plain');
  log.add('round.opened', { ...of, size: 1, deadline: '2027-01-01T00:00:00.000Z' });
  log.add('round.aggregated', { ...of, model, updates: 1, weight: 1 });
  log.add('privacy.spent', { ...of, unit: 'example', delta: 1e-5, opened: 5, epsilon: 1.25 });
  const { cost, made } = tablesOf(asked(new ModelCost(model), log.entries));
  expect(cost).toMatchObject([{ spent: 1.25, sums: 5 }]);
  expect(made).toMatchObject([{ released: 'no' }]);
});

test('a job that begins with the model of another one has that one in its lineage', () => {
  const { log, model, later } = world();
  const next = log.job('screening', 'b', { prov: { used: [`${URN}${later}`] } });
  const released = log.round(next, 1, ['b']);
  expect(asked(new ModelCost(released), log.entries).lineage).toEqual([later]);
  expect(asked(new ModelCost(model), log.entries).lineage).toEqual([]);
  expect(tablesOf(asked(new ModelCost(later), log.entries)).begun).toMatchObject([{ job: next }]);
});

test('knows a model that a job begins with, and says that it cost nothing here; and no other', () => {
  const { log, initial } = world();
  const first = asked(new ModelCost(initial), log.entries).answer();
  expect(first.isKnown).toBe(true);
  expect(first.notes.join()).toContain('it has cost nothing');
  expect(asked(new ModelCost(sha256('another')), log.entries).answer().isKnown).toBe(false);
});

/** The obvious way: all entries in memory, looked through again and again. */
function twin(entries: readonly VerifiedEntry[], model: string) {
  const of = (type: string) => entries.filter((entry) => entry.type === type);
  const data = (entry: VerifiedEntry) => entry.event.data as Record<string, number | string>;
  const shaped: unknown[] = [];
  const spent: unknown[] = [];
  for (const made of of('round.aggregated').filter((entry) => data(entry).model === model)) {
    const { jobId: job, round, attempt } = data(made);
    const released = of('round.released').filter(
      (entry) => data(entry).jobId === job && entry.leaf < made.leaf,
    );
    const attempts = [...released.map(data), { round, attempt }];
    const updates = of('round.updateAccepted').filter(
      (entry) =>
        data(entry).jobId === job &&
        attempts.some((one) => one.round === data(entry).round && one.attempt === data(entry).attempt),
    );
    const organisation = (entry: VerifiedEntry) => {
      const node = entry.opened.get('/data/node');
      const member = of('member.enrolled').find((one) => data(one).nodeId === node);
      return node === undefined ? null : member ? data(member).organisationId : 'unknown';
    };
    for (const name of new Set(updates.map(organisation))) {
      const own = updates.filter((entry) => organisation(entry) === name);
      shaped.push([job, name, new Set(own.map((entry) => data(entry).round)).size, own.length]);
    }
    const spending = of('privacy.spent').filter(
      (entry) => data(entry).jobId === job && entry.leaf < made.leaf,
    );
    spent.push([job, spending.length === 0 ? null : data(spending.at(-1) as VerifiedEntry).epsilon]);
  }
  return { shaped: sorted(shaped), spent: sorted(spent) };
}

const sorted = (rows: readonly unknown[]) => rows.map((row) => JSON.stringify(row)).sort();
const NODES = ['a', 'b', 'c', 'stranger'];
const randomRound = fc.record({
  job: fc.nat(2),
  nodes: fc.subarray(NODES, { minLength: 1 }),
  fails: fc.boolean(),
  hasSalts: fc.boolean(),
});

test('is what whoever looks through all entries finds, in any world', () => {
  fc.assert(
    fc.property(fc.array(randomRound, { minLength: 1, maxLength: 12 }), fc.nat(), (rounds, pick) => {
      const log = new PlantedEntries();
      for (const name of ['a', 'b', 'c']) log.member(name, `clinic-${name === 'c' ? 'a' : name}`);
      const jobs = ['x', 'y', 'z'].map((name) => {
        const job = log.job(name, 'a');
        log.add('privacy.reserved', reserved(job));
        return { job, round: 1, attempt: 1, opened: 0 };
      });
      const models: string[] = [];
      for (const { job: at, nodes, fails, hasSalts } of rounds) {
        const state = jobs[at] as (typeof jobs)[number];
        state.opened += 1;
        const { job, round, attempt, opened } = state;
        const epsilon = opened / 100;
        const model = log.round(job, round, nodes, { attempt, opened, epsilon, fails, hasSalts });
        if (fails) state.attempt += 1;
        else Object.assign(state, { round: round + 1, attempt: 1 });
        if (!fails) models.push(model);
      }
      const model = models[pick % Math.max(1, models.length)] ?? sha256('none');
      const { shapedBy = [], cost = [] } = tablesOf(asked(new ModelCost(model), log.entries));
      const expected = twin(log.entries, model);
      expect(
        sorted(shapedBy.map(({ job, organisation, rounds: r, updates }) => [job, organisation, r, updates])),
      ).toEqual(expected.shaped);
      expect(sorted(cost.map(({ job, spent }) => [job, spent]))).toEqual(expected.spent);
    }),
    { numRuns: 60 },
  );
});

test('jobs that nobody asked about do not stay in the answer', () => {
  const { log, model } = world();
  log.job('other', 'b');
  const text = JSON.stringify(asked(new ModelCost(model), log.entries).answer());
  expect(text).not.toContain(jobId('other'));
  expect(text).not.toContain(nodeId('b'));
});
