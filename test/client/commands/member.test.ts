import { afterAll, beforeAll, expect, test } from 'vitest';
import { primitives } from '#primitives';
import { connect, enrol } from '../../../client/enrol.ts';
import { parseInviteLink } from '../../../protocol/invite-link.ts';
import { systemClock } from '../../../protocol/primitives/system-clock.ts';
import { Secret } from '../../../protocol/secret.ts';
import type { Member, WaitingEnrolment } from '../../../schemas/member.ts';
import { hanse } from '../../fixtures/command-line.ts';
import { TERMS } from '../../fixtures/data-terms.ts';
import { type RunningCoordinator, runCoordinator } from '../../fixtures/running-coordinator.ts';

let running: RunningCoordinator;
const member = (...words: string[]) =>
  hanse(['member', ...words, '--identity', running.operatorFile, '--json']);
const waiting = async () => ((await member('waiting')).json as { waiting: WaitingEnrolment[] }).waiting;
const stateOf = async (nodeId: string) =>
  ((await member('list')).json as { members: Member[] }).members.find((known) => known.nodeId === nodeId);
const problem = (code: string, exitCode = 1) => ({ exitCode, json: { problem: { code } } });

beforeAll(async () => {
  running = await runCoordinator();
});
afterAll(() => running.close());

/** Somebody who uses an invite that needs approval, whenever `ask` is called, until they are told to wait. */
async function applicant(organisation: string) {
  const words = ['--organisation', organisation, '--needs-approval', '--identity', running.operatorFile];
  const { out, err } = await hanse(['invite', ...words]);
  expect(err).toContain('hanse member waiting');
  const link = parseInviteLink(out);
  const seed = crypto.getRandomValues(new Uint8Array(32));
  const organisationKey = await primitives.signer(crypto.getRandomValues(new Uint8Array(32)));
  return () => {
    const stop = new AbortController();
    const onPending = () => stop.abort();
    const options = { seed: new Secret(seed.slice()), organisation: organisationKey, onPending };
    return enrol(link, 'applicant', systemClock, { ...options, signal: stop.signal });
  };
}

test('who uses an invite that needs approval waits, is seen with its keys, and is approved or refused', async () => {
  expect((await hanse(['member', 'waiting', '--identity', running.operatorFile])).out).toBe('nobody waits\n');
  const [good, bad] = [await applicant('good.example'), await applicant('bad.example')];
  for (const ask of [good, bad]) await expect(ask()).rejects.toMatchObject({ code: 'approvalPending' });
  const seen = await waiting();
  expect(seen).toMatchObject([
    { organisationId: 'good.example', isNewOrganisation: true },
    { organisationId: 'bad.example', isNewOrganisation: true },
  ]);
  const words = (await hanse(['member', 'waiting', '--identity', running.operatorFile])).out;
  for (const { nodeId, publicKey, organisationKey } of seen)
    for (const name of [nodeId, publicKey, organisationKey]) expect(words).toContain(name);
  const [approved = '', refused = ''] = seen.map(({ nodeId }) => nodeId);
  expect(await member('approve', approved)).toMatchObject({ exitCode: 0, json: { nodeId: approved } });
  expect(await member('refuse', refused)).toMatchObject({ exitCode: 0, json: { nodeId: refused } });
  expect(await waiting()).toEqual([]);
  await expect(good()).resolves.toMatchObject({ nodeId: approved });
  await expect(bad()).rejects.toMatchObject({ code: 'enrolmentRefused' });
  expect(await member('approve', refused)).toMatchObject(problem('nodeUnknown'));
  expect(await stateOf(approved)).toMatchObject({ organisationId: 'good.example', revokedAt: null });
});

test('an operator is shown on what terms the data of a member may be used', async () => {
  const identity = await enrol(parseInviteLink(await running.invite()), 'clinic', systemClock);
  const api = await connect(identity, systemClock);
  const dataSets = [{ name: 'visits', version: '3', inputShape: [2], terms: TERMS }];
  const capabilities = { software: 'hanse/0', provider: 'cpu', providerReason: 'x', dataSets } as const;
  await api.call('reportCapabilities', { body: capabilities });
  const words = `data visits, version 3: ${TERMS.origin}; notPersonal; retention unlimited; contact ${TERMS.contact}`;
  for (const command of [['list'], ['show', identity.nodeId]])
    expect((await hanse(['member', ...command, '--identity', running.operatorFile])).out).toContain(words);
  expect(await member('show', identity.nodeId)).toMatchObject({
    json: { name: 'clinic', capabilities: { dataSets } },
  });
  expect(await member('show', '0'.repeat(32))).toMatchObject(problem('nodeUnknown'));
});

test('a revocation of a node leaves the others, one of an organisation leaves none of its nodes', async () => {
  const identities = [
    await enrol(parseInviteLink(await running.invite()), 'first', systemClock),
    await enrol(parseInviteLink(await running.invite()), 'second', systemClock),
  ] as const;
  const apis = await Promise.all(identities.map((identity) => connect(identity, systemClock)));
  const asks = () =>
    Promise.all(
      apis.map((api) =>
        api.call('listJobs', {}).then(
          () => 'answered',
          ({ code }: { code: string }) => code,
        ),
      ),
    );
  expect(await asks()).toEqual(['answered', 'answered']);
  expect(await member('revoke', identities[0].nodeId, '--reason', 'stolen')).toMatchObject({ exitCode: 0 });
  expect(await asks()).toEqual(['memberRevoked', 'answered']);
  const { organisationId } = identities[1];
  expect(await member('revoke', '--organisation', organisationId)).toMatchObject({ exitCode: 0 });
  expect(await asks()).toEqual(['memberRevoked', 'memberRevoked']);
  const { out } = await hanse(['member', 'list', '--identity', running.operatorFile]);
  expect(out.split('\n').filter((line) => line.includes('  revoked '))).toHaveLength(2);
});

test('a list has headings; nobody revokes itself, and stays what it is', async () => {
  const { out } = await hanse(['member', 'list', '--identity', running.operatorFile]);
  const [heading = '', first = ''] = out.split('\n');
  expect(heading).toMatch(/^node {30}state +role +organisation +name$/);
  expect(first.indexOf('operator')).toBe(heading.indexOf('role'));
  const { nodeId } = running.operator;
  expect(await member('revoke', nodeId)).toMatchObject({
    exitCode: 2,
    json: { problem: { code: 'usage', detail: expect.stringContaining('hanse identity rotate') } },
  });
  expect(await stateOf(nodeId)).toMatchObject({ revokedAt: null });
});

test.each<[what: string, words: string[], code: string, exitCode: number]>([
  ['nobody', ['approve', '0'.repeat(32)], 'nodeUnknown', 1],
  ['nobody', ['refuse', '0'.repeat(32)], 'nodeUnknown', 1],
  ['nobody', ['revoke', '0'.repeat(32)], 'nodeUnknown', 1],
  ['no organisation', ['revoke', '--organisation', 'none.example'], 'nodeUnknown', 1],
  ['whoever asks', ['revoke', '--organisation', 'operator'], 'usage', 2],
  ['what is no id', ['approve', 'node'], 'usage', 2],
  ['neither node nor organisation', ['revoke'], 'usage', 2],
  ['both', ['revoke', '0'.repeat(32), '--organisation', 'a'], 'usage', 2],
  ['for no reason', ['revoke', '0'.repeat(32), '--reason', ''], 'usage', 2],
])('%s: %j is refused', async (_what, words, code, exitCode) => {
  expect(await member('list')).toMatchObject({ exitCode: 0 });
  expect(await member(...words)).toMatchObject(problem(code, exitCode));
});
