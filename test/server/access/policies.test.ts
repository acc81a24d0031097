// covers: server/access/open-policies.ts, server/access/policy-history.ts, server/access/policy-handlers.ts, schemas/policy.ts
import { beforeEach, describe, expect, test } from 'vitest';
import type { PolicyEvent } from '../../../schemas/policy.ts';
import { DEFAULT_POLICIES } from '../../../server/access/cedar-schema.ts';
import type { Policies } from '../../../server/access/policies.ts';
import { foldPolicies, NO_POLICIES } from '../../../server/access/policy-history.ts';
import { type Node, TestFederation } from '../../fixtures/federation.ts';

const CLOSED = `${DEFAULT_POLICIES}
@id("no-more-jobs") forbid (principal, action == Hanse::Action::"createJob", resource);`;

let federation: TestFederation;
let second: Node;
const policies = (): Policies => federation.coordinator.policies;
const open = async (policyApprovals: number) => {
  federation = await TestFederation.open({ participants: 0, settings: { policyApprovals } });
  second = await federation.enrol('second', 'operator');
};
const propose = (text: string, by: Node = federation.operator, after = policies().told().version) =>
  federation.call('proposePolicies', by, { body: { text, note: 'a try', after } });
const version = (number: number) => ({ params: { version: String(number) } });

describe('where one operator is enough', () => {
  beforeEach(() => open(1));

  test('what is proposed is in force at once, and after a start', async () => {
    expect(policies().told()).toMatchObject({ version: 0, text: DEFAULT_POLICIES, approvals: 1 });
    const adopted = await propose(CLOSED);
    expect(adopted).toMatchObject({ version: 1, state: 'inForce', note: 'a try' });
    expect(adopted.diff).toMatch(/^\+ @id\("no-more-jobs"\)/);
    expect(policies().authorizer.policies.text).toBe(CLOSED);
    await federation.reopen();
    expect(policies().authorizer.policies.text).toBe(CLOSED);
    await propose(DEFAULT_POLICIES);
    expect(
      policies()
        .told()
        .history.map(({ version: v, state }) => [v, state]),
    ).toEqual([
      [2, 'inForce'],
      [1, 'replaced'],
      [0, 'replaced'],
    ]);
    expect(await federation.call('getPolicyVersion', second, version(1))).toMatchObject({ text: CLOSED });
    expect(await federation.call('getPolicyVersion', second, version(0))).toMatchObject({
      text: DEFAULT_POLICIES,
    });
  });

  test('what was thought to be in force and is not any more is not replaced', async () => {
    await propose(CLOSED);
    await expect(propose(DEFAULT_POLICIES, second, 0)).rejects.toMatchObject({
      code: 'policiesOverlap',
      detail: { inForce: 1, waiting: 'none' },
    });
    await expect(propose(DEFAULT_POLICIES, second, 1)).resolves.toMatchObject({ version: 2 });
  });

  test('nobody is locked out: some operator can read and change them', async () => {
    const lockedOut = { code: 'policyLocksOut' };
    await expect(propose('')).rejects.toMatchObject(lockedOut);
    const without = (action: string) =>
      `${DEFAULT_POLICIES}\n@id("x") forbid (principal, action == Hanse::Action::"${action}", resource);`;
    for (const action of ['readPolicies', 'changePolicies'])
      await expect(propose(without(action))).rejects.toMatchObject({ ...lockedOut, detail: { action } });
    const forOne = (node: Node) =>
      `${DEFAULT_POLICIES}\n@id("x") forbid (principal == Hanse::Node::"${node.nodeId}", action, resource);`;
    await expect(propose(forOne(second))).resolves.toMatchObject({ state: 'inForce' });
    await federation.coordinator.federation.revoke(federation.operator.nodeId, 'left', second.nodeId);
    await expect(propose(forOne(second), second)).rejects.toMatchObject(lockedOut);
    expect(policies().told().version).toBe(1);
  });

  test('policies with errors leave those in force as they are', async () => {
    await expect(propose(`${DEFAULT_POLICIES} permit`)).rejects.toMatchObject({ code: 'policyInvalid' });
    expect(() => policies().detail(1)).toThrow(expect.objectContaining({ code: 'policiesUnknown' }));
    expect(policies().told().version).toBe(0);
  });
});

describe('where two operators are needed', () => {
  beforeEach(() => open(2));

  test('one proposes, another approves; neither does both, nor with another key', async () => {
    expect(await propose(CLOSED)).toMatchObject({ version: 1, state: 'waiting' });
    expect(policies().told().version).toBe(0);
    const approve = (by: Node) => federation.call('approvePolicies', by, version(1));
    await expect(approve(federation.operator)).rejects.toMatchObject({ code: 'approvalRepeated' });
    await expect(propose(DEFAULT_POLICIES, second)).rejects.toMatchObject({
      code: 'policiesOverlap',
      detail: { waiting: 1 },
    });
    await federation.reopen();
    const both = [federation.operator.nodeId, second.nodeId];
    expect(await approve(second)).toMatchObject({ state: 'inForce', by: both });
    await expect(approve(second)).rejects.toMatchObject({ code: 'policiesOverlap' });
    expect(policies().authorizer.policies.text).toBe(CLOSED);
  });

  test('whoever is revoked by then counts no more, whether proposer or not', async () => {
    await propose(CLOSED, second);
    const third = await federation.enrol('third', 'operator');
    const approve = (by: Node) => federation.call('approvePolicies', by, version(1));
    await federation.coordinator.federation.revoke(second.nodeId, 'stolen', federation.operator.nodeId);
    expect(await approve(federation.operator)).toMatchObject({ state: 'waiting' });
    expect(policies().told().version).toBe(0);
    // The two who are still there: who has proposed it is named in the history, and has not brought it about.
    expect(await approve(third)).toMatchObject({ state: 'inForce' });
    expect(policies().authorizer.policies.text).toBe(CLOSED);
  });

  test('a person of an organisation that was revoked is none who could change them again', async () => {
    const { federation: members, people } = federation.coordinator;
    const { nodeId: by } = federation.operator;
    await federation.enrol('node of a guest', 'participant', 'guest.example');
    const invited = {
      organisationId: 'guest.example',
      role: 'operator',
      handle: 'ada',
      name: 'Ada',
    } as const;
    const { personId } = await people.invite({ ...invited, lifetimeSeconds: 60 }, by);
    const credential = { credentialId: 'c'.repeat(16), publicKey: 'pQ', counter: 0, isBackedUp: false };
    await members.changePeople(() => [{ type: 'personEnrolled', personId, credential }]);
    await members.revoke(second.nodeId, 'left', by);
    await expect(propose(CLOSED)).resolves.toMatchObject({ state: 'waiting' });
    await federation.call('withdrawPolicies', federation.operator, version(1));
    await members.revokeOrganisation('guest.example', 'left', by);
    await expect(propose(CLOSED)).rejects.toMatchObject({ code: 'policyLocksOut' });
  });

  test('what waits can be withdrawn, once', async () => {
    await propose(CLOSED);
    const withdraw = () => federation.call('withdrawPolicies', second, version(1));
    expect(await withdraw()).toMatchObject({ state: 'withdrawn' });
    await expect(withdraw()).rejects.toMatchObject({ code: 'policiesOverlap' });
    await expect(federation.call('approvePolicies', second, version(1))).rejects.toMatchObject({
      code: 'policiesOverlap',
    });
    await expect(federation.call('withdrawPolicies', second, version(7))).rejects.toMatchObject({
      code: 'policiesUnknown',
    });
    expect(await propose(CLOSED)).toMatchObject({ version: 2, state: 'waiting' });
  });

  test('where nobody is left to approve, nothing is proposed', async () => {
    await federation.coordinator.federation.revoke(second.nodeId, 'left', federation.operator.nodeId);
    await expect(propose(CLOSED)).rejects.toMatchObject({ code: 'policyLocksOut' });
    await federation.enrol('third', 'operator');
    await expect(propose(CLOSED)).resolves.toMatchObject({ state: 'waiting' });
  });
});

test('events that cannot follow are no history', () => {
  const at = '2026-01-01T00:00:00.000Z';
  const sha256 = 'a'.repeat(64);
  const proposed = { type: 'policiesProposed', version: 1, text: '', sha256, note: 'n', by: 'b' } as const;
  const adopted: PolicyEvent = {
    type: 'policiesAdopted',
    version: 1,
    before: sha256,
    after: sha256,
    diff: '',
    by: ['b'],
  };
  const one = foldPolicies(NO_POLICIES, proposed, at);
  expect(foldPolicies(one, adopted, at).inForce).toBe(1);
  for (const [state, event] of [
    [NO_POLICIES, adopted],
    [NO_POLICIES, { ...proposed, version: 2 }],
    [one, { ...proposed, version: 2 }],
    [one, { ...adopted, after: 'b'.repeat(64) }],
    [foldPolicies(one, adopted, at), { type: 'policiesWithdrawn', version: 1, by: 'b' }],
  ] as const)
    expect(() => foldPolicies(state, event, at)).toThrow();
});
