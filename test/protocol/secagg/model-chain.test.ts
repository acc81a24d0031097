import { beforeAll, describe, expect, test } from 'vitest';
import { primitives } from '#primitives';
import { concatBytes, toHex } from '../../../protocol/bytes.ts';
import { nextClipNorm } from '../../../protocol/dp/adaptive-clip.ts';
import { layoutOf } from '../../../protocol/ring/payload.ts';
import { RingSum } from '../../../protocol/ring/sum.ts';
import { packIntegers } from '../../../protocol/ring/update.ts';
import {
  encodeSum,
  firstState,
  followRecord,
  nextState,
  openedClipping,
  parseSum,
  stateOf,
} from '../../../protocol/secagg/model-chain.ts';
import { strategyOf } from '../../../protocol/strategy/strategy-of.ts';
import { bytesOf, encodeHeader, encodeParameters } from '../../../protocol/vector.ts';
import type { JobManifest } from '../../../schemas/job.ts';
import { INITIAL_VALUES } from '../../fixtures/manifest.ts';
import { type SmallAttempt, smallAttempt } from '../../fixtures/small-attempt.ts';
import { storedIntegers } from '../../fixtures/stored-integers.ts';

let attempt: SmallAttempt;
let stored: Uint8Array;
beforeAll(async () => {
  attempt = await smallAttempt();
  stored = storedSum();
});

/** The opened sum, as the coordinator keeps it. */
function storedSum({ codec, parameters }: JobManifest = attempt.manifest): Uint8Array {
  const { secondBlock } = layoutOf(codec, parameters);
  const header = encodeHeader({ kind: 'update', width: codec.width, length: parameters, secondBlock });
  return concatBytes(header, packIntegers(attempt.sum, codec));
}
const model = Float32Array.from(INITIAL_VALUES);

/** Of the updates in the clear. */
function meanInTheClear(): Float64Array {
  const { codec, parameters } = attempt.manifest;
  const ring = new RingSum(codec, parameters);
  for (const { update } of attempt.parties) ring.add(packIntegers(update, codec));
  return ring.open().mean;
}

test('the next model is the present one and the mean of the survivors', async () => {
  const first = firstState(attempt.manifest, model);
  const next = await nextState(attempt.manifest, first, attempt.record.record, stored);
  const mean = meanInTheClear();
  expect(mean.some((value) => value !== 0)).toBe(true);
  expect([...next.model]).toEqual([...model].map((value, i) => Math.fround(value + (mean[i] ?? 0))));
  expect([...model]).toEqual([...INITIAL_VALUES]);
});

test('a record is followed to the model that it names, and to no other', async () => {
  const { manifest } = attempt;
  const { record } = attempt.record;
  const first = firstState(manifest, model);
  const next = await nextState(manifest, first, record, stored);
  const nextModel = toHex(await primitives.sha256(await encodeParameters(next.model)));
  const follow = (named: string) =>
    followRecord(primitives, manifest, first, { ...record, nextModel: named }, stored);
  expect(await follow(nextModel)).toEqual(next);
  await expect(follow('0'.repeat(64))).rejects.toMatchObject({
    code: 'modelChainBroken',
    detail: { reason: 'its sum leads to another model than it says' },
  });
});

test('a strategy with a memory goes on with what it remembers, also when that was stored', async () => {
  const strategy = { type: 'fedavgm', serverLearningRate: 1, momentum: 0.5 } as const;
  const manifest = { ...attempt.manifest, strategy };
  const { record } = attempt.record;
  const first = firstState(manifest, model);
  const second = await nextState(manifest, first, record, stored);
  const third = await nextState(manifest, second, record, stored);
  const mean = meanInTheClear();
  const steps = [...third.model].map((value, i) => value - (second.model[i] ?? 0));
  for (const [i, step] of steps.entries()) expect(step).toBeCloseTo(1.5 * (mean[i] ?? 0), 5);
  const kept = await encodeParameters(strategyOf(strategy).encode(second.state));
  const read = await nextState(manifest, { ...second, state: stateOf(manifest, kept) }, record, stored);
  expect(read.model).toEqual(third.model);
  const cut = bytesOf(new Float32Array(2));
  expect(() => stateOf(manifest, concatBytes(kept.subarray(0, 64), cut))).toThrow(
    expect.objectContaining({ code: 'invalidLength' }),
  );
});

describe('a sum that cannot be one', () => {
  const follow = (sum: Uint8Array, record = attempt.record.record) =>
    nextState(attempt.manifest, firstState(attempt.manifest, model), record, sum);
  const header = (width: number, length: number) =>
    encodeHeader({ kind: 'update', width, length, secondBlock: 1 });

  test.each<[what: string, sum: () => Uint8Array | Promise<Uint8Array>]>([
    ['nothing', () => new Uint8Array()],
    ['of another length', () => stored.subarray(0, -4)],
    ['a model', () => encodeParameters(model)],
    [
      'of another width',
      () =>
        concatBytes(
          header(24, 5),
          new Uint8Array(layoutOf({ ...attempt.manifest.codec, width: 24 }, 5).payloadBytes),
        ),
    ],
    [
      'of fewer coordinates',
      () => concatBytes(header(20, 4), new Uint8Array(layoutOf(attempt.manifest.codec, 4).payloadBytes)),
    ],
    ['of no weight', () => concatBytes(stored.subarray(0, -4), new Uint8Array(4))],
    [
      'of more weight than so many can have',
      () => concatBytes(stored.subarray(0, -4), Uint8Array.of(41, 0, 0, 0)),
    ],
  ])('%s', async (_what, sum) => {
    await expect(follow(stored)).resolves.toBeDefined();
    await expect(follow(await sum())).rejects.toMatchObject({
      code: 'modelChainBroken',
      detail: { round: 3 },
    });
  });

  test('a record of no survivors', async () => {
    await expect(follow(stored, { ...attempt.record.record, survivors: '00' })).rejects.toMatchObject({
      code: 'modelChainBroken',
    });
  });
});

test('a stored sum is read as it was written', () => {
  const { coordinates, secondBlock } = storedIntegers(attempt.manifest, stored);
  const { codec } = attempt.manifest;
  expect(packIntegers({ coordinates, secondBlock }, codec)).toEqual(packIntegers(attempt.sum, codec));
  expect([...secondBlock]).toEqual([1 + 2 + 3 + 4]);
  expect(() => parseSum(attempt.manifest, stored.subarray(1))).toThrow(
    expect.objectContaining({ code: 'updateMalformed' }),
  );
});

describe('where clipping is adaptive', () => {
  const adaptive = { quantile: 0.5, rate: 0.2, bitScale: 10 };
  const following = (): JobManifest => {
    const { manifest } = attempt;
    return { ...manifest, codec: { ...manifest.codec, counters: 1, adaptive } } as JobManifest;
  };
  /** With this counter, of four updates. */
  const sumOf = (counter: number) => {
    const { coordinates, secondBlock } = attempt.sum;
    const [weight = 0] = secondBlock;
    return encodeSum(following(), { coordinates, secondBlock: Uint32Array.of(weight, counter) });
  };
  const recordWith = (clipNorm?: number) => {
    const { record } = attempt.record;
    const { clipNorm: _, ...descriptor } = record.descriptor.descriptor;
    const of = { ...descriptor, ...(clipNorm !== undefined && { clipNorm }) };
    return { ...record, descriptor: { ...record.descriptor, descriptor: of } };
  };

  test.each([
    [40, 1],
    [20, 0.75],
    [-40, 0],
    [-50, -0.125],
  ])(
    'a counter of %d is a share of %d, and the next clip norm follows from it',
    async (counter, fraction) => {
      const first = firstState(following(), model);
      expect(first.clipNorm).toBe(1);
      expect(openedClipping(following(), recordWith(1), sumOf(counter))).toEqual({ clipNorm: 1, fraction });
      const next = await nextState(following(), first, recordWith(1), sumOf(counter));
      expect(next.clipNorm).toBe(nextClipNorm(1, fraction, { ...adaptive, initial: 1 }));
      const twin = await nextState(
        attempt.manifest,
        firstState(attempt.manifest, model),
        recordWith(),
        stored,
      );
      expect(next.model).toEqual(twin.model);
      expect(twin.clipNorm).toBeUndefined();
      expect(openedClipping(attempt.manifest, recordWith(), stored)).toBeUndefined();
    },
  );

  test('steps of the sum are those of the clip norm of its round', async () => {
    const first = firstState(following(), model);
    const half = { ...first, clipNorm: 0.5 };
    const steps = async (state: typeof first, clipNorm: number) => {
      const next = await nextState(following(), state, recordWith(clipNorm), sumOf(0));
      return next.model.map((value, i) => value - (model[i] ?? 0));
    };
    const [whole, halved] = [await steps(first, 1), await steps(half, 0.5)];
    for (const [i, step] of whole.entries()) expect(halved[i]).toBeCloseTo(step / 2, 5);
    expect(whole.some((step) => Math.abs(step) > 0.01)).toBe(true);
  });

  test('a record of another clip norm, of none, or of one where there is none, breaks the chain', async () => {
    const manifest = following();
    const from = firstState(manifest, model);
    await expect(nextState(manifest, from, recordWith(1), sumOf(0))).resolves.toBeDefined();
    for (const clipNorm of [2, 1 + 2 ** -52, undefined])
      await expect(nextState(manifest, from, recordWith(clipNorm), sumOf(0))).rejects.toMatchObject({
        code: 'modelChainBroken',
        detail: { reason: expect.stringContaining('clip norm') },
      });
    const fixed = firstState(attempt.manifest, model);
    await expect(nextState(attempt.manifest, fixed, recordWith(), stored)).resolves.toBeDefined();
    await expect(nextState(attempt.manifest, fixed, recordWith(1), stored)).rejects.toMatchObject({
      code: 'modelChainBroken',
    });
  });
});
