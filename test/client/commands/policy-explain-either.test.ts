// covers: server/commands/policy-explain.ts
/** One command for two kinds of policies: which of them is asked, and that nothing given is passed over. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { hanse } from '../../fixtures/command-line.ts';
import { TERMS } from '../../fixtures/data-terms.ts';
import { manifestOf } from '../../fixtures/manifest.ts';

let folder: string;
let manifest: string;
let config: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hanse-explain-'));
  [manifest, config] = [join(folder, 'job.json'), join(folder, 'node.yaml')];
  await writeFile(manifest, JSON.stringify(manifestOf('fed-0123456789abcdef')));
  await writeFile(join(folder, 'table.csv'), 'age,risk\n1,2\n');
  const columns = { features: ['age'], target: 'risk' };
  const data = [{ name: 'p', version: '1', source: 'csv:table.csv', columns, ...TERMS }];
  await writeFile(config, JSON.stringify({ identity: 'identity.json', data, policy: { purposes: ['x'] } }));
});
afterAll(() => rm(folder, { recursive: true }));

const explain = (...words: string[]) => hanse(['policy', 'explain', ...words]);

test('with --job or --manifest a node is asked about, otherwise a coordinator', async () => {
  const ofNode = await explain('--manifest', manifest, '--config', config);
  expect(ofNode).toMatchObject({ exitCode: 0, err: '' });
  expect(ofNode.out).toContain('purposes');
  const ofCoordinator = await explain('--role', 'auditor', '--action', 'listPeople');
  expect(ofCoordinator).toMatchObject({ exitCode: 0, err: '' });
  expect(ofCoordinator.out).toContain('auditors: Auditors see everything');
});

test.each<[reason: string, words: () => string[]]>([
  [
    '--role, --action, --policies and --in-force are of a coordinator',
    () => ['--manifest', manifest, '--role', 'auditor'],
  ],
  [
    '--role, --action, --policies and --in-force are of a coordinator',
    () => ['--manifest', manifest, '--config', config, '--in-force'],
  ],
  [
    '--role, --action, --policies and --in-force are of a coordinator',
    () => ['--job', 'job-0123456789abcdef', '--policies', 'x.cedar'],
  ],
  ['--config is of a node', () => ['--config', config]],
  ['--config is of a node', () => ['--role', 'auditor', '--config', config]],
  ['--config names the key', () => ['--manifest', manifest, '--config', config, '--identity', 'me.json']],
  ['give --job, or', () => ['--manifest', manifest, '--job', 'job-0123456789abcdef']],
  ['--job', () => ['--job', 'job-1', '--config', config]],
])('wrong usage: %s', async (reason, words) => {
  const { exitCode, err } = await explain(...words());
  expect([exitCode, err]).toEqual([2, expect.stringContaining(reason)]);
});
