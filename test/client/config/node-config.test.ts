// covers: client/config/example-config.ts, schemas/node-config.ts
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { EXAMPLE_CONFIG } from '../../../client/config/example-config.ts';
import { checkNodeConfig, readNodeConfig, sourceOf } from '../../../client/config/node-config.ts';
import { loadExamples } from '../../../client/data/data-source.ts';
import { makeOrganisationKey } from '../../../client/organisation-key.ts';
import { ConfigDataSet, ConfigLimits, NodeConfig } from '../../../schemas/node-config.ts';
import { HoursWindow, NodePolicy } from '../../../schemas/node-policy.ts';
import { makeCertificate } from '../../fixtures/certificates.ts';
import { TERMS, TERMS_YAML } from '../../fixtures/data-terms.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hanse-config-'));
  await writeFile(join(folder, 'patients.csv'), 'risk,age,bmi\n1,2,3\n4,5,6\n');
  await writeFile(join(folder, 'rows.json'), '[1]');
  await writeFile(join(folder, 'coordinator.pem'), makeCertificate().cert);
  await writeFile(join(folder, 'passphrase'), 'correct horse\n', { mode: 0o600 });
  await makeOrganisationKey(join(folder, 'organisation.key'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function check(text: string) {
  const file = join(folder, 'node.yaml');
  await writeFile(file, text);
  return checkNodeConfig(file);
}

const DATA = `data: [{ name: p, version: "1", ${TERMS_YAML}, source: "csv:patients.csv", columns: { features: [age], target: risk } }]`;
const MINIMAL = `identity: me.json\n${DATA}\n`;

test('paths begin at the folder of the file, and the data are read as it says', async () => {
  const { config, faults } = await check(MINIMAL.replace('columns', 'rows: rows.json, columns'));
  expect(faults).toEqual([]);
  expect(config?.identity).toBe(join(folder, 'me.json'));
  const [set] = config?.data ?? [];
  const examples = await loadExamples(sourceOf(set as ConfigDataSet));
  expect([examples.count, [...examples.features]]).toEqual([1, [5]]);
});

describe('the example', () => {
  test('is right as it is written, and with every mark taken away', async () => {
    const bare = await check(EXAMPLE_CONFIG);
    expect(bare.faults).toEqual([]);
    expect(bare.config?.policy).toBeUndefined(); // a section with nothing in it
    const { config, faults } = await check(EXAMPLE_CONFIG.replaceAll(/^(\s*)#(?=\S)/gm, '$1'));
    expect(faults).toEqual([]);
    // The one key that goes with no other is told of in words.
    const keys = Object.keys(NodeConfig.properties).filter((key) => key !== 'admission');
    expect(Object.keys(config ?? {}).sort()).toEqual(keys.sort());
    expect(config?.policy?.hours).toHaveLength(1);
  });

  test('shows every key there is', () => {
    const forms = [NodeConfig, ConfigDataSet, NodePolicy, HoursWindow, ConfigLimits];
    const keys = forms.flatMap(({ properties }) => Object.keys(properties));
    expect(keys.length).toBeGreaterThan(25);
    for (const key of keys) expect(EXAMPLE_CONFIG).toMatch(new RegExp(`\\b${key}:`));
  });
});

describe('what no schema says', () => {
  test.each([
    ['server: http://hanse.example', '/server', 'https'],
    ['policy: { timeZone: Europe/Atlantis }', '/policy/timeZone', 'time zone'],
    [
      'policy: { minimumKnownOrganisations: 2, knownOrganisations: [a.example] }',
      '/policy/minimumKnownOrganisations',
      'knownOrganisations',
    ],
    ['policy: { purposes: }', '/policy/purposes', ''],
    ['policy: { hours: [{ from: 22:00, to: 25:00 }] }', '/policy/hours/0/to', '22:00'],
    ['policy: { allowPlainAgregation: true }', '/policy/allowPlainAgregation', 'allowPlainAggregation'],
    ['policy: { allowPlainAggregation: 1 }', '/policy/allowPlainAggregation', ''],
    ['policy: { organisation: [a.example] }', '/policy/organisation', 'organisations'],
    ['policy: { organisations: [\u0430.example] }', '/policy/organisations/0', ''],
    ['policy: { operators: [Gemmm] }', '/policy/operators/0', 'is it Gemm?'],
    ['policy: { operators: [Loop] }', '/policy/operators/0', 'no operator'],
    ['policy: { graphHashes: [abc] }', '/policy/graphHashes/0', ''],
    ['policy: { budget: { epsilon: 2 } }', '/policy/budget/delta', ''],
    [
      'policy: { organisations: [b.example, a.example], excludedOrganisations: [a.example] }',
      '/policy/organisations/1',
      'excludedOrganisations',
    ],
    ['limits: { memoryMegabyte: 5 }', '/limits/memoryMegabyte', 'memoryMegabytes'],
    ['hours: []', '/hours', 'policy'],
  ])('%s', async (line, pointer, reason) => {
    const { config, faults } = await check(`${MINIMAL}${line}\n`);
    expect(config).toBeUndefined();
    expect(faults).toEqual([{ pointer, line: 3, reason: expect.stringContaining(reason) }]);
  });

  test.each([
    ['mnist:all', '/data/0/source'],
    ['idx:one', '/data/0/source'],
    ['csv:', '/data/0/source'],
    ['csv:none.csv', '/data/0/source'],
    ['mnist:train', '/data/0/columns'],
    ['sql:x', '/data/0/source'],
  ])('a source %s', async (source, pointer) => {
    const { faults } = await check(MINIMAL.replace('csv:patients.csv', source));
    expect(faults).toMatchObject([{ pointer, line: 2 }]);
  });

  test('a table without columns, and two sets of one name', async () => {
    const twice = `\n  - { name: p, version: "1", ${TERMS_YAML}, source: "csv:patients.csv" }`.repeat(2);
    const { faults } = await check(`identity: me.json\ndata:${twice}\n`);
    expect(faults.map(({ pointer, line }) => [pointer, line])).toEqual([
      ['/data/0/columns', 3],
      ['/data/1/name', 4],
      ['/data/1/columns', 4],
    ]);
  });

  test.each(Object.keys(TERMS))('a data set without %s, with what to do', async (key) => {
    const { faults } = await check(MINIMAL.replace(new RegExp(`${key}: [^,]+, `), ''));
    expect(faults).toMatchObject([
      { pointer: `/data/0/${key}`, reason: expect.stringContaining('config init') },
    ]);
  });

  test('terms that contradict themselves', async () => {
    const of = async (retention: string, basis: string) =>
      (await check(MINIMAL.replace('unlimited', retention).replace('notPersonal', basis))).faults;
    expect(await of('2030-12-31', 'consent')).toEqual([]);
    expect(await of('unlimited', 'consent')).toMatchObject([{ pointer: '/data/0/retention' }]);
    expect(await of('2030-02-30', 'consent')).toMatchObject([{ pointer: '/data/0/retention' }]);
    expect(await of('2030-12-31', 'consnt')).toMatchObject([
      { pointer: '/data/0/lawfulBasis', reason: expect.stringContaining('did you mean consent?') },
    ]);
  });

  test('plain HTTP on this machine is fine', async () => {
    expect((await check(`${MINIMAL}server: http://127.0.0.1:8790\n`)).faults).toEqual([]);
  });
});

test('whoever needs the file gets the first fault; a file that is not there is told as such', async () => {
  const file = join(folder, 'bad.yaml');
  await writeFile(file, `${MINIMAL}polcy: {}\nextra: 1\n`);
  await expect(readNodeConfig(file)).rejects.toMatchObject({
    code: 'configInvalid',
    detail: { file, line: 3, pointer: '/polcy', reason: expect.stringContaining('policy') },
  });
  await writeFile(file, 'a: [');
  await expect(readNodeConfig(file)).rejects.toMatchObject({
    code: 'configInvalid',
    detail: { pointer: '' },
  });
  await writeFile(file, '');
  await expect(readNodeConfig(file)).rejects.toMatchObject({ code: 'configInvalid', detail: { line: 1 } });
  await expect(readNodeConfig(join(folder, 'none.yaml'))).rejects.toMatchObject({ code: 'dataFileMissing' });
});
