import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { primitives } from '#primitives';
import { connect, enrol } from '../../../client/enrol.ts';
import { type Identity, nextKey, readIdentity, writeIdentity } from '../../../client/identity.ts';
import { toHex } from '../../../protocol/bytes.ts';
import { parseInviteLink } from '../../../protocol/invite-link.ts';
import { succeed } from '../../../protocol/key-succession.ts';
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

test('a running node goes on with the new key, at once', async () => {
  const { until, finish, written } = await runningNode(at('running.json'), await running.invite());
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
