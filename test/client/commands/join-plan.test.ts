// covers: client/commands/data-options.ts
/** What a command line, or a configuration file, asks of `hanse join`. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { columnsOf } from '../../../client/commands/data-options.ts';
import { loadDataSets, planJoin } from '../../../client/commands/join-plan.ts';
import { TERMS_YAML } from '../../fixtures/data-terms.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hanse-join-plan-'));
  await writeFile(at('table.csv'), 'y,a,b\nn,1,2\np,3,4\n');
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const at = (name: string) => join(folder, name);

test('a node takes part in plain jobs if its command line or its file says so, and the two are not mixed', async () => {
  const options = { identity: 'x', name: 'n', provider: 'auto', threads: 1, dataSetVersion: '1' } as const;
  const given = { ...options, data: 'mnist:test' };
  expect((await planJoin(given, options)).policy).toEqual({});
  expect((await planJoin({ ...given, allowPlain: true }, options)).policy).toEqual({
    allowPlainAggregation: true,
  });
  const columns = 'columns: { features: [a, b], target: y, classes: [n, p] }';
  const data = `data: [{ name: p, version: "1", ${TERMS_YAML}, source: "csv:table.csv", ${columns} }]`;
  const config = at('plain.yaml');
  await writeFile(config, `identity: plain.json\npolicy: { allowPlainAggregation: true }\n${data}\n`);
  expect((await planJoin({ ...options, config }, options)).policy).toEqual({ allowPlainAggregation: true });
  await expect(planJoin({ ...options, config, allowPlain: true }, options)).rejects.toMatchObject({
    code: 'usage',
    detail: { reason: expect.stringContaining('allowPlainAggregation') },
  });
});

test('a privacy budget is one of the data set, whether the command line or the file says it', async () => {
  const options = { identity: 'x', name: 'n', provider: 'auto', threads: 1, dataSetVersion: '1' } as const;
  const given = { ...options, data: 'mnist:test' };
  const budgetOf = async (more: object) =>
    (await planJoin({ ...given, ...more }, options)).sources[0]?.budget;
  expect(await budgetOf({})).toBeUndefined();
  expect(await budgetOf({ privacyBudget: '8, 1e-6' })).toEqual({ epsilon: 8, delta: 1e-6 });
  expect(await budgetOf({ privacyBudget: '0.5,1e-6', privacyUnit: 'person' })).toEqual({
    epsilon: 0.5,
    delta: 1e-6,
    unit: 'person',
  });
  for (const privacyBudget of [
    '8',
    '8,',
    '0,1e-6',
    '-1,1e-6',
    '8,0',
    '8,1',
    'x,1e-6',
    '8,1e-6,2',
    'Infinity,1e-6',
  ])
    await expect(budgetOf({ privacyBudget }), privacyBudget).rejects.toMatchObject({ code: 'usage' });
  await expect(budgetOf({ privacyUnit: 'person' })).rejects.toMatchObject({ code: 'usage' });
  const columns = 'columns: { features: [a, b], target: y, classes: [n, p] }';
  const budget = 'privacy: { budget: { epsilon: 2, delta: 1.0e-3, unit: person } }';
  const config = at('budget.yaml');
  await writeFile(
    config,
    `identity: budget.json\ndata: [{ name: p, version: "1", ${TERMS_YAML}, source: "csv:table.csv", ${columns}, ${budget} }]\n`,
  );
  expect((await planJoin({ ...options, config }, options)).sources).toMatchObject([
    { budget: { epsilon: 2, delta: 1e-3, unit: 'person' } },
  ]);
  await expect(planJoin({ ...options, config, privacyBudget: '8,1e-6' }, options)).rejects.toMatchObject({
    code: 'usage',
  });
});

test('a budget of persons needs to know whose the rows are', async () => {
  const table = at('persons.csv');
  await writeFile(table, 'a,y,who\n1,2,p\n3,4,q\n');
  const options = { identity: 'x', name: 'n', provider: 'auto', threads: 1, dataSetVersion: '1' } as const;
  const asked = {
    ...{ ...options, data: `csv:${table}`, features: 'a', target: 'y' },
    ...{ privacyBudget: '2,1e-3', privacyUnit: 'person' as const },
  };
  const { sources } = await planJoin(asked, options);
  await expect(loadDataSets(sources)).rejects.toMatchObject({ code: 'dataWithoutPersons' });
  const told = await planJoin({ ...asked, personColumn: 'who' }, options);
  expect((await loadDataSets(told.sources))[0]?.budget?.unit).toBe('person');
});

test('columns are named by commas, and blanks around them do not count', () => {
  const data = 'csv:x';
  expect(columnsOf({ data })).toEqual({});
  expect(columnsOf({ data, features: 'a, b', target: 'y' })).toEqual({
    columns: { features: ['a', 'b'], target: { column: 'y', type: 'number' } },
  });
  expect(columnsOf({ data, features: 'a', target: 'y', classes: 'no, yes' })).toEqual({
    columns: { features: ['a'], target: { column: 'y', type: 'class', classes: ['no', 'yes'] } },
  });
});
