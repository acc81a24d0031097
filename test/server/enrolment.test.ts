// covers: server/enrolment.ts, server/federation-state.ts, server/directory.ts, server/member-handlers.ts
import { beforeEach, describe, expect, test } from 'vitest';
import { toHex } from '../../protocol/bytes.ts';
import { checkDirectory } from '../../protocol/directory.ts';
import { checkSuccession } from '../../protocol/directory-succession.ts';
import type { InviteRequest } from '../../schemas/member.ts';
import { admissionOf, type Node, nodeOf, TestFederation } from '../fixtures/federation.ts';

let federation: TestFederation;
const refused = (code: string) => expect.objectContaining({ code });

beforeEach(async () => {
  federation = await TestFederation.open({ participants: 1 });
});

async function invite(overrides: Partial<InviteRequest> = {}): Promise<string> {
  const body = { role: 'participant', organisationId: 'hansa', lifetimeSeconds: 3600, ...overrides } as const;
  return (await federation.call('createInvite', federation.operator, { body })).token;
}

/** @param by whose organisation's key signs, for which organisation */
async function enrol(node: Node, token: string, by: string | [key: string, of: string] = 'hansa') {
  const [key, organisationId] = typeof by === 'string' ? [by, by] : by;
  const { id } = federation.coordinator.federation;
  const admission = await admissionOf(node, id, organisationId);
  if (key !== organisationId) admission.organisationKey = (await admissionOf(node, id, key)).organisationKey;
  const body = { token, publicKey: toHex(node.signer.publicKey), name: 'a node', admission };
  return federation.handlers.enrol({ body, member: undefined, signal: new AbortController().signal });
}

const pinned = async () => ({
  federationId: federation.coordinator.federation.id,
  coordinatorKey: toHex((await nodeOf('coordinator', 'operator')).signer.publicKey),
});
const directory = async (after = 0) =>
  federation.call('getDirectory', federation.operator, { query: { after: String(after) } });

describe('an organisation', () => {
  test('comes with its first node, and admits the next with the same key', async () => {
    const [first, second] = [await nodeOf('first', 'participant'), await nodeOf('second', 'participant')];
    await enrol(first, await invite({ organisationId: 'clinic' }), 'clinic');
    await enrol(second, await invite({ organisationId: 'clinic' }), 'clinic');
    const { organisations } = (await directory()).directory;
    expect(organisations.map(({ organisationId, nodes }) => [organisationId, nodes.length])).toEqual([
      ['operator', 1],
      ['hansa', 2],
      ['clinic', 2],
    ]);
  });

  test('is not that of whoever brings another key, whatever the invite says', async () => {
    const node = await nodeOf('node', 'participant');
    const { id } = federation.coordinator.federation;
    const token = await invite();
    const foreign = await admissionOf(node, id, 'hansa');
    const other = await admissionOf(node, id, 'other');
    const body = { token, publicKey: toHex(node.signer.publicKey), name: 'a node' };
    const call = (admission: typeof other) =>
      federation.handlers.enrol({
        body: { ...body, admission },
        member: undefined,
        signal: new AbortController().signal,
      });
    await expect(call(other)).rejects.toEqual(refused('organisationKeyMismatch'));
    await expect(call({ ...other, organisationKey: foreign.organisationKey })).rejects.toEqual(
      refused('admissionInvalid'),
    );
    await expect(call(foreign)).resolves.toMatchObject({ organisationId: 'hansa' });
  });

  test('is not the operator, nor one by another name with the same key', async () => {
    const node = await nodeOf('node', 'participant');
    await expect(enrol(node, await invite({ organisationId: 'operator' }), 'operator')).rejects.toEqual(
      refused('organisationKeyMismatch'),
    );
    // Signed for clinic, by the key of hansa.
    const token = await invite({ organisationId: 'clinic' });
    await expect(enrol(node, token, ['hansa', 'clinic'])).rejects.toEqual(refused('identityDuplicate'));
    await expect(enrol(node, token, 'clinic')).resolves.toBeDefined();
  });

  test('admits a node in one role', async () => {
    const node = await nodeOf('node', 'participant');
    const token = await invite({ role: 'researcher' });
    await expect(enrol(node, token)).rejects.toEqual(refused('admissionInvalid'));
    await expect(enrol({ ...node, role: 'researcher' }, token)).resolves.toMatchObject({
      role: 'researcher',
    });
  });
});

describe('one key is one node', () => {
  test('it cannot be enrolled again with another invite, in the same organisation or another', async () => {
    const [known] = federation.participants as [Node];
    await expect(enrol(known, await invite())).rejects.toEqual(refused('identityDuplicate'));
    await expect(enrol(known, await invite({ organisationId: 'clinic' }), 'clinic')).rejects.toEqual(
      refused('identityDuplicate'),
    );
    await expect(enrol(await nodeOf('fresh', 'participant'), await invite())).resolves.toBeDefined();
  });

  test('nor is the key of an organisation that of a node, or the other way round', async () => {
    const organisation = await nodeOf('organisation hansa', 'participant');
    await expect(enrol(organisation, await invite({ organisationId: 'clinic' }), 'clinic')).rejects.toEqual(
      refused('identityDuplicate'),
    );
    const node = await nodeOf('organisation clinic', 'participant');
    await expect(enrol(node, await invite({ organisationId: 'clinic' }), 'clinic')).rejects.toEqual(
      refused('identityDuplicate'),
    );
  });
});

describe('approval', () => {
  const waiting = async () => (await federation.call('listEnrolments', federation.operator, {})).waiting;
  const decide = (node: Node, route: 'approveEnrolment' | 'refuseEnrolment') =>
    federation.call(route, federation.operator, { params: { nodeId: node.nodeId } });

  test('is waited for, and makes a member', async () => {
    const node = await nodeOf('node', 'participant');
    const token = await invite({ organisationId: 'clinic', needsApproval: true });
    await expect(enrol(node, token, 'clinic')).rejects.toEqual(refused('approvalPending'));
    await federation.reopen();
    await expect(enrol(node, token, 'clinic')).rejects.toEqual(refused('approvalPending'));
    expect(federation.coordinator.federation.member(node.nodeId)).toBeUndefined();
    expect(await waiting()).toEqual([
      expect.objectContaining({ nodeId: node.nodeId, organisationId: 'clinic', isNewOrganisation: true }),
    ]);
    const { version } = (await directory()).directory.statement;
    await decide(node, 'approveEnrolment');
    await decide(node, 'approveEnrolment');
    expect((await directory()).directory.statement.version).toBe(version + 1);
    expect(await waiting()).toEqual([]);
    await expect(enrol(node, token, 'clinic')).resolves.toMatchObject({ organisationId: 'clinic' });
  });

  test('can be refused, for good', async () => {
    const node = await nodeOf('node', 'participant');
    const token = await invite({ needsApproval: true });
    await expect(enrol(node, token)).rejects.toEqual(refused('approvalPending'));
    await decide(node, 'refuseEnrolment');
    await decide(node, 'refuseEnrolment');
    await expect(enrol(node, token)).rejects.toEqual(refused('enrolmentRefused'));
    await expect(decide(node, 'approveEnrolment')).rejects.toEqual(refused('nodeUnknown'));
    expect(await waiting()).toEqual([]);
    await federation.reopen();
    await expect(enrol(node, token)).rejects.toEqual(refused('enrolmentRefused'));
  });

  test('does not help whoever came too late with another key of the organisation', async () => {
    const [first, second] = [await nodeOf('first', 'participant'), await nodeOf('second', 'participant')];
    const clinic = { organisationId: 'clinic', needsApproval: true };
    await expect(enrol(first, await invite(clinic), 'clinic')).rejects.toEqual(refused('approvalPending'));
    const { id } = federation.coordinator.federation;
    const foreign = await admissionOf(second, id, 'other');
    await expect(
      federation.handlers.enrol({
        body: {
          token: await invite({ organisationId: 'other', needsApproval: true }),
          publicKey: toHex(second.signer.publicKey),
          name: 'x',
          admission: foreign,
        },
        member: undefined,
        signal: new AbortController().signal,
      }),
    ).rejects.toEqual(refused('approvalPending'));
    // Meanwhile somebody else has become the organisation `other`, with another key.
    await decide(first, 'approveEnrolment');
    await decide(second, 'approveEnrolment');
    expect(federation.coordinator.federation.member(second.nodeId)).toBeDefined();
  });

  test('is of somebody who waits', async () => {
    await expect(decide(await nodeOf('nobody', 'participant'), 'approveEnrolment')).rejects.toEqual(
      refused('nodeUnknown'),
    );
    await expect(decide(await nodeOf('nobody', 'participant'), 'refuseEnrolment')).rejects.toEqual(
      refused('nodeUnknown'),
    );
  });
});

describe('the directory', () => {
  test('is sound, follows from every version before it, and is the same after a restart', async () => {
    const first = (await directory()).directory;
    await checkDirectory(first, await pinned());
    for (const name of ['a', 'b', 'c'])
      await enrol(await nodeOf(name, 'participant'), await invite({ organisationId: name }), name);
    const answer = await directory(first.statement.version);
    expect(answer.directory.statement.version).toBe(first.statement.version + 3);
    expect(answer.between).toHaveLength(2);
    await expect(checkSuccession(first, answer, await pinned())).resolves.toEqual(answer.directory);
    await federation.clock.advance(1000);
    await federation.reopen();
    expect(await directory(first.statement.version)).toEqual(answer);
  });

  test('is told with the tasks', async () => {
    const [node] = federation.participants as [Node];
    const { directoryVersion } = await federation.call('nextTasks', node, { query: {} });
    expect(directoryVersion).toBe((await directory()).directory.statement.version);
  });

  test('that cannot be stored is not shown', async () => {
    const node = await nodeOf('node', 'participant');
    const token = await invite();
    const before = await directory();
    federation.store.fault = () => 'full';
    await expect(enrol(node, token)).rejects.toEqual(refused('storageFull'));
    expect(await directory()).toEqual(before);
    federation.store.fault = () => undefined;
    await enrol(node, token);
    expect((await directory()).directory.statement.version).toBe(before.directory.statement.version + 1);
  });
});

test('an invite is worth no more than the membership of who made it', async () => {
  const { operator } = federation;
  const second = await nodeOf('second operator', 'operator');
  await enrol(second, await invite({ role: 'operator', organisationId: 'deputies' }), 'deputies');
  const body = { role: 'operator', organisationId: 'sleepers', lifetimeSeconds: 3600 } as const;
  const [used, late] = [
    await federation.call('createInvite', second, { body }),
    await federation.call('createInvite', second, { body }),
  ];
  const first = await nodeOf('first sleeper', 'operator');
  await expect(enrol(first, used.token, 'sleepers')).resolves.toMatchObject({ role: 'operator' });
  const params = { nodeId: second.nodeId };
  await federation.call('revokeMember', operator, { params, body: { reason: 'left' } });
  const other = await nodeOf('second sleeper', 'operator');
  await expect(enrol(other, late.token, 'sleepers')).rejects.toEqual(refused('inviteUnknown'));
});
