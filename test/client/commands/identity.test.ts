import { readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { primitives } from '#primitives';
import { connect, enrol } from '../../../client/enrol.ts';
import { type Identity, nextKey, readIdentity, writeIdentity } from '../../../client/identity.ts';
import { askPassphrase } from '../../../client/passphrase.ts';
import { toHex } from '../../../protocol/bytes.ts';
import { parseInviteLink } from '../../../protocol/invite-link.ts';
import { succeed } from '../../../protocol/key-succession.ts';
import { systemClock } from '../../../protocol/primitives/system-clock.ts';
import { hanse } from '../../fixtures/command-line.ts';
import { type RunningCoordinator, runCoordinator } from '../../fixtures/running-coordinator.ts';

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

/** What the coordinator answers to this identity. */
async function asked(identity: Identity): Promise<string> {
  const api = await connect(identity, systemClock);
  return api.call('listJobs', {}).then(
    () => 'answered',
    ({ code }) => code,
  );
}

beforeAll(async () => {
  running = await runCoordinator();
});
afterAll(() => running.close());

test('after a rotation the file has another key; both are members until the overlap ends', async () => {
  const old = await member('node.json');
  const outcome = await rotate('node.json', '--overlap', '600');
  const renewed = await readIdentity(at('node.json'));
  expect(outcome).toMatchObject({ exitCode: 0, json: { nodeId: renewed.nodeId, replaces: old.nodeId } });
  expect(renewed.nodeId).not.toBe(old.nodeId);
  expect([await asked(old), await asked(renewed)]).toEqual(['answered', 'answered']);
  expect((await stat(at('node.json'))).mode & 0o777).toBe(0o600);
  expect((await readdir(running.folder)).filter((name) => name.startsWith('node.json'))).toEqual([
    'node.json',
  ]);
  const { seed } = JSON.parse(await readFile(at('node.json'), 'utf8')) as { seed: string };
  expect(outcome.out + outcome.err).not.toContain(seed);
  expect(await rotate('node.json', '--overlap', '0')).toMatchObject(problem('messageConflict'));
  expect(await asked(renewed)).toBe('answered');

  const other = await member('other.json');
  expect(await rotate('other.json', '--overlap', '0')).toMatchObject({ exitCode: 0 });
  expect(await asked(other)).toBe('keyRetired');
  expect(await asked(await readIdentity(at('other.json')))).toBe('answered');
});

test('one that was cut off after the new key was named is finished, though the old key is refused', async () => {
  const old = await member('cut.json');
  const next = await nextKey(at('cut.json'), old);
  const newKey = await primitives.signer(next.reveal());
  const { byOld, byNew } = await succeed(await primitives.signer(old.seed.reveal()), newKey, old);
  const body = { publicKey: toHex(newKey.publicKey), byOld, byNew, overlapSeconds: 0 };
  const { nodeId } = await (await connect(old, systemClock)).call('succeedKey', { body });
  expect(await asked(old)).toBe('keyRetired');
  expect((await readIdentity(at('cut.json'))).nodeId).toBe(old.nodeId);
  expect(await rotate('cut.json')).toMatchObject({ exitCode: 0, json: { nodeId, oldKeyValidUntil: null } });
  expect(await asked(await readIdentity(at('cut.json')))).toBe('answered');
});

test('one that was cut off as the last of it was cleared away is not in the way of another', async () => {
  const { nodeId } = await member('done.json');
  const { seed: _, ...stored } = await readIdentity(at('done.json'));
  const next = await nextKey(at('done.json'), await readIdentity(at('done.json')));
  expect(await rotate('done.json', '--overlap', '0')).toMatchObject({ json: { replaces: nodeId } });
  const { federationId, coordinatorKey } = stored;
  const left = { version: 1, seed: toHex(next.reveal()), federationId, coordinatorKey };
  await writeFile(at('done.json.next'), JSON.stringify(left), { mode: 0o600 });
  const again = await rotate('done.json');
  expect(again).toMatchObject({ exitCode: 0 });
  expect(await asked(await readIdentity(at('done.json')))).toBe('answered');
});

test('a key that somebody else has replaced, or a node that was revoked, gets no other', async () => {
  const robbed = await member('robbed.json');
  const thief = await primitives.signer(new Uint8Array(32).fill(9));
  const { byOld, byNew } = await succeed(await primitives.signer(robbed.seed.reveal()), thief, robbed);
  const body = { publicKey: toHex(thief.publicKey), byOld, byNew, overlapSeconds: 600 };
  await (await connect(robbed, systemClock)).call('succeedKey', { body });
  expect(await rotate('robbed.json')).toMatchObject(problem('messageConflict'));
  const { nodeId } = await member('revoked.json');
  await running.api.call('revokeMember', { params: { nodeId }, body: { reason: 'stolen' } });
  expect(await rotate('revoked.json')).toMatchObject(problem('memberRevoked'));
  expect((await readIdentity(at('revoked.json'))).nodeId).toBe(nodeId);
  expect(await rotate('robbed.json', '--overlap', '-1')).toMatchObject(problem('usage', 2));
});

/** A participant that runs; `until` resolves once it has written this. */
async function runningNode(name: string, ...words: string[]) {
  await writeFile(at('table.csv'), 'a,y\n1,0\n2,1\n');
  const data = ['--data', `csv:${at('table.csv')}`, '--features', 'a', '--target', 'y', '--classes', '0,1'];
  let end = () => {};
  let written = '';
  const waiting: [RegExp, () => void][] = [];
  const until = (what: RegExp) =>
    new Promise<void>((resolve) => {
      if (what.test(written)) resolve();
      else waiting.push([what, resolve]);
    });
  const outcome = hanse(['join', ...words, ...data, '--provider', 'cpu', '--identity', at(name), '--json'], {
    onOutput: (all, stop) => {
      written = all;
      end = stop;
      for (const [what, resolve] of waiting) if (what.test(all)) resolve();
    },
  });
  await Promise.race([until(/ready; waiting for work/), outcome]);
  const finish = () => {
    end();
    return outcome;
  };
  return { until, finish, written: () => written };
}

test('a running node goes on with the new key, at once', async () => {
  const { until, finish, written } = await runningNode('running.json', await running.invite());
  const rotated = (await rotate('running.json')).json as { nodeId: string; replaces: string };
  await until(/ready; waiting for work[\s\S]*ready; waiting for work/);
  const { presence } = running.coordinator;
  await new Promise<void>((resolve) => {
    const look = () => presence.isLive(rotated.nodeId) && resolve();
    presence.onArrival(look);
    look();
  });
  expect(await finish()).toMatchObject({ exitCode: 0, json: { nodeId: rotated.nodeId } });
  expect(written()).toContain(`node ${rotated.nodeId} of`);
});

test('the key of a running node is not encrypted: it could not open the next one; started with a passphrase, it can', async () => {
  await writeFile(at('word'), 'correct horse\n', { mode: 0o600 });
  const given = ['--passphrase-file', at('word')];
  const again = /ready; waiting for work[\s\S]*ready; waiting for work/;
  const encrypt = () => hanse(['identity', 'encrypt', '--identity', at('busy.json'), ...given, '--json']);
  const first = await runningNode('busy.json', await running.invite());
  const before = await readFile(at('busy.json'), 'utf8');
  expect(await encrypt()).toMatchObject(problem('identityInUse'));
  expect(await readFile(at('busy.json'), 'utf8')).toBe(before);
  const { nodeId: second } = (await rotate('busy.json', '--overlap', '0')).json as { nodeId: string };
  await first.until(again);
  expect(await first.finish()).toMatchObject({ exitCode: 0, json: { nodeId: second } });

  expect(await encrypt()).toMatchObject({ exitCode: 0, json: { isEncrypted: true, nodeId: second } });
  const node = await runningNode('busy.json', ...given);
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
