import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import type { AnswerJournal } from '../../client/answer-journal.ts';
import { type Contributor, contribute } from '../../client/contribute.ts';
import { loadCpuProvider } from '../../client/engine/cpu.ts';
import type { Trainer } from '../../client/engine/trainer.ts';
import { prepareJob, prepareTraining } from '../../client/prepared-job.ts';
import { SpareBuffers } from '../../client/spare-buffers.ts';
import { HanseError } from '../../protocol/problem.ts';
import { seededRandom } from '../../protocol/random.ts';
import { layoutOf } from '../../protocol/ring/payload.ts';
import { rotationSeed } from '../../protocol/ring/rotation-seed.ts';
import { encodeUpdate } from '../../protocol/ring/update.ts';
import { floatsOf, HEADER_BYTES, parseHeader, payloadOf } from '../../protocol/vector.ts';
import type { Egress } from '../../schemas/egress.ts';
import type { JobManifest } from '../../schemas/job.ts';
import { type JobShelf, jobShelf } from '../fixtures/job-shelf.ts';
import { scriptedCoordinator } from '../fixtures/scripted-coordinator.ts';
import { clouds } from '../fixtures/small-job.ts';
import { hashOf } from '../fixtures/vector-files.ts';

let shelf: JobShelf;
let trainer: Trainer;
const examples = clouds(12);

beforeAll(async () => {
  shelf = await jobShelf();
  const provider = await loadCpuProvider({ threads: 1 });
  const job = await prepareJob(shelf.trainTask(), scriptedCoordinator(shelf.script));
  trainer = (await prepareTraining(job, provider)) as Trainer;
});

afterAll(() => trainer.release());

const randomOf = (seed = 7) => seededRandom(new Uint8Array(32).fill(seed));

async function contributed(change: Partial<JobManifest> = {}, more: Partial<Contributor> = {}, round = 1) {
  const bodies: Uint8Array[] = [];
  const api = scriptedCoordinator({
    ...shelf.script,
    putUpdate: ({ body }) => {
      bodies.push(body);
      return { sha256: hashOf(body), bytes: body.length };
    },
  });
  const report = await contribute(shelf.trainTask({ round, attempt: 2 }), {
    manifest: { ...shelf.manifest, ...change },
    examples,
    trainer,
    api,
    random: randomOf(),
    buffers: new SpareBuffers(),
    signal: new AbortController().signal,
    ...more,
  });
  return { report, body: bodies[0] ?? new Uint8Array(), api };
}

test('what leaves is the difference that training made, clipped, weighted, rounded', async () => {
  const { manifest } = shelf;
  const { report, body, api } = await contributed();
  // The slow way: train apart, subtract, encode with what is left of the same random stream.
  const initial = floatsOf(payloadOf(shelf.blobs[1]?.bytes ?? new Uint8Array()));
  const random = randomOf();
  const { learningRate, epochs } = manifest.training;
  const trained = await trainer.train({ parameters: initial, examples, epochs, learningRate, random });
  const delta = trained.parameters.map((after, i) => after - (initial[i] ?? 0));
  const payload = encodeUpdate({ delta, weight: 12, counters: [] }, manifest.codec, random);
  expect(body.subarray(HEADER_BYTES)).toEqual(payload);
  const header = parseHeader(body, { maxLength: manifest.parameters, maxSecondBlock: 1 });
  const { width, secondBlock } = layoutOf(manifest.codec, manifest.parameters);
  expect(header).toMatchObject({ kind: 'update', width, length: manifest.parameters, secondBlock });

  const norm = Math.hypot(...delta);
  expect(report.norm).toBeCloseTo(norm, 6);
  expect(report).toMatchObject({ steps: 6, isClipped: false, receipt: { sha256: hashOf(body) } });
  expect(report.lossLast).toBeLessThan(report.lossFirst);
  expect(api.calls.at(-1)).toMatchObject({
    name: 'putUpdate',
    request: { params: { round: '1', attempt: '2' } },
  });
  expect(api.calls).toHaveLength(2);
});

test('where the job turns updates, it is turned by the seed of the attempt', async () => {
  const codec = { ...shelf.manifest.codec, rotation: { block: 4, bound: 5 } };
  const egresses: Egress[] = [];
  const inspect = async (egress: Egress) => void egresses.push(egress);
  const { body } = await contributed({ codec }, { inspector: { isWatching: () => true, inspect } });
  const initial = floatsOf(payloadOf(shelf.blobs[1]?.bytes ?? new Uint8Array()));
  const random = randomOf();
  const { learningRate, epochs } = shelf.manifest.training;
  const trained = await trainer.train({ parameters: initial, examples, epochs, learningRate, random });
  const delta = trained.parameters.map((after, i) => after - (initial[i] ?? 0));
  const seed = await rotationSeed(shelf.trainTask({ round: 1, attempt: 2 }));
  const contribution = { delta, weight: 12, counters: [], rotationSeed: seed };
  expect(body.subarray(HEADER_BYTES)).toEqual(encodeUpdate(contribution, codec, random));
  expect(body).not.toEqual((await contributed()).body);
  expect(egresses).toMatchObject([{ isTurned: true }]);
});

test('memory is used again, and holds nothing of the round before', async () => {
  const buffers = new SpareBuffers();
  const first = await contributed({}, { buffers });
  const sent = first.body.slice();
  // Another seed: every coordinate may differ.
  const second = await contributed({}, { buffers, random: randomOf(8) });
  expect(second.body.buffer).toBe(first.body.buffer);
  expect(second.body).toEqual((await contributed({}, { random: randomOf(8) })).body);
  expect(second.body).not.toEqual(sent);
});

test('bytes that may still be on their way are not used for anything else', async () => {
  const buffers = new SpareBuffers();
  const sent: Uint8Array[] = [];
  const api = scriptedCoordinator({
    ...shelf.script,
    putUpdate: ({ body }) => {
      sent.push(body);
      throw new HanseError('messageLate', { phase: 'collecting' });
    },
  });
  await expect(contributed({}, { buffers, api })).rejects.toThrow(HanseError);
  const { body } = await contributed({}, { buffers });
  expect(sent).toHaveLength(1);
  expect(body.buffer).not.toBe(sent[0]?.buffer);
});

test('one source of randomness gives one update, another gives another', async () => {
  const { body } = await contributed();
  expect((await contributed()).body).toEqual(body);
  expect((await contributed({}, { random: randomOf(8) })).body).not.toEqual(body);
});

test('the weight is the number of examples up to the most that count, or 1', async () => {
  const weightOf = async (change: Partial<JobManifest>) => {
    const { body } = await contributed(change);
    return new DataView(body.buffer, body.byteOffset + body.length - 4).getUint32(0, true);
  };
  const { codec } = shelf.manifest;
  expect(await weightOf({})).toBe(12);
  expect(await weightOf({ codec: { ...codec, weightMax: 5 } })).toBe(5);
  expect(await weightOf({ weighting: 'uniform', codec: { ...codec, weightMax: 1 } })).toBe(1);
});

test('the learning rate decays with the round', async () => {
  const training = { ...shelf.manifest.training, learningRateDecay: 0.5 };
  const first = await contributed({ training }, {}, 1);
  const third = await contributed({ training }, {}, 3);
  const quarter = { ...training, learningRateDecay: 1, learningRate: training.learningRate / 4 };
  expect(first.body).toEqual((await contributed()).body);
  expect(third.body).toEqual((await contributed({ training: quarter })).body);
  expect(third.body).not.toEqual(first.body);
});

test('says when it was clipped', async () => {
  const { report } = await contributed();
  const clipNorm = report.norm / 2;
  const { codec } = shelf.manifest;
  const clipped = await contributed({ codec: { ...codec, clipNorm } });
  expect(clipped.report).toMatchObject({ isClipped: true, norm: report.norm });
});

test('training that diverges sends nothing', async () => {
  const huge = { ...shelf.manifest.training, learningRate: 1000 };
  const wild = { ...examples, features: examples.features.map((x) => x * 1e30) };
  const api = scriptedCoordinator(shelf.script);
  const failing = contributed({ training: huge }, { examples: wild, api });
  await expect(failing).rejects.toMatchObject({ code: 'trainingDiverged' });
  expect(api.count('putUpdate')).toBe(0);
  await expect(contributed()).resolves.toBeDefined();
});

test('an owner who stops in the middle sends nothing', async () => {
  const api = scriptedCoordinator(shelf.script);
  const reason = new Error('enough');
  const stopped = contributed({}, { api, signal: AbortSignal.abort(reason) });
  await expect(stopped).rejects.toBe(reason);
  expect(api.count('putUpdate')).toBe(0);
});

test('who looks sees the update before it leaves, and may keep it; who does not look costs nothing', async () => {
  const order: string[] = [];
  const inspect = vi.fn(async (egress: Egress) => {
    order.push(`inspected ${egress.bytes}`);
  });
  const answers = {
    begin: async () => void order.push('begun'),
    delivered: async () => void order.push('delivered'),
  } as unknown as AnswerJournal;
  const { body, report } = await contributed({}, { inspector: { isWatching: () => true, inspect }, answers });
  expect(order).toEqual([`inspected ${body.length}`, 'begun', 'delivered']);
  expect(inspect.mock.calls[0]?.[0]).toMatchObject({
    jobName: shelf.manifest.name,
    round: 1,
    attempt: 2,
    norm: report.norm,
    clipNorm: shelf.manifest.codec.clipNorm,
  });
  const unwatched = vi.fn();
  const same = await contributed({}, { inspector: { isWatching: () => false, inspect: unwatched } });
  expect(same.body).toEqual(body);
  expect(unwatched).not.toHaveBeenCalled();

  const sent: unknown[] = [];
  const api = scriptedCoordinator({
    ...shelf.script,
    putUpdate: ({ body: bytes }) => {
      sent.push(bytes);
      return { sha256: hashOf(bytes), bytes: bytes.length };
    },
  });
  const refuse = async () => Promise.reject(new HanseError('egressRefused', { round: 1 }));
  const refused = contributed({}, { api, inspector: { isWatching: () => true, inspect: refuse } });
  await expect(refused).rejects.toMatchObject({ code: 'egressRefused' });
  expect(sent).toEqual([]);
});
