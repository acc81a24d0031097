/** `hanse policy explain` of a job that a coordinator has, and of a manifest in a file. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { primitives } from '#primitives';
import { directoryFile } from '../../../client/directory-file.ts';
import type { ExplainedRule } from '../../../client/explain-job.ts';
import { type Identity, writeIdentity } from '../../../client/identity.ts';
import { nodeStateFile } from '../../../client/node-state-file.ts';
import { toHex } from '../../../protocol/bytes.ts';
import { Secret } from '../../../protocol/secret.ts';
import { hanse } from '../../fixtures/command-line.ts';
import { TERMS } from '../../fixtures/data-terms.ts';
import { nodeOf } from '../../fixtures/federation.ts';
import { type ListeningApp, listeningApp } from '../../fixtures/listening-app.ts';
import { manifestOf } from '../../fixtures/manifest.ts';

let running: ListeningApp;
let folder: string;
let jobId: string;
let identity: Identity;

beforeAll(async () => {
  running = await listeningApp({ participants: 3 });
  const { federation, server } = running;
  await federation.clock.advance(Date.now() - federation.clock.now()); // requests are signed by the clock of the machine
  ({ jobId } = await federation.createJob({ purpose: 'sepsis: warning', rounds: 20 }));
  const coordinator = await nodeOf('coordinator', 'operator');
  identity = {
    server,
    federationId: federation.coordinator.federation.id,
    coordinatorKey: toHex(coordinator.signer.publicKey),
    nodeId: federation.participants[0]?.nodeId ?? '',
    organisationId: 'hansa',
    role: 'participant',
    name: 'node',
    seed: new Secret(await primitives.sha256(new TextEncoder().encode('participant 0'))),
  };
  folder = await mkdtemp(join(tmpdir(), 'hanse-policy-'));
  await writeIdentity(join(folder, 'identity.json'), identity);
  await writeFile(join(folder, 'patients.csv'), 'age,risk\n1,2\n3,4\n5,6\n');
});

afterAll(async () => {
  await running.close();
  await rm(folder, { recursive: true });
});

async function configOf(policy: object, limits: object = {}): Promise<string> {
  const file = join(folder, 'node.yaml');
  const data = [
    {
      name: 'patients',
      version: '1',
      source: 'csv:patients.csv',
      columns: { features: ['age'], target: 'risk' },
      ...TERMS,
    },
  ];
  await writeFile(file, JSON.stringify({ identity: 'identity.json', data, policy, limits }));
  return file;
}

interface Explained {
  readonly decision: string;
  readonly isPaused: boolean;
  readonly rules: readonly ExplainedRule[];
}

async function explained(policy: object, limits: object = {}) {
  const config = await configOf(policy, limits);
  const { json } = await hanse(['policy', 'explain', '--job', jobId, '--config', config, '--json']);
  const { decision, rules, isPaused } = json as Explained;
  return { decision, isPaused, of: (rule: string) => rules.find((one) => one.rule === rule) };
}

test('an owner sees which rules permit, which refuse, what they say and what was found', async () => {
  const config = await configOf({ purposes: ['research *'], minimumCohort: 1 }, { roundsPerJob: 10 });
  const { exitCode, out } = await hanse(['policy', 'explain', '--job', jobId, '--config', config]);
  expect(exitCode).toBe(0);
  expect(out).toContain(`${jobId}  "a job" for sepsis: warning: this node would not take part\n`);
  expect(out).toMatch(/^ {2}refuses {2}purposes +permitted: research \*; found: sepsis: warning$/m);
  expect(out).toMatch(/^ {2}permits {2}minimumCohort +permitted: at least 1 updates; found: \d+$/m);
  expect(out).toMatch(/^ {2}refuses {2}roundsPerJob +permitted: at most 10; found: 20$/m);
  expect(out).toMatch(/^ {2}refuses {2}allowPlainAggregation/m);
  expect(out).toMatch(/^ {2}does not apply: organisations, /m);
});

test('what a node would do follows from the rules; hours only make it wait', async () => {
  const allowPlainAggregation = true;
  const permitted = await explained({ allowPlainAggregation, purposes: ['sepsis: *'] });
  expect([permitted.decision, permitted.isPaused]).toEqual(['permitted', false]);
  const day = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'][(new Date().getUTCDay() + 3) % 7];
  const hours = [{ from: '11:00', to: '12:00', weekdays: [day] }];
  const late = await explained({ allowPlainAggregation, hours });
  expect([late.decision, late.of('hours')?.verdict]).toEqual(['postponed', 'postponed']);
  expect((await explained({})).decision).toBe('refused');
});

test('examples are counted where a limit is about them, and time is what the job has taken', async () => {
  const file = join(folder, 'identity.json');
  const spent = { name: 'a job', milliseconds: 9000, steps: 1, rounds: 1, bytesUp: 1, bytesDown: 1 };
  await nodeStateFile(file).write({ version: 1, paused: true, jobs: { [jobId]: spent } });
  const { of, isPaused } = await explained(
    {},
    { examplesPerRound: 2, secondsPerJob: 10, secondsPerRound: 9 },
  );
  expect(of('examplesPerRound')).toMatchObject({ verdict: 'refused', found: '3' });
  expect(of('secondsPerRound')).toMatchObject({ verdict: 'permitted', found: '9' });
  expect(of('secondsPerJob')).toMatchObject({ verdict: 'refused', found: '18' });
  expect(isPaused).toBe(true);
  expect((await explained({})).of('examplesPerRound')).toMatchObject({
    found: 'the examples were not counted',
  });
  await rm(`${file}.state`);
});

test('the author is who the directory of the node says that its node is of; a cohort is open until it is drawn', async () => {
  const policy = {
    organisations: ['hansa'],
    excludedOrganisations: ['insurer'],
    minimumKnownOrganisations: 1,
  };
  const before = await explained({ ...policy, knownOrganisations: ['hansa'] });
  expect(before.of('organisations')).toMatchObject({ verdict: 'unknown' });
  const { federation } = running;
  const { directory } = await federation.call('getDirectory', federation.operator, { query: {} });
  await directoryFile(join(folder, 'identity.json'), identity).write(directory);
  const known = await explained({ ...policy, knownOrganisations: ['hansa'] });
  expect(known.of('organisations')).toMatchObject({
    found: expect.stringMatching(/as the coordinator says$/),
  });
  const author = known.of('organisations')?.found.split(',')[0] ?? '';
  expect((await explained({ organisations: [author] })).of('organisations')?.verdict).toBe('permitted');
  expect((await explained({ organisations: ['other'] })).of('organisations')?.verdict).toBe('refused');
  expect((await explained({ excludedOrganisations: [author] })).of('organisations')?.verdict).toBe('refused');
  for (const rule of ['excludedOrganisations', 'minimumKnownOrganisations'])
    expect(known.of(rule)).toMatchObject({ verdict: 'unknown', found: 'nobody has said yet' });
});

test('a manifest in a file is judged without asking anybody', async () => {
  const file = join(folder, 'job.json');
  await writeFile(file, JSON.stringify(manifestOf('fed-0123456789abcdef', { purpose: 'sepsis: x' })));
  const config = await configOf({
    purposes: ['sepsis: *'],
    allowPlainAggregation: true,
    organisations: ['lab'],
  });
  const words = ['policy', 'explain', '--manifest', file, '--config', config];
  const { out } = await hanse(words);
  expect(out).toContain('the manifest  "a job" for sepsis: x: nothing speaks against it so far');
  expect(out).toMatch(/^ {2}open {5}organisations +permitted: jobs of lab; found: nobody has said yet$/m);
  await writeFile(file, '{"purpose":"sepsis: x"}');
  expect(await hanse(words)).toMatchObject({ exitCode: 1, err: expect.stringContaining(file) });
  await writeFile(file, 'no JSON');
  expect((await hanse(words)).exitCode).toBe(1);
});

test('wrong usage, a job that is not there, a rule that is none', async () => {
  const config = await configOf({});
  const run = (...words: string[]) => hanse(['policy', 'explain', '--config', config, ...words]);
  expect((await run()).exitCode).toBe(2);
  expect((await run('--job', jobId, '--manifest', 'x')).exitCode).toBe(2);
  expect((await run('--job', 'job-x')).exitCode).toBe(2);
  expect(await run('--job', 'job-0000000000000000')).toMatchObject({
    exitCode: 1,
    err: expect.stringContaining('job-0000000000000000'),
  });
  await configOf({ organisation: ['hansa'] });
  expect(await run('--job', jobId)).toMatchObject({
    exitCode: 1,
    err: expect.stringContaining('organisations'),
  });
});
