/**
 * A log that is verified where it is served, by a member and over real HTTP.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { servedLog } from '../../../client/audit/asked-log.ts';
import { ServedSource } from '../../../client/audit/served-source.ts';
import { verifyServed } from '../../../client/audit/verify-export.ts';
import type { CoordinatorApi } from '../../../client/coordinator-api.ts';
import { httpCoordinator } from '../../../client/http-coordinator.ts';
import { formatVerifierKey } from '../../../protocol/audit/verifier-key.ts';
import { toHex } from '../../../protocol/bytes.ts';
import { AuditLog } from '../../../server/audit-log.ts';
import { AuditFile } from '../../../server/store/audit-file.ts';
import { entriesOfFederation, logKeyOfFederation, NOTHING } from '../../fixtures/exported-federation.ts';
import { type ListeningApp, listeningApp } from '../../fixtures/listening-app.ts';
import { beginJob, playRound, SIZE } from '../../fixtures/secure-round.ts';
import { noteKey } from '../../protocol/audit/notes.ts';

let folder: string;
let file: AuditFile;
let log: AuditLog;
let listening: ListeningApp;
let api: CoordinatorApi;
let jobId: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'hanse-served-'));
  file = new AuditFile(join(folder, 'audit.sqlite'));
  const by = await logKeyOfFederation();
  log = await AuditLog.open(file, by);
  listening = await listeningApp({ log, participants: SIZE });
  const { federation } = listening;
  ({ jobId } = await beginJob(federation));
  await playRound(federation);
  await playRound(federation, 1);
  await log.append((await entriesOfFederation(federation)).map((bytes) => ({ bytes })));
  const { signer, nodeId } = federation.researcher;
  api = httpCoordinator(listening.server, { signer, nodeId, version: 1 }, federation.clock);
});
afterAll(async () => {
  await listening?.close();
  file?.close();
  rmSync(folder, { recursive: true });
});

test('every entry, and the models of its rounds; sums are not made again, for updates are served to nobody', async () => {
  const report = await verifyServed(api, {});
  expect(report).toMatchObject({
    verified: true,
    size: log.size,
    root: toHex(log.checkpoint.root),
    findings: [],
  });
  const { history } = listening.federation.coordinator.job(jobId).state;
  expect(report.jobs).toEqual([
    {
      jobId,
      epsilon: null,
      rounds: history.map(({ round, attempt, model }) => ({
        ...{ round, attempt, model, released: true, recomputed: 'notRecomputable' },
      })),
    },
  ]);
  expect(history).toHaveLength(2);
});

test('questions are answered from it, by whoever may read its entries', async () => {
  const asked = await servedLog(api, {});
  const leaves: number[] = [];
  const { size, root } = await asked.read(({ leaf }) => leaves.push(leaf));
  expect([size, root]).toEqual([log.size, toHex(log.checkpoint.root)]);
  expect(leaves).toEqual(Array.from({ length: log.size }, (_, leaf) => leaf));
  const other = formatVerifierKey((await noteKey(log.key.name, 'note', 9)).key);
  await expect((await servedLog(api, { key: other })).read(() => {})).rejects.toThrow(
    expect.objectContaining({ code: 'logUnverified' }),
  );
});

test('by a key that was had another way, which has to be that of the log', async () => {
  const key = formatVerifierKey(log.key);
  await expect(verifyServed(api, { key })).resolves.toMatchObject({ verified: true });
  const other = formatVerifierKey({ ...log.key, keyId: Uint8Array.of(0, 0, 0, 0) });
  await expect(verifyServed(api, { key: other })).rejects.toMatchObject({ code: 'verifierKeyInvalid' });
});

test('a coordinator that serves another entry, or another model, is found', async () => {
  const lying = (lie: (name: string, answer: unknown) => unknown): CoordinatorApi => ({
    call: async (name, request, options) => lie(name, await api.call(name, request, options)) as never,
  });
  await expect(
    verifyServed(
      lying((_, answer) => answer),
      {},
    ),
  ).resolves.toMatchObject({ verified: true });
  const flipped = (bytes: unknown, at: number) => {
    const copy = Uint8Array.from(bytes as Uint8Array);
    copy[at] = (copy[at] as number) ^ 1;
    return copy;
  };
  const entry = lying((name, answer) => (name === 'getEntries' ? flipped(answer, 40) : answer));
  await expect(verifyServed(entry, {})).resolves.toMatchObject({
    verified: false,
    findings: [{ code: 'leafMismatch', leaf: 0 }],
  });
  const model = lying((name, answer) => (name === 'getBlob' ? flipped(answer, 40) : answer));
  const report = await verifyServed(model, {});
  expect(report.verified).toBe(false);
  expect(report.findings.map(({ code }) => code)).toContain('hashMismatch');
});

test('content that is not there, and tiles that are not, are told as such', async () => {
  const source = new ServedSource(api);
  expect(await source.content(NOTHING, 1000)).toBeUndefined();
  await expect(source.tile({ level: 3, index: 0, width: 1 })).rejects.toMatchObject({
    code: 'tileMalformed',
  });
  expect((await source.tile({ level: 0, index: 0, width: 1 })).length).toBe(32);
});
