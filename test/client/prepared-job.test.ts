import { beforeAll, describe, expect, test } from 'vitest';
import type { Examples } from '../../client/data/examples.ts';
import { loadCpuProvider } from '../../client/engine/cpu.ts';
import type { ExecutionProvider } from '../../client/engine/provider.ts';
import { importModel } from '../../client/graph/import-model.ts';
import { linear } from '../../client/graph/models/linear.ts';
import { fetchModel, prepareEvaluation, prepareJob, prepareTraining } from '../../client/prepared-job.ts';
import { type JobShelf, jobShelf } from '../fixtures/job-shelf.ts';
import { type Script, scriptedCoordinator } from '../fixtures/scripted-coordinator.ts';
import { clouds } from '../fixtures/small-job.ts';
import { hashOf, modelFile } from '../fixtures/vector-files.ts';
import { bytesOf, floats, intsAttribute } from './graph/model-sketch.ts';

let shelf: JobShelf;
let provider: ExecutionProvider;

beforeAll(async () => {
  shelf = await jobShelf();
  provider = await loadCpuProvider({ threads: 1 });
});

function prepared(from: JobShelf, script: Script = {}) {
  return prepareJob(from.trainTask(), scriptedCoordinator({ ...from.script, ...script }));
}

describe('nothing that the coordinator says is believed', () => {
  test('a manifest with another hash than announced', async () => {
    const other = await jobShelf({ rounds: 4 });
    await expect(prepared(shelf)).resolves.toMatchObject({ manifest: { rounds: 3 } });
    await expect(prepared(shelf, { getJob: other.script.getJob })).rejects.toMatchObject({
      code: 'hashMismatch',
      detail: { what: 'manifest', expected: shelf.manifestSha256, got: other.manifestSha256 },
    });
  });

  test('a forward graph with another hash than the manifest names', async () => {
    const flipped: Script = {
      getBlob: async (request, options) =>
        flipLast((await shelf.script.getBlob(request, options)) as Uint8Array),
    };
    await expect(prepared(shelf)).resolves.toBeDefined();
    await expect(prepared(shelf, flipped)).rejects.toMatchObject({
      code: 'hashMismatch',
      detail: { what: 'forward graph' },
    });
  });

  test('a model with another hash, or of another length', async () => {
    const { manifest } = shelf;
    const api = scriptedCoordinator(shelf.script);
    const values = await fetchModel(manifest.initialModel, manifest.parameters, api);
    expect(values).toHaveLength(manifest.parameters);
    const tampered = scriptedCoordinator({
      getBlob: async (request, options) =>
        flipLast((await shelf.script.getBlob(request, options)) as Uint8Array),
    });
    await expect(fetchModel(manifest.initialModel, manifest.parameters, tampered)).rejects.toMatchObject({
      code: 'hashMismatch',
      detail: { what: 'model' },
    });
    const short = modelFile([1, 2, 3]);
    const serving = scriptedCoordinator({ getBlob: () => short });
    await expect(fetchModel(hashOf(short), 3, serving)).resolves.toEqual(Float32Array.of(1, 2, 3));
    await expect(fetchModel(hashOf(short), 4, serving)).rejects.toMatchObject({
      code: 'updateMalformed',
      detail: { field: 'model' },
    });
  });

  test('a train step that does not come out as pinned', async () => {
    const trainer = await prepareTraining(await prepared(shelf), provider);
    await trainer.release();
    const wrong = await jobShelf({}, (manifest) => ({
      ...manifest,
      graph: { ...manifest.graph, trainStep: hashOf(new Uint8Array()) },
    }));
    await expect(prepareTraining(await prepared(wrong), provider)).rejects.toMatchObject({
      code: 'graphHashMismatch',
      detail: { what: 'train step', expected: hashOf(new Uint8Array()) },
    });
    // Another learning rate is no other graph, another batch size is.
    const batches = await jobShelf({}, (manifest) => ({
      ...manifest,
      training: { ...manifest.training, batchSize: 5 },
    }));
    await expect(prepareTraining(await prepared(batches), provider)).rejects.toMatchObject({
      code: 'graphHashMismatch',
    });
  });

  test('a codec whose sum would overflow', async () => {
    const overflowing = await jobShelf({}, (manifest) => ({
      ...manifest,
      codec: { ...manifest.codec, grid: manifest.codec.grid / 2 },
    }));
    await expect(prepared(shelf)).resolves.toBeDefined();
    await expect(prepared(overflowing)).rejects.toMatchObject({ code: 'ringOverflow' });
  });
});

test('the forward graph is read as its author has read it', async () => {
  const sequence = bytesOf({
    input: ['N', 'L'],
    initializers: [floats('scale', [1], 2), floats('shift', [1], 0)],
    opset: 18,
    nodes: [
      { op: 'Mul', inputs: ['in', 'scale'], output: 'a' },
      { op: 'Add', inputs: ['a', 'shift'], output: 'b' },
      { op: 'ReduceMean', inputs: ['b'], output: 'out', attributes: [intsAttribute('axes', 1)] },
    ],
  });
  const choices = { freeze: ['*'], train: ['shift'], inputShape: [4] };
  const forward = importModel(sequence, choices);
  const training = { ...shelf.manifest.training, loss: { type: 'mse' } } as const;
  const chosen = await jobShelf({ forward, training });
  expect(chosen.manifest).toMatchObject({ graph: choices, parameters: 1 });
  const job = await prepared(chosen);
  expect(job.forward.choices).toEqual(choices);
  const trainer = await prepareTraining(job, provider);
  await trainer.release();
  const without = async (list: 'freeze' | 'train' | 'inputShape') => {
    const changed = await jobShelf(
      { forward, training },
      ({ graph: { [list]: _, ...graph }, ...manifest }) => ({
        ...manifest,
        graph,
      }),
    );
    return prepareTraining(await prepared(changed), provider);
  };
  await expect(without('freeze')).rejects.toMatchObject({ code: 'graphHashMismatch' });
  await expect(without('train')).rejects.toMatchObject({ code: 'graphWithoutParameters' });
  await expect(without('inputShape')).rejects.toMatchObject({ code: 'graphMalformed' });
});

test('an operator outside of the permitted list, or no graph at all', async () => {
  const unsupported = replaceText(blobOf(shelf, shelf.manifest.graph.forward), 'Relu', 'Zelu');
  await expect(prepared(await withForward(unsupported))).rejects.toMatchObject({
    code: 'operatorUnsupported',
    detail: { operator: 'Zelu', supported: expect.arrayContaining(['Relu']) },
  });
  const garbage = new TextEncoder().encode('no graph');
  await expect(prepared(await withForward(garbage))).rejects.toMatchObject({ code: 'graphMalformed' });
  await expect(
    prepared(await withForward(blobOf(shelf, shelf.manifest.graph.forward))),
  ).resolves.toBeDefined();
});

describe('the examples are held to the model and the loss', () => {
  const good = clouds(6);
  const faults: [name: string, fault: Partial<Examples>, code: string][] = [
    ['none at all', { count: 0, features: new Float32Array(), targets: new Int32Array() }, 'dataEmpty'],
    ['another shape', { inputShape: [3] }, 'dataShapeMismatch'],
    ['numbers in place of labels', { targets: new Float32Array(6) }, 'dataShapeMismatch'],
    ['a label beyond the classes', { targets: Int32Array.of(0, 1, 0, 1, 0, 2) }, 'dataShapeMismatch'],
    ['a negative label', { targets: Int32Array.of(0, 1, 0, 1, 0, -1) }, 'dataShapeMismatch'],
    [
      'a feature that is no number',
      { features: good.features.with(9, Number.NaN) as Float32Array },
      'dataMalformed',
    ],
    [
      'an infinite feature',
      { features: good.features.with(0, Number.POSITIVE_INFINITY) as Float32Array },
      'dataMalformed',
    ],
  ];

  test.each(faults)('%s', async (_name, fault, code) => {
    const { checkExamples } = await prepared(shelf);
    expect(() => checkExamples(good, false)).not.toThrow();
    expect(() => checkExamples({ ...good, ...fault }, false)).toThrow(expect.objectContaining({ code }));
  });

  test('one class alone, unless it is permitted', async () => {
    const { checkExamples } = await prepared(shelf);
    const single = { ...good, targets: new Int32Array(6).fill(1) };
    expect(() => checkExamples(single, false)).toThrow(expect.objectContaining({ code: 'dataSingleClass' }));
    expect(() => checkExamples(single, true)).not.toThrow();
    const outside = { ...good, targets: new Int32Array(6).fill(2) };
    expect(() => checkExamples(outside, true)).toThrow(
      expect.objectContaining({ code: 'dataShapeMismatch' }),
    );
  });

  test('targets of binary cross-entropy lie in [0, 1], those of squared error anywhere', async () => {
    const forward = linear(4, 1);
    const training = { ...shelf.manifest.training, loss: { type: 'bce_logits' } } as const;
    const binary = await prepared(await jobShelf({ forward, training }));
    const real = await prepared(
      await jobShelf({ forward, training: { ...training, loss: { type: 'mse' } } }),
    );
    const within = { ...good, targetShape: [1], targets: Float32Array.of(0, 1, 0.5, 1, 0, 1) };
    const outside = { ...within, targets: Float32Array.of(0, 1, 0, 1, 0, 1.5) };
    expect(() => binary.checkExamples(within, false)).not.toThrow();
    expect(() => binary.checkExamples(outside, false)).toThrow(
      expect.objectContaining({
        code: 'dataShapeMismatch',
        detail: expect.objectContaining({ what: 'target of example 5' }),
      }),
    );
    expect(() => real.checkExamples(outside, false)).not.toThrow();
  });
});

describe('evaluation', () => {
  test.each([
    ['softmax_ce', 2],
    ['bce_logits', 1],
    ['mse', 1],
  ] as const)('%s: accuracy only where predictions are right or wrong', async (type, outputs) => {
    const training = { ...shelf.manifest.training, loss: { type } };
    const job = await prepared(await jobShelf({ forward: linear(4, outputs), training }));
    const evaluator = await prepareEvaluation(job, provider);
    const cloud = clouds(8);
    const examples =
      type === 'softmax_ce'
        ? cloud
        : { ...cloud, targetShape: [1], targets: Float32Array.from(cloud.targets) };
    // The weights point from class 0 to class 1.
    const weights = outputs === 2 ? [-1, 1, -1, 1, -1, 1, -1, 1, 0, 0] : [1, 1, 1, 1, 0];
    const result = await evaluator.evaluate({ parameters: Float32Array.from(weights), examples });
    expect(result.accuracy).toBe(type === 'mse' ? null : 1);
    await evaluator.release();
  });

  test('a model whose batch axis is fixed is trained and evaluated at that size', async () => {
    const forward = linear(4, 2);
    const job = await prepared(await jobShelf({ forward }));
    const fixed = { ...job, forward: { ...job.forward, input: { ...job.forward.input, batch: 4 } } };
    const evaluator = await prepareEvaluation(fixed, provider);
    const free = await prepareEvaluation(job, provider);
    const request = { parameters: new Float32Array(10), examples: clouds(6) };
    const result = await evaluator.evaluate(request);
    expect(result).toEqual(await free.evaluate(request));
    expect(result.loss).toBeCloseTo(Math.log(2), 5);
    await Promise.all([evaluator.release(), free.release()]);
  });
});

function blobOf({ blobs }: JobShelf, sha256: string): Uint8Array {
  return blobs.find((blob) => blob.sha256 === sha256)?.bytes ?? new Uint8Array();
}

/** The job with another forward graph, announced as it is. */
async function withForward(bytes: Uint8Array): Promise<JobShelf> {
  const changed = await jobShelf({}, (manifest) => ({
    ...manifest,
    graph: { ...manifest.graph, forward: hashOf(bytes) },
  }));
  return { ...changed, script: { ...changed.script, getBlob: () => bytes } };
}

function flipLast(bytes: Uint8Array): Uint8Array {
  return bytes.with(bytes.length - 1, (bytes.at(-1) ?? 0) ^ 1);
}

function replaceText(bytes: Uint8Array, from: string, to: string): Uint8Array {
  return new Uint8Array(Buffer.from(Buffer.from(bytes).toString('latin1').replaceAll(from, to), 'latin1'));
}
