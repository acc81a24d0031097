import { deflateRawSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { CoordinatorApi } from '../../client/coordinator-api.ts';
import { deltaDownloads } from '../../client/delta-download.ts';
import { httpCoordinator } from '../../client/http-coordinator.ts';
import { nodeExchange } from '../../client/node-exchange.ts';
import { encodeDelta } from '../../protocol/model-delta.ts';
import { HanseError, type ProblemCode } from '../../protocol/problem.ts';
import { RandomNumbers, seededRandom } from '../../protocol/random.ts';
import { attemptParams } from '../../protocol/routes.ts';
import type { Sha256 } from '../../schemas/ids.ts';
import type { TrainingManifest } from '../../schemas/job.ts';
import type { JobRunner } from '../../server/job-runner.ts';
import { atRest } from '../../sim/virtual-clock.ts';
import { type ListeningApp, listeningApp } from '../fixtures/listening-app.ts';
import { CODEC } from '../fixtures/manifest.ts';
import { scriptedCoordinator } from '../fixtures/scripted-coordinator.ts';
import { send, signed } from '../fixtures/signed-client.ts';
import { hashOf, modelFile, updateFile } from '../fixtures/vector-files.ts';

const LENGTH = 2000;
const numbers = new RandomNumbers(seededRandom(new Uint8Array(32)));
const INITIAL = Array.from({ length: LENGTH }, () => numbers.unit() - 0.5);
/** One of ten values changes. */
const model = (round: number) =>
  modelFile(INITIAL.map((value, i) => (i % 10 === 0 ? value + 0.001 * round : value)));
const MODELS = [0, 1, 2, 3].map(model) as [Uint8Array, Uint8Array, Uint8Array, Uint8Array];
const HASHES = MODELS.map(hashOf) as [Sha256, Sha256, Sha256, Sha256];
const byHash = (sha256: string) => MODELS[HASHES.indexOf(sha256)] as Uint8Array;

async function delta(base: string, target: string): Promise<Uint8Array> {
  const deflate = async (bytes: Uint8Array) => deflateRawSync(bytes);
  return (await encodeDelta(byHash(base), byHash(target), deflate, 1e6)) as Uint8Array;
}

/** A coordinator with these models; what it answers in place of a difference can be said. */
function shelf(instead?: (base: string, target: string) => Promise<Uint8Array>) {
  return scriptedCoordinator({
    getBlob: ({ params }) => byHash(params.sha256),
    getBlobFrom: ({ params }) => (instead ?? delta)(params.base, params.sha256),
  });
}

const fetching = (api: CoordinatorApi, round: number, series = 'job') =>
  api.call('getBlob', { params: { sha256: HASHES[round] as string } }, { series });

describe('content of a series', () => {
  test('is fetched whole once, then as the difference, and not at all if it is there', async () => {
    const coordinator = shelf();
    const api = deltaDownloads(coordinator);
    for (const round of [0, 1, 2, 2, 3]) expect(await fetching(api, round)).toEqual(MODELS[round]);
    expect(coordinator.calls.map(({ name, request }) => [name, request.params])).toEqual([
      ['getBlob', { sha256: HASHES[0] }],
      ['getBlobFrom', { sha256: HASHES[1], base: HASHES[0] }],
      ['getBlobFrom', { sha256: HASHES[2], base: HASHES[1] }],
      ['getBlobFrom', { sha256: HASHES[3], base: HASHES[2] }],
    ]);
  });

  test('is told from that of others, and other requests pass', async () => {
    const coordinator = shelf();
    const api = deltaDownloads(coordinator);
    await fetching(api, 0, 'a');
    await fetching(api, 1, 'b');
    await api.call('getBlob', { params: { sha256: HASHES[1] } });
    expect(coordinator.count('getBlobFrom')).toBe(0);
    await fetching(api, 2, 'a');
    expect(coordinator.calls.at(-1)?.request.params).toEqual({ sha256: HASHES[2], base: HASHES[0] });
    await expect(deltaDownloads(scriptedCoordinator({})).call('listJobs', {})).rejects.toThrow('nobody told');
  });

  test('may come whole where the difference was asked for', async () => {
    const coordinator = shelf(async (_, target) => byHash(target));
    const api = deltaDownloads(coordinator);
    await fetching(api, 0);
    expect(await fetching(api, 1)).toEqual(MODELS[1]);
    expect([coordinator.count('getBlob'), coordinator.count('getBlobFrom')]).toEqual([1, 1]);
  });

  const plane = (bytes: Uint8Array) =>
    Buffer.concat([Buffer.from(Uint32Array.of(bytes.length).buffer), bytes]);
  const broken: [string, (base: string, target: string) => Promise<Uint8Array>][] = [
    ['leads elsewhere', (base) => delta(base, HASHES[3])],
    ['is cut off', async (base, target) => (await delta(base, target)).subarray(0, 90)],
    [
      'is no DEFLATE',
      async (base, target) =>
        Buffer.concat([(await delta(base, target)).subarray(0, 72), plane(Buffer.alloc(99, 0xff))]),
    ],
    [
      'is a bomb',
      async (base, target) =>
        Buffer.concat([
          (await delta(base, target)).subarray(0, 72),
          plane(deflateRawSync(new Uint8Array(1_500_000))),
        ]),
    ],
    [
      'is known to no coordinator of this version',
      async () => {
        throw new HanseError('routeUnknown', { method: 'GET', path: '/' });
      },
    ],
  ];
  test.each(broken)('is fetched whole where the difference %s', async (_, instead) => {
    const coordinator = shelf(instead);
    const api = deltaDownloads(coordinator);
    await fetching(api, 0);
    expect(await fetching(api, 1)).toEqual(MODELS[1]);
    expect([coordinator.count('getBlob'), coordinator.count('getBlobFrom')]).toEqual([2, 1]);
  });

  test.each(['coordinatorUnreachable', 'overloaded', 'blobUnknown'] satisfies ProblemCode[])(
    'is %s as it would be without a difference',
    async (code) => {
      const api = deltaDownloads(
        shelf(async () => {
          throw new HanseError(code, {} as never);
        }),
      );
      await fetching(api, 0);
      await expect(fetching(api, 1)).rejects.toMatchObject({ code });
    },
  );

  test('that is not what was asked for is kept for nobody', async () => {
    const coordinator = scriptedCoordinator({ getBlob: () => MODELS[3] });
    const api = deltaDownloads(coordinator);
    expect(await fetching(api, 0)).toBe(MODELS[3]);
    expect(await fetching(api, 0)).toBe(MODELS[3]);
    expect(coordinator.count('getBlob')).toBe(2);
  });

  test('is kept within a bound, the least recent is forgotten', async () => {
    const coordinator = shelf();
    const api = deltaDownloads(coordinator, 2 * MODELS[0].length);
    for (const series of ['a', 'b', 'c']) await fetching(api, 0, series);
    expect(coordinator.count('getBlob')).toBe(3);
    for (const series of ['b', 'c']) await fetching(api, 0, series);
    expect(coordinator.count('getBlob')).toBe(3);
    await fetching(api, 0, 'a');
    expect(coordinator.count('getBlob')).toBe(4);
    const small = deltaDownloads(coordinator, 100);
    for (let i = 0; i < 2; i += 1) await fetching(small, 0);
    expect(coordinator.count('getBlob')).toBe(6);
  });
});

describe('over HTTP', () => {
  let listening: ListeningApp;
  let job: JobRunner;
  beforeEach(async () => {
    listening = await listeningApp({ participants: 1 });
    const { federation } = listening;
    await federation.blobs.put(MODELS[0], { limitBytes: MODELS[0].length });
    job = await federation.createJob({
      initialModel: HASHES[0],
      parameters: LENGTH,
      rounds: 3,
      cohort: { size: 1, minimum: 1 },
    });
    await federation.appear();
  });
  afterEach(() => listening.close());

  /** Resolves to the hash of the update that led there. */
  async function nextRound(): Promise<Sha256> {
    const { federation } = listening;
    const [node] = federation.participants;
    const [task] = node ? federation.tasksOf(node) : [];
    if (!node || !task) throw new Error('no task');
    const body = updateFile(
      INITIAL.map((_, i) => (i % 10 === task.round ? 0.01 : 0)),
      10,
      CODEC,
    );
    await federation.call('putUpdate', node, { params: attemptParams(task), body });
    await atRest();
    await federation.appear();
    return hashOf(body);
  }

  test('a participant fetches each model of a job as the difference from the one before', async () => {
    const { federation, server } = listening;
    const [node] = federation.participants;
    if (!node) throw new Error('unreachable');
    const caller = { signer: node.signer, nodeId: node.nodeId, version: 1 };
    const api = deltaDownloads(httpCoordinator(server, caller, federation.clock, nodeExchange));
    const { jobId } = job;
    const fetched = (sha256: Sha256) => api.call('getBlob', { params: { sha256 } }, { series: jobId });
    let sent = 0;
    const sizes: number[] = [];
    for (let round = 0; round <= 2; round += 1) {
      if (round > 0) await nextRound();
      const { model: sha256 } = job.state;
      expect(hashOf(await fetched(sha256))).toBe(sha256);
      const total = federation.coordinator.readable.bytesDown(jobId);
      sizes.push(total - sent);
      sent = total;
    }
    expect(sizes[0]).toBe(MODELS[0].length);
    for (const size of sizes.slice(1)) expect(size).toBeLessThan(MODELS[0].length / 3);
  });

  test('a difference is content as others: a strong tag, ranges, and none for what a member may not read', async () => {
    const { federation } = listening;
    const [node] = federation.participants;
    if (!node) throw new Error('unreachable');
    const update = await nextRound();
    const sha256 = job.state.model;
    const ask = (params: { sha256: string; base: string }) => listening.call(node, 'getBlobFrom', { params });
    const answer = await ask({ sha256, base: HASHES[0] });
    expect(answer.status).toBe(200);
    expect(answer.headers.get('etag')).toBe(`"${hashOf(answer.bytes)}"`);
    expect(answer.bytes.length).toBeLessThan(MODELS[0].length / 3);
    const rest = await signed(node, federation.clock, 'getBlobFrom', { params: { sha256, base: HASHES[0] } });
    rest.headers.range = 'bytes=100-';
    const part = await send(listening.server, rest);
    expect(part.status).toBe(206);
    expect(part.bytes).toEqual(answer.bytes.subarray(100));

    // From what is no model before it comes the whole: other content of the job, unknown content, an update.
    expect(await federation.blobs.has(update)).toBeDefined();
    for (const base of [(job.state.manifest as TrainingManifest).graph.forward, 'f'.repeat(64), update]) {
      const whole = await ask({ sha256, base });
      expect(whole.headers.get('etag')).toBe(`"${sha256}"`);
      expect(hashOf(whole.bytes)).toBe(sha256);
    }
    // And backwards.
    expect(hashOf((await ask({ sha256: HASHES[0], base: sha256 })).bytes)).toBe(HASHES[0]);
    expect((await ask({ sha256: 'f'.repeat(64), base: sha256 })).json).toMatchObject({ code: 'blobUnknown' });
  });
});
