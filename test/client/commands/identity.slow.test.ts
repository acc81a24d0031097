/** Keys under a passphrase: each time one is stored or opened, scrypt takes a third of a second and 128 MiB. */
import { readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { enrol } from '../../../client/enrol.ts';
import { type Identity, nextKey, readIdentity, writeIdentity } from '../../../client/identity.ts';
import { askPassphrase } from '../../../client/passphrase.ts';
import { parseInviteLink } from '../../../protocol/invite-link.ts';
import { systemClock } from '../../../protocol/primitives/system-clock.ts';
import { hanse } from '../../fixtures/command-line.ts';
import { type RunningCoordinator, runCoordinator } from '../../fixtures/running-coordinator.ts';
import { runningNode } from '../../fixtures/running-node.ts';

let running: RunningCoordinator;
const at = (name: string) => join(running.folder, name);
const rotate = (name: string, ...words: string[]) =>
  hanse(['identity', 'rotate', '--identity', at(name), ...words, '--json']);
const problem = (code: string, exitCode = 1) => ({ exitCode, json: { problem: { code } } });

async function member(name: string): Promise<Identity> {
  const identity = await enrol(parseInviteLink(await running.invite()), name, systemClock);
  await writeIdentity(at(name), identity);
  return identity;
}

beforeAll(async () => {
  running = await runCoordinator();
});
afterAll(() => running.close());

test('the key of a running node is not encrypted: it could not open the next one; started with a passphrase, it can', async () => {
  await writeFile(at('word'), 'correct horse\n', { mode: 0o600 });
  const given = ['--passphrase-file', at('word')];
  const again = /ready; waiting for work[\s\S]*ready; waiting for work/;
  const encrypt = () => hanse(['identity', 'encrypt', '--identity', at('busy.json'), ...given, '--json']);
  const first = await runningNode(at('busy.json'), await running.invite());
  const before = await readFile(at('busy.json'), 'utf8');
  expect(await encrypt()).toMatchObject(problem('identityInUse'));
  expect(await readFile(at('busy.json'), 'utf8')).toBe(before);
  const { nodeId: second } = (await rotate('busy.json', '--overlap', '0')).json as { nodeId: string };
  await first.until(again);
  expect(await first.finish()).toMatchObject({ exitCode: 0, json: { nodeId: second } });

  expect(await encrypt()).toMatchObject({ exitCode: 0, json: { isEncrypted: true, nodeId: second } });
  const node = await runningNode(at('busy.json'), ...given);
  const { nodeId: third } = (await rotate('busy.json', ...given)).json as { nodeId: string };
  await node.until(again);
  expect(await node.finish()).toMatchObject({ exitCode: 0, json: { nodeId: third } });
});

test('a key under a passphrase is used with it alone, is changed under it, and comes out again', async () => {
  await member('sealed.json');
  const plain = JSON.parse(await readFile(at('sealed.json'), 'utf8')) as { seed: string };
  await writeFile(at('word'), 'correct horse\n', { mode: 0o600 });
  await writeFile(at('wrong'), 'battery staple\n', { mode: 0o600 });
  const key = ['--identity', at('sealed.json'), '--json'];
  const given = ['--passphrase-file', at('word')];
  const run = (...words: string[]) => hanse([...words, ...key]);
  expect(await run('identity', 'encrypt')).toMatchObject(problem('passphraseNeeded'));
  const encrypted = await run('identity', 'encrypt', ...given);
  expect(encrypted).toMatchObject({ exitCode: 0, json: { isEncrypted: true } });
  const content = await readFile(at('sealed.json'), 'utf8');
  expect(content).not.toContain(plain.seed);
  expect((await stat(at('sealed.json'))).mode & 0o777).toBe(0o600);
  expect(await run('identity', 'encrypt', ...given)).toMatchObject(problem('usage', 2));
  expect((await run('identity', 'show')).json).toMatchObject({ isEncrypted: true, name: 'sealed.json' });

  expect(await run('job', 'list')).toMatchObject(problem('passphraseNeeded'));
  expect(await run('job', 'list', '--passphrase-file', at('wrong'))).toMatchObject(
    problem('passphraseWrong'),
  );
  expect(await run('job', 'list', ...given)).toMatchObject({ exitCode: 0 });
  const rotated = await run('identity', 'rotate', ...given);
  expect(rotated).toMatchObject({ exitCode: 0 });
  const after = JSON.parse(await readFile(at('sealed.json'), 'utf8')) as object;
  expect(after).toMatchObject({ version: 2, nodeId: (rotated.json as { nodeId: string }).nodeId });
  expect(after).not.toHaveProperty('seed');
  expect(await run('identity', 'decrypt', ...given)).toMatchObject({ exitCode: 0 });
  expect(await run('job', 'list')).toMatchObject({ exitCode: 0 });
  const told = [encrypted, rotated].map(({ out, err }) => out + err).join('');
  for (const secret of ['correct horse', plain.seed]) expect(told).not.toContain(secret);
});

test('who joins with a passphrase has no key in the clear at any time', async () => {
  await writeFile(at('word'), 'correct horse\n', { mode: 0o600 });
  const link = await running.invite('researcher');
  const words = ['--identity', at('fresh.json'), '--passphrase-file', at('word'), '--json'];
  expect(await hanse(['identity', 'request', link, ...words])).toMatchObject({ exitCode: 0 });
  expect(JSON.parse(await readFile(at('fresh.json.pending'), 'utf8'))).toMatchObject({ version: 2 });
  expect(await hanse(['join', link, ...words])).toMatchObject({ exitCode: 0 });
  const stored = JSON.parse(await readFile(at('fresh.json'), 'utf8')) as object;
  expect(stored).toMatchObject({ version: 2, role: 'researcher' });
  expect(stored).not.toHaveProperty('seed');
  expect(await hanse(['job', 'list', ...words])).toMatchObject({ exitCode: 0 });
});

test('while a change of keys is under way, its key is kept as the present one is', async () => {
  const identity = await member('halfway.json');
  const words = ['--identity', at('halfway.json'), '--json'];
  vi.stubEnv('HANSE_PASSPHRASE', 'open sesame');
  await nextKey(at('halfway.json'), identity);
  const halfway = { exitCode: 2, json: { problem: { detail: expect.stringContaining('change of keys') } } };
  expect(await hanse(['identity', 'encrypt', ...words])).toMatchObject(halfway);
  await rm(at('halfway.json.next'));
  expect(await hanse(['identity', 'encrypt', ...words])).toMatchObject({ exitCode: 0 });
  await nextKey(at('halfway.json'), await readIdentity(at('halfway.json'), askPassphrase({})));
  expect(await hanse(['identity', 'decrypt', ...words])).toMatchObject(halfway);
  await rm(at('halfway.json.next'));
  expect(await hanse(['identity', 'decrypt', ...words])).toMatchObject({ exitCode: 0 });
  vi.unstubAllEnvs();
});
