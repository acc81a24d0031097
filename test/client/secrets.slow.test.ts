/**
 * What a federation writes while it goes through a secure round - logs, events, refusals, what its commands print - has
 * none of the secrets in it, and of those that are made for the attempt nothing is left in memory that can be overwritten.
 * The searching is shown to find them: in what careless programs write, and in the record, which reveals some on purpose.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { connect } from '../../client/enrol.ts';
import { readIdentity } from '../../client/identity.ts';
import { systemClock } from '../../protocol/primitives/system-clock.ts';
import type { JobStatus } from '../../schemas/job.ts';
import { hanse } from '../fixtures/command-line.ts';
import {
  CARELESS,
  type PlantedSecret,
  type Planting,
  plantSecrets,
  type SecretKind,
  secretsIn,
} from '../fixtures/planted-secrets.ts';

/** Of an attempt alone: gone with it. */
const OF_THE_ATTEMPT: readonly SecretKind[] = [
  'agreement secret',
  'agreed',
  'derived key',
  'sealed shares',
  'opened shares',
  'seed',
  'mask seed',
];

let folder: string;
let planted: Planting;
/** Made before the round. */
let keys: PlantedSecret[];
let written = '';
let record = '';
let status: JobStatus;

/** Runs a command to its end, or until stopped; all that it writes is kept. */
function run(...words: string[]) {
  const stop = new AbortController();
  let own = '';
  const waiting: [RegExp, (found: string) => void][] = [];
  const outcome = hanse(words, {
    stop,
    onOutput: (all) => {
      own = all;
      for (const [what, resolve] of waiting) {
        const found = what.exec(all);
        if (found) resolve(found[1] ?? '');
      }
    },
  }).finally(() => {
    written += own;
  });
  const says = (what: RegExp) =>
    new Promise<string>((resolve, reject) => {
      waiting.push([what, resolve]);
      outcome.then(() => reject(new Error(`it ended without ${what}: ${own}`)), reject);
    });
  return { says, outcome, stop: () => stop.abort() };
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hanse-secrets-'));
  const at = (name: string) => join(folder, name);
  const rows = Array.from({ length: 20 }, (_, i) => `${(i % 2) * 2 - 1},${0.1 * i - 1},${i % 2 ? 'p' : 'n'}`);
  await writeFile(at('table.csv'), `a,b,y\n${rows.join('\n')}\n`);
  const data = ['--data', `csv:${at('table.csv')}`, '--features', 'a,b', '--target', 'y', '--classes', 'n,p'];
  planted = plantSecrets();

  const serve = ['serve', '--port', '0', '--data-dir', at('coordinator'), '--recruit-grace', '0', '--json'];
  const coordinator = run(...serve);
  await coordinator.says(/"(http:\/\/127\.0\.0\.1:\d+)"/);
  const operator = ['--identity', at('coordinator/keys/operator.json'), '--json'];
  const nodes = [];
  for (const name of ['a', 'b', 'c', 'd']) {
    const invited = await hanse(['invite', '--organisation', `${name}.example`, ...operator]);
    const { link } = invited.json as { readonly link: string };
    const node = run(
      'join',
      link,
      ...data,
      '--provider',
      'cpu',
      '--identity',
      at(`${name}.json`),
      '--inspect',
      '--json',
    );
    await node.says(/(ready; waiting for work)/);
    nodes.push(node);
  }
  keys = planted.secrets.splice(0).filter(({ kind }) => kind === 'identity'); // the rest was of self-tests
  planted.breakNext(); // one participant cannot read a record: it drops out and says why, and its mask secret is opened
  const job = ['--name', 'n', '--purpose', 'tests', '--model', 'mlp:2,3,2', '--cohort', '4', '--rounds', '1'];
  const created = await run('job', 'create', ...job, '--lr', '0.5', ...operator).outcome;
  const { jobId } = created.json as JobStatus;
  status = (await run('job', 'watch', jobId, ...operator).outcome).json as JobStatus;
  for (const command of [
    ['job', 'show', jobId, ...operator],
    ['member', 'list', ...operator],
    ...['a', 'b', 'c', 'd'].flatMap((name) => [
      ['inspect', '--identity', at(`${name}.json`), '--json'],
      ['inspect', '--identity', at(`${name}.json`)],
      ['node', 'status', '--identity', at(`${name}.json`), '--json'],
    ]),
  ])
    await run(...command).outcome;
  const api = await connect(await readIdentity(at('coordinator/keys/operator.json')), systemClock);
  record = JSON.stringify(await api.call('getRecord', { params: { jobId, round: '1' } }));
  for (const { stop } of [...nodes, coordinator]) stop();
  await Promise.all([...nodes, coordinator].map(({ outcome }) => outcome));
}, 120_000);

afterAll(async () => {
  planted.restore();
  await rm(folder, { recursive: true, force: true });
});

const of = (kinds: readonly SecretKind[]): PlantedSecret[] =>
  [...keys, ...planted.secrets].filter(({ kind }) => kinds.includes(kind));

test('a round was released, one participant dropped out, and every kind of secret was there', () => {
  expect(status).toMatchObject({ phase: 'finished' });
  expect(written).toContain('sharesUnreadable');
  for (const kind of ['identity', ...OF_THE_ATTEMPT] as const)
    expect(of([kind]).length, kind).toBeGreaterThan(2);
});

test('nothing that was written gives a secret away', () => {
  expect(written.length).toBeGreaterThan(10_000);
  expect(secretsIn(written, [...keys, ...planted.secrets])).toEqual([]);
});

test.each(Object.entries(CARELESS))('were one written as %s, it would be found', (_, write) => {
  for (const kind of ['identity', ...OF_THE_ATTEMPT] as const) {
    const [secret] = of([kind]);
    if (!secret) throw new Error('none');
    expect(secretsIn(`${written}${write(secret.copy)}`, [secret])).toEqual([secret]);
  }
});

test('the record reveals one secret of each whose shares were delivered, and of nobody both', () => {
  const { revealed } = (JSON.parse(record) as { record: { revealed: string[] } }).record;
  const found = (kind: SecretKind) =>
    new Set(secretsIn(record, of([kind])).map(({ copy }) => Buffer.from(copy).toString('hex')));
  expect(revealed).toHaveLength(4);
  expect([...found('seed'), ...found('agreement secret')].sort()).toEqual([...revealed].sort());
  expect(found('seed').size).toBe(3);
});

test('whatever was made for the attempt is overwritten', () => {
  const left = (kinds: readonly SecretKind[]) =>
    of(kinds)
      .filter(({ live }) => live.some((byte) => byte !== 0))
      .map(({ kind }) => kind);
  expect(left(OF_THE_ATTEMPT)).toEqual([]);
  expect(left(['identity'])).not.toEqual([]); // of nodes, which are used again
});
