// covers: server/witness-roll.ts, server/readable-content.ts, schemas/witness.ts
import { expect, test, vi } from 'vitest';
import { primitives } from '#primitives';
import { parseCheckpoint } from '../../protocol/audit/checkpoint.ts';
import { cosign } from '../../protocol/audit/cosignature.ts';
import { nodeWitnessKey } from '../../protocol/audit/node-witness.ts';
import { parseNote, signatureLine } from '../../protocol/audit/signed-note.ts';
import {
  majorityPolicy,
  parseWitnessPolicy,
  readWitnessed,
  type WitnessPolicy,
} from '../../protocol/audit/witness-policy.ts';
import { toBase64, toHex, utf8 } from '../../protocol/bytes.ts';
import { succeed } from '../../protocol/key-succession.ts';
import { HanseError } from '../../protocol/problem.ts';
import type { AuditLog } from '../../server/audit-log.ts';
import type { AuditNote, AuditNotes } from '../../server/audit-notes.ts';
import { atRest } from '../../sim/virtual-clock.ts';
import { type Node, nodeOf, TestFederation } from '../fixtures/federation.ts';
import { grow, logOf, type WitnessedMemory, witnessedMemory } from '../fixtures/witnessed-log.ts';

const refusal = (code: string) => expect.objectContaining({ code });
const SOFTWARE = { software: 'hanse/0', provider: 'cpu' as const, providerReason: 'x', dataSets: [] };

interface World {
  /** What was noted, in its order. */
  readonly noted: AuditNote[];
  readonly federation: TestFederation;
  readonly log: AuditLog;
  readonly kept: WitnessedMemory;
  /** By the name of its organisation and a number. */
  readonly nodes: ReadonlyMap<string, Node>;
}

/** Nodes in these organisations, all of which say that they witness. */
async function worldOf(organisations: readonly string[], witnessPolicy?: WitnessPolicy): Promise<World> {
  const log = await logOf(3);
  const kept = witnessedMemory();
  const pinned = witnessPolicy && { witnessPolicy };
  const noted: AuditNote[] = [];
  const notes: AuditNotes = { record: async (note) => void noted.push(note) };
  const federation = await TestFederation.open({ participants: 0, log, notes, witnessed: kept, ...pinned });
  const nodes = new Map<string, Node>();
  for (const [at, organisation] of organisations.entries()) {
    const name = `${organisation} ${organisations.slice(0, at).filter((one) => one === organisation).length}`;
    const node = await federation.enrol(name, 'participant', organisation);
    nodes.set(name, node);
    await federation.call('reportCapabilities', node, { body: { ...SOFTWARE, witness: true } });
  }
  await atRest();
  return { federation, log, kept, nodes, noted };
}

const nodeIn = ({ nodes }: World, name: string) => nodes.get(name) as Node;
const ask = ({ federation }: World, node: Node) =>
  federation.call('getWitnessCheckpoint', node, { query: {} });
async function lineOf({ federation }: World, node: Node, note: string): Promise<string> {
  const { organisationId, nodeId } = federation.memberOf(node);
  const key = await nodeWitnessKey({ organisationId, nodeId, publicKey: node.signer.publicKey });
  return signatureLine(await cosign(parseNote(note).text, key, node.signer, 1_790_000_000)).trimEnd();
}
async function cosignAs(world: World, name: string): Promise<void> {
  const node = nodeIn(world, name);
  const { checkpoint = '' } = await ask(world, node);
  await world.federation.call('putCosignature', node, {
    body: { line: await lineOf(world, node, checkpoint) },
  });
}
async function textOf({ federation }: World, name: 'getCheckpoint' | 'getWitnessPolicy'): Promise<string> {
  const { source } = await federation.call(name, federation.researcher, {});
  return new TextDecoder().decode(source as Uint8Array);
}
const policyOf = async (world: World) => parseWitnessPolicy(await textOf(world, 'getWitnessPolicy'));

test('more than half of the organisations make a quorum, however many nodes one of them has', async () => {
  const world = await worldOf(['bank', 'bank', 'bank', 'bank', 'clinic', 'port']);
  const policy = await policyOf(world);
  expect(policy.witnesses.map(({ name }) => name.split('/')[0])).toEqual([
    'bank',
    'bank',
    'bank',
    'clinic',
    'port',
  ]);
  expect(await textOf(world, 'getCheckpoint')).toBe(world.log.note);
  for (const name of ['bank 0', 'bank 1', 'bank 2']) await cosignAs(world, name);
  expect([world.kept.read(), world.federation.coordinator.witnessing?.standing]).toEqual([
    undefined,
    { cosigned: 1, needed: 2 },
  ]);
  expect(await ask(world, nodeIn(world, 'bank 3'))).toEqual({ isWitness: false });
  await cosignAs(world, 'port 0');
  const { cosigned } = await readWitnessed(await textOf(world, 'getCheckpoint'), policy);
  expect(cosigned.size).toBe(4);
  // What is served is what was witnessed, until the next one is.
  const served = await textOf(world, 'getCheckpoint');
  await grow(world.log, 1);
  expect(await textOf(world, 'getCheckpoint')).toBe(served);
});

test('who comes, resigns and is revoked changes the policy', async () => {
  const world = await worldOf(['bank', 'clinic', 'port']);
  const { federation } = world;
  const adopted = () =>
    world.noted.flatMap(({ type, data }) => (type === 'witness.policyAdopted' ? [data] : []));
  expect(adopted().map(({ witnesses, needed }) => [witnesses, needed])).toEqual([
    [1, 1],
    [2, 2],
    [3, 2],
  ]);
  const served = await primitives.sha256(utf8(await textOf(world, 'getWitnessPolicy')));
  expect(adopted().at(-1)?.policy).toBe(toHex(served));
  const names = async () => (await policyOf(world)).witnesses.map(({ name }) => name.split('/')[0]);
  expect(await names()).toEqual(['bank', 'clinic', 'port']);
  await federation.call('reportCapabilities', nodeIn(world, 'bank 0'), {
    body: { ...SOFTWARE, witness: false },
  });
  await atRest();
  expect(await names()).toEqual(['clinic', 'port']);
  await federation.call('revokeMember', federation.operator, {
    params: { nodeId: nodeIn(world, 'port 0').nodeId },
    body: { reason: 'lost' },
  });
  await atRest();
  expect(await names()).toEqual(['clinic']);
  // A tab, an evaluator, and a node that says nothing are none.
  const silent = await federation.enrol('silent', 'participant', 'mill');
  await federation.call('reportCapabilities', silent, { body: SOFTWARE });
  const evaluator = await federation.enrol('evaluator', 'evaluator', 'mill');
  await federation.call('reportCapabilities', evaluator, { body: { ...SOFTWARE, witness: true } });
  await atRest();
  expect(await names()).toEqual(['clinic']);
});

test('a question is held until there is something to cosign', async () => {
  const world = await worldOf(['bank', 'clinic']);
  const { federation, log } = world;
  const bank = nodeIn(world, 'bank 0');
  await cosignAs(world, 'bank 0');
  const held = federation.call('getWitnessCheckpoint', bank, { query: { wait: '20' } });
  await cosignAs(world, 'clinic 0');
  await grow(log, 1);
  federation.coordinator.witnessing?.ask();
  const { checkpoint = '' } = await held;
  expect(parseCheckpoint(checkpoint).size).toBe(4);
  await cosignAs(world, 'bank 0');
  const nothing = federation.call('getWitnessCheckpoint', bank, { query: { wait: '20' } });
  await atRest();
  await federation.clock.advance(20_000);
  expect(await nothing).toEqual({ isWitness: true });
});

test('only witnesses of the policy cosign, each for itself', async () => {
  const world = await worldOf(['bank', 'clinic']);
  const { federation } = world;
  const [bank, clinic] = [nodeIn(world, 'bank 0'), nodeIn(world, 'clinic 0')];
  const { checkpoint = '' } = await ask(world, bank);
  const stranger = await federation.enrol('stranger', 'participant', 'mill');
  for (const [node, line] of [
    [clinic, await lineOf(world, bank, checkpoint)],
    [stranger, await lineOf(world, stranger, checkpoint)],
  ] as const)
    await expect(federation.call('putCosignature', node, { body: { line } })).rejects.toEqual(
      refusal('noteUnsigned'),
    );
  expect(federation.coordinator.witnessing?.standing.cosigned).toBe(0);
  await cosignAs(world, 'clinic 0');
  expect(federation.coordinator.witnessing?.standing.cosigned).toBe(1);
});

test('evidence that the log has two histories is told to the operator once; what is no evidence is refused', async () => {
  const world = await worldOf(['bank', 'clinic']);
  const { federation, log } = world;
  const [bank, older] = [nodeIn(world, 'bank 0'), log.note];
  await grow(log, 2);
  const tell = (evidence: string[], node = bank) =>
    federation.call('putWitnessEvidence', node, {
      body: { evidence: evidence.map((note) => toBase64(utf8(note))) },
    });
  const stranger = await logOf(9, 'entry', 2);
  for (const [evidence, code] of [
    [[older, log.note], 'witnessRequestMalformed'],
    [[log.note, older], 'witnessRequestMalformed'],
    [[log.note, stranger.note], 'noteUnsigned'],
    [[log.note, 'x'], 'noteMalformed'],
  ] as const)
    await expect(tell([...evidence])).rejects.toEqual(refusal(code));
  expect(federation.reported).toEqual([]);
  const forked = await logOf(4, 'other');
  const longer = await logOf(40);
  for (const evidence of [
    [log.note, forked.note],
    [longer.note, log.note],
  ]) {
    await tell(evidence);
    await tell(evidence);
  }
  expect(federation.reported).toEqual([refusal('logForked'), refusal('logForked')]);
  const alarms = world.noted.filter(({ type }) => type === 'witness.alarmRaised');
  expect(alarms.map(({ data }) => data)).toMatchObject([
    { by: bank.nodeId, oldSize: 5, size: 4, evidence: [log.note, forked.note] },
    { by: bank.nodeId, oldSize: 40, size: 5 },
  ]);
});

test('evidence is told of once however it is written, and again where it could not be noted', async () => {
  const world = await worldOf(['bank', 'clinic']);
  const { federation, log, noted } = world;
  const bank = nodeIn(world, 'bank 0');
  const tell = (evidence: string[], node = bank) =>
    federation.call('putWitnessEvidence', node, {
      body: { evidence: evidence.map((note) => toBase64(utf8(note))) },
    });
  const alarms = () => noted.filter(({ type }) => type === 'witness.alarmRaised');
  const forked = await logOf(0, 'other');
  const junk = (at: number) => `\u2014 nobody ${toBase64(new Uint8Array(3000).fill(at))}\n`;
  await grow(forked, 1, 'other');
  for (const at of [1, 2, 3]) await tell([log.note + junk(at), forked.note]);
  expect(alarms().map(({ data }) => data)).toMatchObject([{ evidence: [log.note, forked.note] }]);
  for (let at = 0; at < 20; at += 1) {
    await grow(forked, 1, 'other');
    await tell([log.note, forked.note]);
  }
  expect(alarms()).toHaveLength(16);

  const full = new HanseError('storageFull', { path: 'audit' });
  const record = vi.spyOn(federation.coordinator.notes, 'record').mockRejectedValueOnce(full);
  const clinic = nodeIn(world, 'clinic 0');
  await expect(tell([log.note, forked.note], clinic)).rejects.toEqual(refusal('storageFull'));
  record.mockRestore();
  await tell([log.note, forked.note], clinic);
  expect(alarms()).toHaveLength(17);
});

test('a coordinator whose log is not the one that witnesses have cosigned does not start', async () => {
  const world = await worldOf(['bank']);
  await grow(world.log, 2);
  world.federation.coordinator.witnessing?.ask();
  for (const size of [3, 5]) {
    await cosignAs(world, 'bank 0');
    expect(parseCheckpoint(world.kept.read()?.checkpoint ?? '').size).toBe(size);
  }
  const witnessed = world.kept;
  await expect(TestFederation.open({ log: await logOf(4), witnessed })).rejects.toEqual(
    refusal('storageCorrupt'),
  );
  await expect(TestFederation.open({ log: await logOf(9, 'other'), witnessed })).rejects.toEqual(
    refusal('storageCorrupt'),
  );
  await world.federation.reopen();
  expect(await textOf(world, 'getCheckpoint')).toBe(witnessed.read()?.checkpoint);
});

test('a witness that is silent is told of, in the log too', async () => {
  const world = await worldOf(['bank', 'clinic', 'port']);
  for (const name of ['bank 0', 'clinic 0']) await cosignAs(world, name);
  await world.federation.clock.advance(600_000);
  await ask(world, nodeIn(world, 'bank 0'));
  const name = `port/${nodeIn(world, 'port 0').nodeId}`;
  expect(world.federation.reported).toEqual([
    expect.objectContaining({ code: 'witnessSilent', detail: expect.objectContaining({ witness: name }) }),
  ]);
  expect(world.noted.at(-1)).toMatchObject({ type: 'witness.silent', data: { witness: name } });
});

test('a node that goes on with its next key is counted with both, and its old one is not called silent', async () => {
  const world = await worldOf(['bank', 'clinic']);
  const { federation } = world;
  const [old, next] = [nodeIn(world, 'bank 0'), await nodeOf('next', 'participant')];
  const coordinatorKey = toHex((await nodeOf('coordinator', 'operator')).signer.publicKey);
  const pinned = { federationId: federation.coordinator.federation.id, coordinatorKey };
  const { byOld, byNew } = await succeed(old.signer, next.signer, pinned);
  const body = { publicKey: toHex(next.signer.publicKey), byOld, byNew, overlapSeconds: 3600 };
  await federation.call('succeedKey', old, { body });
  await atRest();
  expect((await policyOf(world)).witnesses.map(({ name }) => name)).toContain(`bank/${next.nodeId}`);
  (world.nodes as Map<string, Node>).set('next', next);
  await cosignAs(world, 'clinic 0');
  await cosignAs(world, 'next');
  expect(world.kept.writes).not.toEqual([]);
  await federation.clock.advance(600_000);
  await ask(world, next);
  expect(federation.reported).toEqual([]);
});

test('a pinned policy is the one that counts, whoever else witnesses', async () => {
  const open = await worldOf(['bank', 'clinic', 'port']);
  const whole = await policyOf(open);
  const [first] = whole.witnesses;
  const pinned = {
    ...whole,
    witnesses: [first as NonNullable<typeof first>],
    groups: [],
    quorum: first?.name ?? '',
  };
  const world = await worldOf(['bank', 'clinic', 'port'], pinned);
  expect(await policyOf(world)).toEqual(pinned);
  expect(await ask(world, nodeIn(world, 'clinic 0'))).toEqual({ isWitness: false });
  await cosignAs(world, 'bank 0');
  expect(world.kept.writes).toHaveLength(1);
});

test('a log that is to have witnesses no more is served as it grows, and still has to go on from what they have seen', async () => {
  const { federation, log, kept, ...rest } = await worldOf(['bank']);
  await cosignAs({ federation, log, kept, ...rest }, 'bank 0');
  await grow(log, 1);
  const witnessPolicy = majorityPolicy(log.key, []);
  const alone = await TestFederation.open({ log, witnessed: kept, witnessPolicy });
  expect(await textOf({ ...rest, federation: alone, log, kept }, 'getCheckpoint')).toBe(log.note);
  expect(kept.writes).toHaveLength(1);
  const other = { log: await logOf(9, 'other'), witnessed: kept, witnessPolicy };
  await expect(TestFederation.open(other)).rejects.toEqual(refusal('storageCorrupt'));
});

test('without a log, or with nobody who keeps cosignatures, there is nothing to witness', async () => {
  const federation = await TestFederation.open({ participants: 1 });
  const [node] = federation.participants as [Node];
  await expect(federation.call('getWitnessCheckpoint', node, { query: {} })).rejects.toEqual(
    refusal('routeUnknown'),
  );
  await expect(federation.call('getWitnessPolicy', node, {})).rejects.toEqual(refusal('routeUnknown'));
  const logged = await TestFederation.open({ participants: 1, log: await logOf(1) });
  await expect(logged.call('putCosignature', node, { body: { line: 'x' } })).rejects.toEqual(
    refusal('routeUnknown'),
  );
  const policy = await logged.call('getWitnessPolicy', node, {});
  expect(new TextDecoder().decode(policy.source as Uint8Array)).toMatch(/\nquorum none\n$/);
});

/** A round that has come to a model which no witness has seen, and who may fetch what. */
async function unseenRound() {
  const [log, kept] = [await logOf(3), witnessedMemory()];
  const options = { participants: 3, evaluators: 1, log, witnessed: kept };
  const federation = await TestFederation.open(options);
  const [bank, other] = federation.participants as [Node, Node, Node];
  const world: World = { federation, log, kept, nodes: new Map([['bank', bank]]), noted: [] };
  await federation.call('reportCapabilities', bank, { body: { ...SOFTWARE, witness: true } });
  await federation.appear();
  const runner = await federation.createJob();
  await federation.appear();
  for (const node of federation.participants)
    if (federation.tasksOf(node).length > 0) await federation.work(node);
  const model = runner.state.candidate?.model ?? '';
  const { initialModel } = runner.state.manifest;
  const fetched = (node: Node, sha256 = model) =>
    federation.call('getBlob', node, { params: { sha256 } }).then(
      ({ sha256 }) => sha256,
      ({ code }) => code,
    );
  return { world, runner, model, initialModel, bank, other, fetched };
}

test('what a round has come to is fetched by nobody but who measures it before witnesses have seen it', async () => {
  const { world, model, initialModel, bank, other, fetched } = await unseenRound();
  const { federation } = world;
  const [evaluator] = federation.evaluators as [Node];
  expect(await Promise.all([bank, federation.researcher, evaluator].map((node) => fetched(node)))).toEqual([
    'blobUnknown',
    'blobUnknown',
    model,
  ]);
  const params = { base: initialModel, sha256: model };
  await expect(federation.call('getBlobFrom', other, { params })).rejects.toEqual(refusal('blobUnknown'));
  expect(await fetched(bank, initialModel)).toBe(initialModel);
  await cosignAs(world, 'bank');
  expect(await Promise.all([bank, federation.researcher].map((node) => fetched(node)))).toEqual([
    model,
    model,
  ]);
});

test('nor is it after its job was cancelled: that releases nothing', async () => {
  const { world, runner, initialModel, bank, fetched } = await unseenRound();
  const { federation } = world;
  await federation.call('cancelJob', federation.researcher, { params: { jobId: runner.jobId } });
  expect(runner.state.phase).toBe('cancelled');
  await cosignAs(world, 'bank');
  const [evaluator] = federation.evaluators as [Node];
  for (const node of [bank, federation.researcher, evaluator])
    expect(await fetched(node)).toBe('blobUnknown');
  expect(await fetched(bank, initialModel)).toBe(initialModel);
});
