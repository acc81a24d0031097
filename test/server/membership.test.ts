import { beforeEach, describe, expect, test } from 'vitest';
import { toHex } from '../../protocol/bytes.ts';
import { succeed } from '../../protocol/key-succession.ts';
import { attemptParams } from '../../protocol/routes.ts';
import type { JobRunner } from '../../server/job-runner.ts';
import { statusOf } from '../../server/job-view.ts';
import { atRest } from '../../sim/virtual-clock.ts';
import { admissionOf, type Node, nodeOf, TestFederation } from '../fixtures/federation.ts';
import { hashOf } from '../fixtures/vector-files.ts';

let federation: TestFederation;
const refused = (code: string) => expect.objectContaining({ code });

beforeEach(async () => {
  federation = await TestFederation.open({ participants: 3 });
});

const revoke = (node: Node, by = federation.operator) =>
  federation.call('revokeMember', by, { params: { nodeId: node.nodeId }, body: { reason: 'stolen' } });
const entryOf = ({ nodeId }: Node) => federation.coordinator.federation.member(nodeId)?.entry;
const version = () => federation.coordinator.federation.directoryVersion;
const requireValid = ({ nodeId }: Node) => federation.coordinator.federation.requireValid(nodeId);

describe('a node that is revoked', () => {
  test('is no member any more, at once and after a restart, and stays in the directory', async () => {
    const [first, second] = federation.participants as [Node, Node];
    const before = version();
    expect(requireValid(first)).toBeDefined();
    await revoke(first);
    await revoke(first);
    expect(version()).toBe(before + 1);
    for (const _ of ['now', 'after a restart']) {
      expect(() => requireValid(first)).toThrow(refused('memberRevoked'));
      expect(requireValid(second)).toBeDefined();
      expect(entryOf(first)?.revokedAt).not.toBeNull();
      await federation.reopen();
    }
  });

  test('gets the answer to the request that waits, and it is no', async () => {
    const [first, second] = federation.participants as [Node, Node];
    const waiting = federation.call('nextTasks', first, { query: { wait: '20' } });
    const other = federation.call('nextTasks', second, { query: { wait: '20' } });
    await atRest();
    await revoke(first);
    await expect(waiting).rejects.toEqual(refused('memberRevoked'));
    await federation.clock.advance(20_000);
    await expect(other).resolves.toMatchObject({ tasks: [] });
  });

  test('is not chosen any more', async () => {
    const [first, second, third] = federation.participants as [Node, Node, Node];
    await federation.appear();
    await revoke(first);
    await federation.appear([second, third]);
    const runner = await federation.createJob({ cohort: { size: 3, minimum: 2 } });
    await atRest();
    await federation.clock.advance(60_000);
    await federation.appear([second, third]);
    expect([...runner.state.cohort].sort()).toEqual([second.nodeId, third.nodeId].sort());
  });

  test('in a round under way: what it sends now does not count, and the round does not wait for it', async () => {
    const [first, second, third] = federation.participants as [Node, Node, Node];
    await federation.appear();
    const runner = await federation.createJob({ cohort: { size: 3, minimum: 2 } });
    await federation.appear();
    await federation.work(second);
    const [task] = federation.tasksOf(first);
    if (!task) throw new Error('no task');
    const params = attemptParams(task);
    // Authenticated before the revocation, complete only after it.
    const body = federation.updateOf(first, 1);
    const member = federation.memberOf(first);
    let finish = () => {};
    const finished = new Promise<void>((resolve) => {
      finish = resolve;
    });
    async function* slowly() {
      yield body.subarray(0, 10);
      await finished;
      yield body.subarray(10);
    }
    const sha256 = hashOf(body);
    const late = federation.handlers.putUpdate({
      params,
      body: { source: slowly(), sha256, length: body.length },
      member,
      signal: new AbortController().signal,
    });
    await atRest();
    await revoke(first);
    finish();
    await expect(late).rejects.toEqual(refused('memberRevoked'));
    expect(runner.state.accepted.has(first.nodeId)).toBe(false);
    expect(runner.state.declined.get(first.nodeId)).toBe('memberRevoked');
    await federation.work(third);
    expect(runner.state.history).toMatchObject([{ updates: 2, declined: { memberRevoked: 1 } }]);
  });

  test('what it had delivered before was acknowledged, and counts', async () => {
    const [first, second, third] = federation.participants as [Node, Node, Node];
    await federation.appear();
    const runner = await federation.createJob({ rounds: 1, cohort: { size: 3, minimum: 2 } });
    await federation.appear();
    await federation.work(first);
    await revoke(first);
    await federation.work(second);
    await federation.work(third);
    expect(runner.state.history).toMatchObject([{ updates: 3 }]);
  });

  test('a kill between the revocation and its effect is made up for at the start', async () => {
    const [first] = federation.participants as [Node];
    await federation.appear();
    const { jobId } = await federation.createJob({ cohort: { size: 3, minimum: 2 } });
    await federation.appear();
    const { operator } = federation;
    await federation.coordinator.federation.revoke(first.nodeId, 'stolen', operator.nodeId);
    expect(federation.coordinator.job(jobId).state.declined.size).toBe(0);
    await federation.reopen();
    expect(federation.coordinator.job(jobId).state.declined.get(first.nodeId)).toBe('memberRevoked');
  });

  test('is one that there is, and not who asks', async () => {
    await expect(revoke(await nodeOf('nobody', 'participant'))).rejects.toEqual(refused('nodeUnknown'));
    await expect(revoke(federation.operator)).rejects.toEqual(refused('invalidFormat'));
    expect(requireValid(federation.operator)).toBeDefined();
  });

  test('cannot be revoked if that cannot be stored, and is a member until it is', async () => {
    const [first] = federation.participants as [Node];
    federation.store.fault = () => 'full';
    await expect(revoke(first)).rejects.toEqual(refused('storageFull'));
    expect(requireValid(first)).toBeDefined();
    federation.store.fault = () => undefined;
    await revoke(first);
    expect(() => requireValid(first)).toThrow(refused('memberRevoked'));
  });
});

describe('an organisation that is revoked', () => {
  const revokeOrganisation = (organisationId: string) =>
    federation.call('revokeOrganisation', federation.operator, {
      params: { organisationId },
      body: { reason: 'left' },
    });

  test('takes all its nodes with it, and gets no more', async () => {
    const { operator, participants, researcher } = federation;
    const body = { role: 'participant', organisationId: 'hansa', lifetimeSeconds: 60 } as const;
    const { token } = await federation.call('createInvite', operator, { body });
    await revokeOrganisation('hansa');
    await revokeOrganisation('hansa');
    for (const node of [...participants, researcher])
      expect(() => requireValid(node)).toThrow(refused('memberRevoked'));
    expect(requireValid(operator)).toBeDefined();
    const node = await nodeOf('late', 'participant');
    const request = {
      token,
      publicKey: toHex(node.signer.publicKey),
      name: 'late',
      admission: await admissionOf(node, federation.coordinator.federation.id),
    };
    await expect(federation.coordinator.federation.enrol(request)).rejects.toEqual(refused('memberRevoked'));
    await federation.reopen();
    expect(() => requireValid(researcher)).toThrow(refused('memberRevoked'));
  });

  test('is one that there is, and not that of the operator', async () => {
    await expect(revokeOrganisation('nobody')).rejects.toEqual(refused('nodeUnknown'));
    await expect(revokeOrganisation('operator')).rejects.toEqual(refused('invalidFormat'));
  });
});

describe('a change of keys', () => {
  const hour = 3_600_000;
  async function change(old: Node, next: Node, overlapSeconds = 3600) {
    const { id } = federation.coordinator.federation;
    const coordinatorKey = toHex((await nodeOf('coordinator', 'operator')).signer.publicKey);
    const pinned = { federationId: id, coordinatorKey };
    const { byOld, byNew } = await succeed(old.signer, next.signer, pinned);
    const body = { publicKey: toHex(next.signer.publicKey), byOld, byNew, overlapSeconds };
    return { body, call: () => federation.call('succeedKey', old, { body }) };
  }

  test('makes the new key a member of the same kind; both are valid for a while, then the new one', async () => {
    const [old] = federation.participants as [Node];
    const next = await nodeOf('next', 'participant');
    const { call } = await change(old, next);
    const receipt = await call();
    expect(receipt).toEqual({
      nodeId: next.nodeId,
      oldKeyValidUntil: new Date(federation.clock.now() + hour).toISOString(),
    });
    expect(await call()).toEqual(receipt); // the answer may have been lost
    expect(requireValid(next)).toMatchObject({
      organisationId: 'hansa',
      role: 'participant',
      name: 'participant 0',
    });
    await federation.clock.advance(hour - 1);
    expect(requireValid(old)).toBeDefined();
    await federation.clock.advance(1);
    await federation.reopen();
    expect(() => requireValid(old)).toThrow(refused('keyRetired'));
    expect(requireValid(next)).toBeDefined();
  });

  test('does not make two participants of one: the old key is not chosen while the new one is there', async () => {
    const [old, second] = federation.participants as [Node, Node];
    const next = await nodeOf('next', 'participant');
    await (await change(old, next)).call();
    await federation.appear([old, next, second]);
    const runner = await federation.createJob({ cohort: { size: 3, minimum: 2 } });
    await federation.clock.advance(60_000);
    await federation.appear([old, next, second]);
    expect([...runner.state.cohort].sort()).toEqual([next.nodeId, second.nodeId].sort());
  });

  test('does not bring a participant into a tree again, with whichever of its keys it took part in it', async () => {
    const [old, second] = federation.participants as [Node, Node];
    const next = await nodeOf('next', 'participant');
    const centralNoise = { type: 'gaussianTree', sigma: 16, rounds: 2 } as const;
    const terms = {
      privacyUnit: 'participant',
      privacy: { delta: 1e-5, epsilonModel: 1, centralNoise },
      ...{ cohort: { size: 1, minimum: 1 }, rounds: 4 },
    } as const;
    await federation.storeContent();
    const jobs = [await federation.coordinator.newJob(), await federation.coordinator.newJob()];
    const [runner, reverse] = jobs as [JobRunner, JobRunner];
    const created = { type: 'jobCreated', createdBy: federation.researcher.nodeId } as const;
    const matter = { manifest: federation.manifest(terms), manifestSha256: '0'.repeat(64) };
    await federation.appear([old]);
    await runner.create({ ...created, ...matter, jobId: runner.jobId });
    await atRest();
    await (await change(old, next)).call();
    await federation.work(old);
    await federation.clock.advance(60_000);
    await federation.appear([next]);
    expect(runner.state).toMatchObject({ phase: 'recruiting', round: 2, cohort: [] });
    expect(statusOf(runner, federation.coordinator).waitingFor).toMatch(/1 live, 1 of them cannot take part/);

    // The old key, while the new one that is in the tree is away. Others go on, and anybody is in the next tree.
    await reverse.create({ ...created, ...matter, jobId: reverse.jobId });
    await atRest();
    await federation.work(next);
    await federation.clock.advance(60_000);
    await federation.appear([old]);
    expect(reverse.state).toMatchObject({ phase: 'recruiting', round: 2, cohort: [] });
    await federation.appear([second]);
    await federation.clock.advance(10_000);
    for (const { state } of [runner, reverse]) expect(state.cohort).toEqual([second.nodeId]);
    await federation.workAll();
    for (const { state } of [runner, reverse]) expect(state.phase).toBe('finished');
  });

  test('needs both signatures, a key that is nobody else’s, and happens once', async () => {
    const [old, second] = federation.participants as [Node, Node];
    const [next, other] = [await nodeOf('next', 'participant'), await nodeOf('other', 'participant')];
    const good = await change(old, next);
    const { byNew } = (await change(old, other)).body;
    const forged = { ...good.body, byNew };
    await expect(federation.call('succeedKey', old, { body: forged })).rejects.toEqual(
      refused('signatureInvalid'),
    );
    // Somebody else's signature, sent by another member as its own.
    await expect(federation.call('succeedKey', second, { body: good.body })).rejects.toEqual(
      refused('signatureInvalid'),
    );
    await expect((await change(old, second)).call()).rejects.toEqual(refused('identityDuplicate'));
    await good.call();
    await expect((await change(old, other)).call()).rejects.toEqual(refused('messageConflict'));
    await expect((await change(second, next)).call()).rejects.toEqual(refused('identityDuplicate'));
  });

  test('is refused to a node that was revoked while it asked', async () => {
    const [old] = federation.participants as [Node];
    const next = await nodeOf('next', 'participant');
    const { body } = await change(old, next);
    const member = requireValid(old);
    await revoke(old);
    await expect(federation.coordinator.federation.succeed(member, body)).rejects.toEqual(
      refused('memberRevoked'),
    );
  });

  test('happens five times at once, and then now and then', async () => {
    let [key] = federation.participants as [Node];
    for (let count = 1; count <= 6; count += 1) {
      const next = await nodeOf(`key ${count}`, 'participant');
      const { call } = await change(key, next, 0);
      if (count < 6) await call();
      else await expect(call()).rejects.toEqual(refused('overloaded'));
      if (count === 6) await federation.clock.advance(6 * hour);
      if (count === 6) await call();
      key = next;
    }
  });

  test.each(['the old key', 'the new key'])('does not save a node that is revoked by %s', async (which) => {
    const [old, second] = federation.participants as [Node, Node];
    const [next, last] = [await nodeOf('next', 'participant'), await nodeOf('last', 'participant')];
    await (await change(old, next)).call();
    await expect((await change(next, last)).call()).rejects.toEqual(refused('messageConflict'));
    await federation.clock.advance(hour);
    await (await change(next, last)).call();
    await revoke(which === 'the old key' ? old : last);
    for (const key of [old, next, last]) expect(() => requireValid(key)).toThrow(refused('memberRevoked'));
    expect(requireValid(second)).toBeDefined();
  });
});
