/**
 * A coordinator of twelve rounds, whose every answer can be replaced, and a node that makes the models itself.
 */
import { beforeAll, describe, expect, test } from 'vitest';
import { ModelChain } from '../../client/model-chain.ts';
import { nextClipNorm } from '../../protocol/dp/adaptive-clip.ts';
import { HanseError } from '../../protocol/problem.ts';
import { layoutOf } from '../../protocol/ring/payload.ts';
import { RingSum } from '../../protocol/ring/sum.ts';
import { packIntegers } from '../../protocol/ring/update.ts';
import { encodeSum } from '../../protocol/secagg/model-chain.ts';
import { signRecord } from '../../protocol/secagg/record.ts';
import type { JobManifest } from '../../schemas/job.ts';
import type { RoundRecord, SignedRecord } from '../../schemas/secagg.ts';
import type { TrainTask } from '../../schemas/task.ts';
import { INITIAL_VALUES } from '../fixtures/manifest.ts';
import { scriptedCoordinator } from '../fixtures/scripted-coordinator.ts';
import { flippedHex, type SmallAttempt, smallAttempt } from '../fixtures/small-attempt.ts';
import { hashOf, modelFile, vectorFile } from '../fixtures/vector-files.ts';

const JOB = 'job-0123456789abcdef';
const ROUNDS = 12;
const NEVER = new AbortController().signal;

let attempt: SmallAttempt;
/** Of the model that round r starts from at r - 1. */
let models: number[][];
let sum: Uint8Array;
beforeAll(async () => {
  attempt = await smallAttempt();
  const { codec, parameters } = attempt.manifest;
  const { secondBlock } = layoutOf(codec, parameters);
  const header = { kind: 'update', width: codec.width, length: parameters, secondBlock } as const;
  sum = vectorFile(packIntegers(attempt.sum, codec), header);
  const ring = new RingSum(codec, parameters);
  for (const { update } of attempt.parties) ring.add(packIntegers(update, codec));
  const { mean } = ring.open();
  models = [[...INITIAL_VALUES]];
  for (let round = 1; round < ROUNDS; round += 1)
    models.push((models.at(-1) ?? []).map((value, i) => Math.fround(value + (mean[i] ?? 0))));
});

const hashAt = (round: number) => hashOf(modelFile(models[round - 1] ?? []));

interface Lies {
  /** Of the record of this round, signed all the same. */
  readonly record?: (record: RoundRecord, round: number) => RoundRecord;
  readonly signed?: (signed: SignedRecord, round: number) => SignedRecord;
  readonly blob?: (sha256: string) => Uint8Array | undefined;
  readonly manifest?: Partial<JobManifest>;
}

function coordinator({ record = (it) => it, signed = (it) => it, blob, manifest: changes = {} }: Lies = {}) {
  const manifest = { ...attempt.manifest, ...changes };
  const blobs = new Map([sum, ...models.map(modelFile)].map((bytes) => [hashOf(bytes), bytes]));
  const api = scriptedCoordinator({
    getBlob: ({ params: { sha256 } }) => {
      const bytes = blob?.(sha256) ?? blobs.get(sha256);
      if (!bytes) throw new HanseError('blobUnknown', { sha256 });
      return bytes;
    },
    getRecord: async ({ params }) => {
      const round = Number(params.round);
      const { record: like } = attempt.record;
      const { descriptor } = like.descriptor;
      const honest: RoundRecord = {
        ...like,
        descriptor: {
          ...like.descriptor,
          descriptor: { ...descriptor, jobId: params.jobId, round, model: hashAt(round) },
        },
        sum: hashOf(sum),
        nextModel: hashAt(round + 1),
      };
      return signed(await signRecord(record(honest, round), attempt.coordinator), round);
    },
  });
  const chain = new ModelChain();
  const task = (round: number, more: Partial<TrainTask> = {}): TrainTask => ({
    type: 'train',
    jobId: JOB,
    manifestSha256: '0'.repeat(64),
    round,
    attempt: 1,
    model: hashAt(round),
    deadline: '2026-01-01T12:00:00.000Z',
    ...more,
  });
  const model = async (round: number, more: Partial<TrainTask> = {}) => [
    ...(await chain.model(task(round, more), manifest, attempt.terms.coordinatorKey, api, NEVER)),
  ];
  return { api, model };
}

const fetched = ({ calls }: ReturnType<typeof coordinator>['api']) =>
  calls.map(({ name, request }) => {
    const { sha256, round } = request.params as { sha256?: string; round?: string };
    return name === 'getRecord' ? `record ${round}` : sha256 === hashOf(sum) ? 'sum' : 'model';
  });

test('the initial model is fetched, and every other one made from the sums', async () => {
  const { api, model } = coordinator();
  for (const round of [1, 2, 3]) expect(await model(round)).toEqual(models[round - 1]);
  expect(new Set(models.map(String)).size).toBe(ROUNDS);
  expect(fetched(api)).toEqual(['model', 'record 1', 'sum', 'record 2', 'sum']);
});

test('a further attempt at the same round costs nothing', async () => {
  const { api, model } = coordinator();
  await model(1);
  await model(2);
  const before = api.calls.length;
  expect(await model(2, { attempt: 2 })).toEqual(models[1]);
  expect(api.calls.length).toBe(before);
});

test('a first round that does not start from the initial model of the job is refused', async () => {
  const { model, api } = coordinator();
  await expect(model(1, { model: hashAt(2) })).rejects.toMatchObject({
    code: 'modelChainBroken',
    detail: { round: 1, reason: 'it is not the initial model of the job' },
  });
  expect(api.calls).toEqual([]);
  expect(await model(1)).toEqual(models[0]);
});

describe('a chain that does not hold is broken where it does not, and goes on where it does:', () => {
  const broken = (reason: string, code = 'modelChainBroken') => ({ code, reason });
  test.each<
    [
      what: string,
      lie: () => Lies & { task?: Partial<TrainTask> },
      expected: { code: string; reason: string },
    ]
  >([
    [
      'a model that the coordinator has made, which it serves',
      () => ({ task: { model: hashAt(4) } }),
      broken('the model of the task is another one'),
    ],
    [
      'a record that says so too',
      () => ({ task: { model: hashAt(4) }, record: (it) => ({ ...it, nextModel: hashAt(4) }) }),
      broken('its sum leads to another model than it says'),
    ],
    [
      'a record that starts from another model',
      () => ({
        record: (it) => ({
          ...it,
          descriptor: {
            ...it.descriptor,
            descriptor: { ...it.descriptor.descriptor, model: hashAt(5) },
          },
        }),
      }),
      broken('the record of the round starts from another model'),
    ],
    [
      'the record of another round',
      () => ({
        record: (it) => ({
          ...it,
          descriptor: { ...it.descriptor, descriptor: { ...it.descriptor.descriptor, round: 7 } },
        }),
      }),
      broken('the record is that of another round'),
    ],
    [
      'the record of another job',
      () => ({
        record: (it) => ({
          ...it,
          descriptor: {
            ...it.descriptor,
            descriptor: { ...it.descriptor.descriptor, jobId: 'job-00000000000000aa' },
          },
        }),
      }),
      broken('the record is that of another round'),
    ],
    [
      'a record of other survivors, over which the sum has another mean',
      () => ({ record: (it) => ({ ...it, survivors: '00' }) }),
      broken('cannot be applied'),
    ],
    [
      'a record that is forged',
      () => ({ signed: (it) => ({ ...it, signature: flippedHex(it.signature) }) }),
      broken('not of the pinned coordinator', 'recordInvalid'),
    ],
    [
      'another sum than the one that the record names',
      () => ({ blob: (sha256) => (sha256 === hashOf(sum) ? modelFile([1, 2, 3, 4, 5]) : undefined) }),
      broken('', 'hashMismatch'),
    ],
  ])('%s', async (_what, lie, { code, reason }) => {
    let isLying = false;
    const { task, record, signed, blob } = lie();
    const { model } = coordinator({
      record: (it, round) => (isLying && record ? record(it, round) : it),
      signed: (it, round) => (isLying && signed ? signed(it, round) : it),
      blob: (sha256) => (isLying ? blob?.(sha256) : undefined),
    });
    expect(await model(2)).toEqual(models[1]);
    isLying = true;
    const error = await model(3, task).catch((problem: unknown) => problem);
    expect(error).toMatchObject({ code });
    expect((error as HanseError).message).toContain(reason);
    isLying = false;
    expect(await model(3)).toEqual(models[2]);
  });

  test('a round that lies behind the last one', async () => {
    const { model } = coordinator();
    await model(3);
    await expect(model(2)).rejects.toMatchObject({
      code: 'modelChainBroken',
      detail: { round: 2, reason: 'it lies behind the last one' },
    });
    expect(await model(4)).toEqual(models[3]);
  });
});

describe('rounds that a node has missed', () => {
  test('are made up for, up to eight, without a model', async () => {
    const { api, model } = coordinator();
    await model(1);
    expect(await model(9)).toEqual(models[8]);
    expect(fetched(api).filter((what) => what === 'model')).toHaveLength(1);
    expect(api.count('getRecord')).toBe(8);
  });

  test('are not if there are more: the present model is believed, and what follows is not', async () => {
    const { api, model } = coordinator();
    await model(1);
    expect(await model(10)).toEqual(models[9]);
    expect(fetched(api)).toEqual(['model', 'model']);
    expect(await model(11)).toEqual(models[10]);
    await expect(model(12, { model: hashAt(3) })).rejects.toMatchObject({ code: 'modelChainBroken' });
  });

  test('one lie among them breaks it', async () => {
    const { model } = coordinator({
      record: (it, round) => (round === 4 ? { ...it, nextModel: hashAt(9) } : it),
    });
    expect(await model(4)).toEqual(models[3]);
    await expect(model(6)).rejects.toMatchObject({ code: 'modelChainBroken', detail: { round: 4 } });
  });
});

test('who joins later believes the first model that it sees', async () => {
  const { api, model } = coordinator();
  expect(await model(5)).toEqual(models[4]);
  expect(await model(6)).toEqual(models[5]);
  expect(fetched(api)).toEqual(['model', 'record 5', 'sum']);
});

test('jobs have chains of their own', async () => {
  const { model } = coordinator();
  const other = { jobId: 'job-00000000000000aa' };
  await model(3);
  expect(await model(1, other)).toEqual(models[0]);
  expect(await model(2, other)).toEqual(models[1]);
  expect(await model(4)).toEqual(models[3]);
});

describe('a strategy that remembers', () => {
  const strategy = { type: 'fedavgm', serverLearningRate: 1, momentum: 0.5 } as const;
  const state = () => modelFile([0, 0, 0, 0, 0]);

  test('is asked for what it remembers where a node joins later, by the record of the round before', async () => {
    const { api, model } = coordinator({
      manifest: { strategy },
      record: (it) => ({ ...it, strategyState: hashOf(state()) }),
      blob: (sha256) => (sha256 === hashOf(state()) ? state() : undefined),
    });
    // With no momentum yet the next step is that of plain averages.
    expect(await model(5)).toEqual(models[4]);
    expect(await model(6)).toEqual(models[5]);
    expect(fetched(api)).toEqual(['model', 'record 4', 'model', 'record 5', 'sum']);
  });

  test('a record before it that leads elsewhere or names no state, and another state than it names, are refused', async () => {
    const elsewhere = coordinator({
      manifest: { strategy },
      record: (it) => ({ ...it, strategyState: hashOf(state()), nextModel: hashAt(9) }),
    });
    await expect(elsewhere.model(5)).rejects.toMatchObject({
      code: 'modelChainBroken',
      detail: { reason: 'the record before it leads to another model' },
    });
    const swapped = coordinator({
      manifest: { strategy },
      record: (it) => ({ ...it, strategyState: hashOf(state()) }),
      blob: (sha256) => (sha256 === hashOf(state()) ? modelFile([9, 9, 9, 9, 9]) : undefined),
    });
    await expect(swapped.model(5)).rejects.toMatchObject({ code: 'hashMismatch' });
    const nameless = coordinator({ manifest: { strategy } });
    await expect(nameless.model(5)).rejects.toMatchObject({
      code: 'modelChainBroken',
      detail: { reason: 'the record before it names no state of the strategy' },
    });
  });
});

describe('a clip norm that follows from clip counts', () => {
  const adaptive = { quantile: 0.5, rate: 0.2, bitScale: 10 };
  /** Three of four updates are within it, in every round. */
  const counter = 20;
  const normAt = (round: number) => {
    let norm = 1;
    for (let at = 1; at < round; at += 1) norm = nextClipNorm(norm, 0.75, { ...adaptive, initial: 1 });
    return norm;
  };

  /** Models of a mean that shrinks with the clip norm. @param told of the record of this round */
  async function following(told: (round: number) => number | undefined = normAt) {
    const { codec } = attempt.manifest;
    const manifest = { codec: { ...codec, counters: 1, adaptive } };
    const secondBlock = Uint32Array.of(attempt.sum.secondBlock[0] ?? 0, counter);
    const counted = encodeSum({ ...attempt.manifest, ...manifest }, { ...attempt.sum, secondBlock });
    const ring = new RingSum(codec, attempt.manifest.parameters);
    for (const { update } of attempt.parties) ring.add(packIntegers(update, codec));
    const own: number[][] = [[...INITIAL_VALUES]];
    for (let round = 1; round < 5; round += 1) {
      const { mean } = ring.open(undefined, {
        ...codec,
        clipNorm: normAt(round),
        grid: codec.grid * normAt(round),
      });
      own.push((own.at(-1) ?? []).map((value, i) => Math.fround(value + (mean[i] ?? 0))));
    }
    const hash = (round: number) => hashOf(modelFile(own[round - 1] ?? []));
    const { model } = coordinator({
      manifest: manifest as never,
      blob: (sha256) => [counted, ...own.map(modelFile)].find((bytes) => hashOf(bytes) === sha256),
      record: (it, round) => {
        const clipNorm = told(round);
        const descriptor = {
          ...it.descriptor.descriptor,
          model: hash(round),
          ...(clipNorm !== undefined && { clipNorm }),
        };
        return {
          ...it,
          descriptor: { ...it.descriptor, descriptor },
          sum: hashOf(counted),
          nextModel: hash(round + 1),
        };
      },
    });
    /** @param clipNorm of the task */
    const at = (round: number, clipNorm: number | undefined = normAt(round)) =>
      model(round, { model: hash(round), secure: { descriptor: { clipNorm } } as never });
    return { at, own };
  }

  test('is made with the models, from the sums', async () => {
    const { at, own } = await following();
    for (const round of [1, 2, 3, 4]) expect(await at(round)).toEqual(own[round - 1]);
    expect(normAt(4)).toBeLessThan(normAt(3));
  });

  test('of a task is refused where it is another one, whatever the job tells of counts', async () => {
    const { at, own } = await following();
    await at(1);
    for (const clipNorm of [normAt(3), normAt(2) * (1 + 2 ** -52)])
      await expect(at(2, clipNorm)).rejects.toMatchObject({
        code: 'modelChainBroken',
        detail: { round: 2, reason: expect.stringContaining('clip norm') },
      });
    expect(await at(2)).toEqual(own[1]);
  });

  test('of a record is refused where it is another one', async () => {
    const { at } = await following((round) => (round === 2 ? 2 * normAt(2) : normAt(round)));
    await at(2);
    await expect(at(3)).rejects.toMatchObject({
      code: 'modelChainBroken',
      detail: { round: 2, reason: expect.stringContaining('clip norm') },
    });
  });

  test('is believed with the model by who joins later, and made from there on', async () => {
    const { at, own } = await following();
    expect(await at(3)).toEqual(own[2]);
    await expect(at(4, normAt(3))).rejects.toMatchObject({ code: 'modelChainBroken' });
    expect(await at(4)).toEqual(own[3]);
  });
});
