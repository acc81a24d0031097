// covers: schemas/audit-event.ts
/** Over real HTTP, with a log on disk: what its entries tell of those who come and ask. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { decodeLeaf } from '../../protocol/audit/leaf.ts';
import { isOf } from '../../protocol/audit/salted-field.ts';
import { canonicalJson } from '../../protocol/canonical.ts';
import { seededRandom } from '../../protocol/random.ts';
import type { Salted } from '../../schemas/audit-event.ts';
import { AuditLog } from '../../server/audit-log.ts';
import { LoggedNotes } from '../../server/audit-notes.ts';
import { AuditFile } from '../../server/store/audit-file.ts';
import { type Node, TestFederation } from '../fixtures/federation.ts';
import { type ListeningApp, listeningApp } from '../fixtures/listening-app.ts';
import { FORWARD_GRAPH, INITIAL_MODEL } from '../fixtures/manifest.ts';
import { HASH } from '../fixtures/sample-events.ts';
import { beginJob, playRound, SIZE } from '../fixtures/secure-round.ts';
import { expectProblem, expectSuccess, send, signed } from '../fixtures/signed-client.ts';
import { hashOf } from '../fixtures/vector-files.ts';
import { noteKey } from '../protocol/audit/notes.ts';

let folder: string;
let file: AuditFile;
let log: AuditLog;
let listening: ListeningApp;
let first: Node;
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'hanse-noted-access-'));
  file = new AuditFile(join(folder, 'audit.sqlite'));
  log = await AuditLog.open(file, await noteKey('hanse.example/log'));
  const random = seededRandom(new Uint8Array(32).fill(1));
  const clock = { now: () => Date.parse('2026-01-01T12:00:00.000Z'), schedule: () => () => {} };
  const notes = new LoggedNotes({ log, clock, random, coordinatorKey: HASH });
  listening = await listeningApp({ log, notes, participants: 2 });
  [first] = listening.federation.participants as [Node];
});
afterEach(async () => {
  await listening.close();
  file.close();
  rmSync(folder, { recursive: true });
});

const events = () => file.entries(0, 1000).map(decodeLeaf);
/** What the salted field of the entry is. */
const isHidden = async (index: number, name: string, value: unknown) => {
  const [field] = log.saltedFields(index);
  const { [name]: hash } = (events()[index]?.data ?? {}) as Record<string, Salted>;
  expect(field?.value).toBe(canonicalJson(value));
  return field !== undefined && hash !== undefined && isOf(hash, field);
};

test('a member whose signature is right is named where it is refused; whoever says to be one is not', async () => {
  const { federation, server, call } = listening;
  expectProblem(await call(first, 'listMembers', {}, {}), 'accessRefused', 403);
  const forged = await signed(first, federation.clock, 'nextTasks');
  forged.headers.signature = (forged.headers.signature as string).replace(/:.{8}/, ':AAAAAAAA');
  expectProblem(await send(server, forged), 'signatureInvalid', 401);
  const replayed = await signed(first, federation.clock, 'nextTasks');
  expectSuccess(await send(server, replayed));
  expectProblem(await send(server, replayed), 'requestReplayed', 401);
  await federation.coordinator.federation.revoke(first.nodeId, 'left', federation.operator.nodeId);
  expectProblem(await call(first, 'nextTasks'), 'memberRevoked', 403);
  expect(events()).toEqual([]);
  await federation.clock.advance(60_000);
  expect(events().map(({ id, type, data }) => [id, type, data])).toEqual([
    [
      'notes/1',
      'hanse.access.denied',
      expect.objectContaining({
        ...{ actor: 'member', count: 3, member: { salted: expect.anything() } },
        codes: { accessRefused: 1, requestReplayed: 1, memberRevoked: 1 },
      }),
    ],
    [
      'notes/2',
      'hanse.access.denied',
      expect.objectContaining({ actor: 'anonymous', count: 1, codes: { signatureInvalid: 1 } }),
    ],
  ]);
  expect(await isHidden(0, 'member', first.nodeId)).toBe(true);
});

test('a model is told of before it is sent, and a graph is not', async () => {
  const { federation, call } = listening;
  const { jobId } = await federation.createJob();
  const { manifest } = federation.coordinator.job(jobId).state;
  const get = (node: Node, sha256: string) => call(node, 'getBlob', { params: { sha256 } });
  expectSuccess(await get(first, hashOf(FORWARD_GRAPH)));
  expect(events()).toEqual([]);
  for (let i = 0; i < 3; i += 1) expectSuccess(await get(first, manifest.initialModel));
  const base = hashOf(INITIAL_MODEL);
  expectSuccess(await call(first, 'getBlobFrom', { params: { sha256: manifest.initialModel, base } }));
  expect(events().map(({ type, data }) => [type, data])).toEqual([
    ['hanse.model.downloaded', expect.objectContaining({ jobId, round: 0, count: 1 })],
  ]);
  expect(await isHidden(0, 'members', [first.nodeId])).toBe(true);
});

test('a model of a round is named with its round, also where a difference is sent', async () => {
  const { federation, call } = listening;
  const { jobId } = await federation.createJob({ rounds: 1 });
  await federation.appear();
  await federation.workAll();
  const { model, manifest } = federation.coordinator.job(jobId).state;
  expect(model).not.toBe(manifest.initialModel);
  const params = { sha256: model, base: manifest.initialModel };
  expectSuccess(await call(first, 'getBlobFrom', { params }));
  const at = events().findIndex(({ data }) => (data as { round?: number }).round === 1);
  expect(events()[at]?.data).toMatchObject({ jobId, round: 1, model, count: 1 });
  expect(await isHidden(at, 'members', [first.nodeId])).toBe(true);
});

test('an opened sum is the model that follows from it', async () => {
  const federation = await TestFederation.open({ participants: SIZE });
  const { jobId } = await beginJob(federation, { rounds: 1 });
  await playRound(federation);
  const { coordinator } = federation;
  const { model, manifest, history } = coordinator.job(jobId).state;
  const [{ secure } = {}] = history;
  expect(coordinator.readable.modelOf(secure?.sum ?? '')).toEqual({ jobId, round: 1, model });
  expect(coordinator.readable.modelOf(model)).toEqual({ jobId, round: 1, model });
  expect(coordinator.readable.modelOf(manifest.initialModel)).toMatchObject({ round: 0 });
  for (const other of [secure?.record ?? '', HASH])
    expect(coordinator.readable.modelOf(other)).toBeUndefined();
});

test('a log that cannot be written sends no model', async () => {
  const { federation, call } = listening;
  const { jobId } = await federation.createJob();
  const { initialModel: sha256 } = federation.coordinator.job(jobId).state.manifest;
  expectSuccess(await call(first, 'getBlob', { params: { sha256 } }));
  const [, second] = federation.participants as [Node, Node];
  await federation.clock.advance(50);
  file.close();
  expectProblem(await call(second, 'getBlob', { params: { sha256 } }), 'storageFailed', 500);
  expectSuccess(await call(first, 'getBlob', { params: { sha256 } }));
  file = new AuditFile(join(folder, 'audit.sqlite'));
});

test('whoever reads entries leaves one when they are through, or the coordinator is', async () => {
  const { federation, call, server } = listening;
  await Promise.all(
    Array.from({ length: 300 }, () =>
      federation.coordinator.notes.record({ type: 'admin.started', data: { software: 'x', origin: 'y' } }),
    ),
  );
  const read = (place: string) => call(first, 'getEntries', { params: { place } });
  expect((await fetch(`${server}/tile/0/000`)).status).toBe(200);
  for (const place of ['000', '001.p/44', '000']) expectSuccess(await read(place));
  expectProblem(await read('002'), 'tileUnknown', 404);
  expect(log.size).toBe(300);
  await listening.close();
  expect(events()[300]).toMatchObject({
    type: 'hanse.reading.session',
    data: { first: 0, last: 299, count: 556 },
  });
  expect(log.size).toBe(301);
  expect(await isHidden(300, 'reader', first.nodeId)).toBe(true);
});
