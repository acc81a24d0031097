// covers: protocol/audit/named-in.ts
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { namedIn } from '../../../../protocol/audit/named-in.ts';
import { DataSetUses } from '../../../../protocol/audit/questions/data-set-uses.ts';
import type { VerifiedEntry } from '../../../../protocol/audit/verified-entries.ts';
import type { AuditType } from '../../../../schemas/audit-event.ts';
import { asked, nodeId, PlantedEntries, sha256 } from '../../../fixtures/planted-entries.ts';

/** Types that the catalogue has not yet. */
const planted = (type: string) => type as AuditType;

function world(hasSalts = true) {
  const log = new PlantedEntries();
  log.member('a', 'clinic-a');
  log.member('b', 'clinic-b');
  const before = log.job('before', 'a');
  log.round(before, 1, ['a'], { hasSalts });
  const declared = log.add('data.declared', {
    nodeId: nodeId('a'),
    dataSets: [
      { name: 'visits', version: '1' },
      { name: 'scans', version: '7' },
    ],
  });
  const agreed = log.add(planted('agreement.concluded'), {
    ...{ agreementId: 'agr-1', provider: 'clinic-a', consumer: 'clinic-b', purpose: 'triage' },
    dataSet: { name: 'visits', version: '1' },
  });
  const job = log.job('triage', 'b');
  log.add('privacy.reserved', {
    ...{ jobId: job, unit: 'example', delta: 1e-5, mechanism: 'gaussian', epsilon: 2, stated: 2 },
  });
  log.round(job, 1, ['a', 'b'], { epsilon: 1, hasSalts });
  const model = log.round(job, 2, ['a'], { epsilon: 2, hasSalts });
  const other = log.job('other', 'b');
  log.round(other, 1, ['b'], { hasSalts });
  return { log, declared, agreed, job, other, model };
}

const tablesOf = (question: DataSetUses) =>
  Object.fromEntries(question.answer().tables.map((table) => [table.name, table.rows]));

test('tells who holds it, the jobs whose rounds its holder took part in, their models, and agreements', () => {
  const { log, declared, agreed, job, model } = world();
  const question = asked(new DataSetUses('visits'), log.entries);
  expect(question.answer()).toMatchObject({ isKnown: true, notes: [] });
  const { holders, uses, models, agreements } = tablesOf(question);
  expect(holders).toMatchObject([
    {
      cells: { node: nodeId('a'), organisation: 'clinic-a', dataSet: 'visits@1' },
      leaves: { leaves: [declared] },
    },
  ]);
  expect(uses?.map(({ cells }) => cells)).toMatchObject([
    {
      ...{ job, used: 'yes', name: 'triage', purpose: 'to learn triage', by: 'clinic-b' },
      ...{ rounds: 2, updates: 2, unit: 'example', reserved: 2, spent: 2, outcome: '2 rounds released' },
    },
  ]);
  expect(models?.map(({ cells }) => cells.model)).toEqual([sha256(`${job} 1`), model]);
  expect(agreements).toMatchObject([
    {
      cells: { agreement: 'agr-1', between: 'clinic-a clinic-b', purpose: 'triage' },
      leaves: { leaves: [agreed] },
    },
  ]);
  const behind = uses?.[0]?.leaves.leaves ?? [];
  const types = new Set(behind.map((leaf) => log.entries[leaf]?.type));
  expect(types).toEqual(
    new Set(['job.created', 'privacy.reserved', 'round.updateAccepted', 'privacy.spent']),
  );
});

test('a node that holds it no more uses it no more', () => {
  const { log, job } = world();
  const left = log.add('data.declared', { nodeId: nodeId('a'), dataSets: [{ name: 'scans', version: '7' }] });
  log.round(job, 3, ['a']);
  const { holders, uses } = tablesOf(asked(new DataSetUses('visits'), log.entries));
  expect(holders?.[0]).toMatchObject({
    cells: { until: log.entries[left]?.event.time },
    leaves: { last: left },
  });
  expect(uses?.[0]?.cells.updates).toBe(2);
  const { uses: scans } = tablesOf(asked(new DataSetUses('scans@7'), log.entries));
  expect(scans?.[0]?.cells.updates).toBe(3);
});

test('without salts all jobs with updates since are jobs that may have used it', () => {
  const { log, job, other } = world(false);
  const question = asked(new DataSetUses('visits'), log.entries);
  expect(tablesOf(question).uses?.map(({ cells: { job: id, used } }) => [id, used])).toEqual([
    [job, 'perhaps'],
    [other, 'perhaps'],
  ]);
  expect(question.answer().notes.join()).toContain('salted');
});

test('a version is asked for by its name', () => {
  const { log } = world();
  expect(asked(new DataSetUses('visits@1'), log.entries).answer().isKnown).toBe(true);
  for (const name of ['visits@2', 'visit', 'visits@'])
    expect(asked(new DataSetUses(name), log.entries).answer().isKnown).toBe(false);
});

test('what others hold under the same name is left out, if that is what was asked', () => {
  const { log, job, other } = world();
  log.add('data.declared', { nodeId: nodeId('b'), dataSets: [{ name: 'visits', version: '1' }] });
  log.round(other, 2, ['b']);
  const jobs = (organisation?: string) =>
    tablesOf(asked(new DataSetUses('visits', organisation), log.entries)).uses?.map(({ cells }) => cells.job);
  expect(jobs()).toEqual([job, other]);
  expect(jobs('clinic-a')).toEqual([job]);
  expect(jobs('clinic-b')).toEqual([other]);
});

test('of one that is not known it tells which are', () => {
  const { log } = world();
  const answer = asked(new DataSetUses('visit'), log.entries).answer();
  expect(answer.isKnown).toBe(false);
  expect(answer.tables.flatMap(({ rows }) => rows.map(({ cells }) => cells.dataSet))).toEqual([
    'visits@1',
    'scans@7',
  ]);
});

test('a job that names it has used it, whoever took part', () => {
  const log = new PlantedEntries();
  const job = log.job('named', 'a', { prov: { used: ['urn:hanse:dataset:visits'] } });
  const model = log.round(job, 1, ['a', 'b'], { hasSalts: false });
  const { uses, models } = tablesOf(asked(new DataSetUses('visits'), log.entries));
  expect(uses).toMatchObject([{ cells: { job, used: 'yes', rounds: 1, updates: 2 } }]);
  expect(models).toMatchObject([{ cells: { job, model } }]);
});

test('so has a job that names an agreement about it', () => {
  const log = new PlantedEntries();
  log.add(planted('agreement.concluded'), { agreementId: 'agr-1', dataSet: { name: 'visits' } });
  const job = log.job('agreed', 'a', { agreements: ['agr-1'] });
  log.job('other', 'a', { agreements: ['agr-2'] });
  const { uses } = tablesOf(asked(new DataSetUses('visits'), log.entries));
  expect(uses?.map(({ cells }) => cells.job)).toEqual([job]);
});

test.each([
  [{}, [], []],
  [{ dataSet: 'a' }, ['a'], []],
  [{ dataSet: { name: 'a', version: '2' }, agreementId: 'x' }, ['a@2'], ['x']],
  [{ dataSets: ['a', 'a', 7, null], agreements: ['x', { no: 'text' }] }, ['a'], ['x']],
  [{ prov: { activity: 'urn:hanse:agreement:y', used: ['urn:hanse:dataset:b', 3] } }, ['b'], ['y']],
])('%j names data sets %j and agreements %j', (data, dataSets, agreements) => {
  const { event } = new PlantedEntries().entries[0] as VerifiedEntry;
  expect(namedIn({ ...event, data })).toMatchObject({ dataSets, agreements });
});

const NODES = ['a', 'b', 'c'];
const step = fc.oneof(
  fc.record({ holder: fc.constantFrom(...NODES), holds: fc.boolean() }),
  fc.record({ job: fc.nat(2), nodes: fc.subarray(NODES, { minLength: 1 }), fails: fc.boolean() }),
);

test('is what whoever looks through all entries finds, in any world', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 14 }), (steps) => {
      const log = new PlantedEntries();
      for (const name of NODES) log.member(name, `clinic-${name}`);
      const jobs = ['x', 'y', 'z'].map((name) => ({ job: log.job(name, 'a'), round: 1, attempt: 1 }));
      // The obvious way: what is held, by name, and updates one by one.
      const holding = new Set<string>();
      const expected = new Map<string, { updates: number; rounds: Set<number>; models: string[] }>();
      for (const one of steps) {
        if ('holder' in one) {
          const dataSets = one.holds ? [{ name: 'visits', version: '1' }] : [];
          log.add('data.declared', { nodeId: nodeId(one.holder), dataSets });
          if (one.holds) holding.add(one.holder);
          else holding.delete(one.holder);
          continue;
        }
        const state = jobs[one.job] as (typeof jobs)[number];
        const model = log.round(state.job, state.round, one.nodes, {
          attempt: state.attempt,
          fails: one.fails,
        });
        const used = one.nodes.filter((name) => holding.has(name)).length;
        const of = expected.get(state.job) ?? { updates: 0, rounds: new Set(), models: [] };
        if (used > 0) {
          of.updates += used;
          of.rounds.add(state.round);
          expected.set(state.job, of);
        }
        if (!one.fails) of.models.push(model);
        if (one.fails) state.attempt += 1;
        else Object.assign(state, { round: state.round + 1, attempt: 1 });
      }
      const { uses = [], models = [] } = tablesOf(asked(new DataSetUses('visits'), log.entries));
      expect(uses.map(({ cells: { job, updates, rounds } }) => [job, updates, rounds])).toEqual(
        [...expected].map(([job, { updates, rounds }]) => [job, updates, rounds.size]),
      );
      expect(models.map(({ cells }) => cells.model).sort()).toEqual(
        [...expected.values()].flatMap((of) => of.models).sort(),
      );
    }),
    { numRuns: 60 },
  );
});
