import { beforeEach, expect, test } from 'vitest';
import { toHex } from '../../protocol/bytes.ts';
import { canonicalSha256 } from '../../protocol/canonical.ts';
import { checkFederation } from '../../protocol/identity.ts';
import { parse } from '../../protocol/parse.ts';
import { attemptParams, ROUTES, type Route, type RouteName } from '../../protocol/routes.ts';
import { payloadOf } from '../../protocol/vector.ts';
import { Member } from '../../schemas/member.ts';
import type { ErasableSalts } from '../../server/salt-retention.ts';
import { atRest } from '../../sim/virtual-clock.ts';
import { TERMS } from '../fixtures/data-terms.ts';
import { type Node, nodeOf, TestFederation } from '../fixtures/federation.ts';
import { CODEC, INITIAL_VALUES } from '../fixtures/manifest.ts';
import { hashOf, vectorFile } from '../fixtures/vector-files.ts';

// What a handler does beyond calling what is tested elsewhere. Bad input over HTTP: app.test.ts.

let federation: TestFederation;
beforeEach(async () => {
  federation = await TestFederation.open({ evaluators: 1 });
});

const problem = (code: string) => expect.objectContaining({ code });

test('there is a handler for every route, and for nothing else', () => {
  expect(Object.keys(federation.handlers).sort()).toEqual(Object.keys(ROUTES).sort());
});

test('what a handler returns is of the schema of its route', async () => {
  await federation.appear();
  const { operator, researcher, participants, evaluators } = federation;
  const [node] = participants as [Node];
  const [evaluator] = evaluators as [Node];
  const { jobId } = await federation.createJob({ evaluateEvery: 1 });
  await atRest();
  const params = attemptParams({ jobId, round: 1, attempt: 1 });
  const invite = { role: 'participant', organisationId: 'hansa', lifetimeSeconds: 60 } as const;
  const capabilities = { software: 'x', provider: 'wasm', providerReason: '', dataSets: [] } as const;
  const answers: [RouteName, unknown][] = [
    ['createInvite', await federation.call('createInvite', operator, { body: invite })],
    ['listMembers', await federation.call('listMembers', researcher, {})],
    [
      'reportCapabilities',
      await federation.call('reportCapabilities', node, { body: { ...capabilities, dataSets: [] } }),
    ],
    [
      'reportCapabilities',
      await federation.call('reportCapabilities', node, {
        body: {
          ...capabilities,
          dataSets: [],
          ledger: { head: { count: 1, hash: 'a'.repeat(64) }, draws: [] },
        },
      }),
    ],
    ['listMembers', await federation.call('listMembers', researcher, {})],
    ['nextTasks', await federation.call('nextTasks', node, { query: {} })],
    ['createJob', await federation.call('createJob', researcher, { body: federation.manifest() })],
    ['listJobs', await federation.call('listJobs', node, {})],
    ['getJob', await federation.call('getJob', node, { params: { jobId }, query: {} })],
    ['putUpdate', await federation.call('putUpdate', node, { params, body: federation.updateOf(node, 1) })],
  ];
  for (const other of participants.slice(1))
    answers.push(['decline', await federation.call('decline', other, { params, body: { code: 'usage' } })]);
  expect(federation.tasksOf(evaluator)).toEqual([]);
  for (const [name, answer] of answers) {
    const { response }: Route = ROUTES[name];
    if (response === 'binary') throw new Error('not JSON');
    expect(parse(response, JSON.parse(JSON.stringify(answer)), name)).toEqual(answer);
  }
});

test('the coordinator proves its key to whoever asks, for this question only', async () => {
  const { handlers, coordinator } = federation;
  const challenge = 'c'.repeat(22);
  const signal = new AbortController().signal;
  const info = await handlers.getFederation({ query: { challenge }, member: undefined, signal });
  const pinned = {
    federationId: coordinator.federation.id,
    coordinatorKey: toHex((await nodeOf('coordinator', 'operator')).signer.publicKey),
  };
  await expect(checkFederation(info, challenge, pinned)).resolves.toBeUndefined();
  await expect(checkFederation(info, 'd'.repeat(22), pinned)).rejects.toEqual(
    problem('coordinatorKeyMismatch'),
  );
});

test('members are listed with their keys, and whether they are there', async () => {
  const [first, second] = federation.participants as [Node, Node];
  await federation.appear([first]);
  const { members } = await federation.call('listMembers', federation.researcher, {});
  const listed = members.map((member) => parse(Member, member, 'member'));
  expect(listed.find(({ nodeId }) => nodeId === first.nodeId)).toMatchObject({
    live: true,
    role: 'participant',
    publicKey: toHex(first.signer.publicKey),
  });
  expect(listed.find(({ nodeId }) => nodeId === second.nodeId)).toMatchObject({ live: false });
  await federation.clock.advance(10_000);
  const later = await federation.call('listMembers', federation.researcher, {});
  expect(later.members.some(({ live }) => live)).toBe(false);
});

test('operators are told on what terms data may be used, and nobody else is', async () => {
  const [node] = federation.participants as [Node];
  const set = { name: 'visits', version: '1', inputShape: [3] };
  const capabilities = { software: 'hanse/0', provider: 'cpu', providerReason: 'x' } as const;
  const body = { ...capabilities, dataSets: [{ ...set, terms: TERMS }] };
  await federation.call('reportCapabilities', node, { body });
  const toldTo = async (asking: Node) => {
    const { members } = await federation.call('listMembers', asking, {});
    return members.find(({ nodeId }) => nodeId === node.nodeId)?.capabilities?.dataSets;
  };
  expect(await toldTo(federation.operator)).toEqual([{ ...set, terms: TERMS }]);
  expect(await toldTo(federation.researcher)).toEqual([set]);
});

test('a version of a data set is given up once, however often that is told', async () => {
  const [node, other] = federation.participants as [Node, Node];
  const body = { name: 'visits', oldVersion: '1', newVersion: '2', reason: 'consent', removed: 3 } as const;
  const events = async () =>
    (await federation.store.read('federation')).filter(({ type }) => type === 'dataSetChanged');
  for (const turn of [1, 2])
    await federation.call('changeDataSet', node, { body: { ...body, removed: turn } });
  await federation.call('changeDataSet', other, { body });
  await federation.call('changeDataSet', node, { body: { ...body, oldVersion: '2', newVersion: '3' } });
  const of = (by: Node) => ({
    ...body,
    nodeId: by.nodeId,
    organisationId: federation.memberOf(by).organisationId,
  });
  expect((await events()).map(({ data }) => data)).toEqual([
    { ...of(node), removed: 1 },
    of(other),
    { ...of(node), oldVersion: '2', newVersion: '3' },
  ]);
});

test('an operator has a member forgotten by all of its keys, and by its name', async () => {
  const sought: string[][] = [];
  const erased: unknown[] = [];
  const salts: ErasableSalts = {
    saltedPlaces: () => [],
    eraseBefore: () => 0,
    holding: (texts) => {
      sought.push([...texts].sort());
      return sought.length === 1
        ? [{ place: 7, pointer: '/data/node' }]
        : [{ place: 8, pointer: '/data/members' }];
    },
    eraseField: (...where) => erased.push(where) > 0,
  };
  const own = await TestFederation.open({ participants: 1, salts });
  const [node] = own.participants as [Node];
  const forget = (nodeId: string, asking = own.operator) =>
    own.call('forgetMember', asking, { params: { nodeId } });
  expect(await forget(node.nodeId)).toEqual({ erased: 1 });
  expect(sought).toEqual([[node.nodeId], [JSON.stringify(own.memberOf(node).name)]]);
  expect(erased).toEqual([[7, '/data/node']]);
  await expect(forget('0'.repeat(32))).rejects.toEqual(expect.objectContaining({ code: 'nodeUnknown' }));
  expect(
    await federation.call('forgetMember', federation.operator, {
      params: { nodeId: federation.researcher.nodeId },
    }),
  ).toEqual({ erased: 0 });
});

test('a manifest is known by the hash of its canonical form', async () => {
  await federation.storeContent();
  const manifest = federation.manifest();
  const reversed = Object.fromEntries(Object.entries(manifest).reverse()) as typeof manifest;
  const job = await federation.call('createJob', federation.researcher, { body: reversed });
  expect(job.manifestSha256).toBe(await canonicalSha256(manifest));
});

test('an update longer than clipping permits is refused and not stored; the round goes on without it', async () => {
  const [first, second] = federation.participants as [Node, Node];
  await federation.appear();
  const runner = await federation.createJob();
  await atRest();
  const params = attemptParams(runner.state);
  const honest = federation.updateOf(first, 1);
  const loudest = new Uint8Array(payloadOf(honest));
  new DataView(loudest.buffer).setUint32(0, (1 << (CODEC.width - 1)) - 1, true);
  const { width } = CODEC;
  const body = vectorFile(loudest, { kind: 'update', width, length: INITIAL_VALUES.length, secondBlock: 1 });
  const put = (node: Node, update: Uint8Array) =>
    federation.call('putUpdate', node, { params, body: update });
  await expect(put(first, body)).rejects.toEqual(problem('updateMalformed'));
  expect(await federation.blobs.has(hashOf(body))).toBeUndefined();
  expect(runner.state.accepted.size).toBe(0);
  await put(first, honest);
  await put(second, federation.updateOf(second, 1));
  expect(runner.state.accepted.size).toBe(2);
  expect(await federation.blobs.has(hashOf(honest))).toEqual({ size: honest.length });
});

test('a body that cannot be accepted is not even read', async () => {
  const [first] = federation.participants as [Node];
  await federation.appear();
  const { jobId } = await federation.createJob();
  await atRest();
  let reads = 0;
  async function* source(): AsyncGenerator<Uint8Array> {
    reads += 1;
    yield federation.updateOf(first, 1);
  }
  const bytes = federation.updateOf(first, 1);
  const put = (round: number, length?: number) =>
    federation.handlers.putUpdate({
      params: attemptParams({ jobId, round, attempt: 1 }),
      body: { source: source(), sha256: hashOf(bytes), length },
      member: federation.memberOf(first),
      signal: new AbortController().signal,
    });
  await expect(put(2)).rejects.toEqual(problem('roundUnknown'));
  await expect(put(1, bytes.length + 1)).rejects.toEqual(problem('invalidLength'));
  expect(reads).toBe(0);
  await expect(put(1, bytes.length)).resolves.toEqual({ sha256: hashOf(bytes), bytes: bytes.length });
  expect(reads).toBe(1);
});

test('a node whose request for tasks breaks off is gone', async () => {
  const [first] = federation.participants as [Node];
  const connection = new AbortController();
  const waiting = federation.call('nextTasks', first, { query: { wait: '20' } }, connection.signal);
  await atRest();
  expect(federation.coordinator.presence.isLive(first.nodeId)).toBe(true);
  connection.abort();
  await waiting;
  expect(federation.coordinator.presence.isLive(first.nodeId)).toBe(false);
});

test('a decline is recorded by its code, where that is one of the table', async () => {
  await federation.appear();
  const runner = await federation.createJob();
  await atRest();
  const [first, second] = federation.participants as [Node, Node];
  await federation.decline(first, 'graphTooLarge');
  await federation.decline(second, 'hasOwnProperty');
  expect(runner.state.history).toMatchObject([{ declined: { graphTooLarge: 1, other: 1 } }]);
});
