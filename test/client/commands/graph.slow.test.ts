// covers: client/commands/graph.ts, client/commands/graph-check.ts, client/commands/graph-model.ts, client/commands/batch-file.ts

import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { graphCommands } from '../../../client/commands/graph.ts';
import { writeForward } from '../../../client/graph/forward-writer.ts';
import type { Constant } from '../../../client/graph/tensor-type.ts';
import { HanseError } from '../../../protocol/problem.ts';
import { recordingIo } from '../../fixtures/recording-io.ts';

let folder = '';

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hanse-graph-'));
  await writeFile(join(folder, 'slope.onnx'), slope());
});

afterAll(() => rm(folder, { recursive: true }));

/** y = x weight + bias with weight 3, bias 0: the names are those that a step uses for other things. */
function slope(): Uint8Array {
  return writeForward({
    name: 'slope',
    input: { name: 'in', shape: [1] },
    parameters: [
      { name: 'weight', shape: [1, 1], data: Float32Array.of(3) },
      { name: 'bias', shape: [1], data: Float32Array.of(0) },
    ],
    nodes: [{ op: 'Gemm', inputs: ['in', 'weight', 'bias'], output: 'y' }],
    output: { name: 'y', shape: [1] },
  });
}

/** y = dropout(x weight), a half being dropped. */
function dropping(): Uint8Array {
  const constant = (output: string, value: Constant) =>
    ({ op: 'Constant', inputs: [], output, attributes: { value: { kind: 'tensor', value } } }) as const;
  return writeForward({
    name: 'dropping',
    input: { name: 'in', shape: [1] },
    parameters: [{ name: 'weight', shape: [1, 1], data: Float32Array.of(3) }],
    nodes: [
      constant('ratio', { dtype: 'float32', shape: [], data: Float32Array.of(0.5) }),
      constant('mode', { dtype: 'bool', shape: [], data: Uint8Array.of(1) }),
      { op: 'MatMul', inputs: ['in', 'weight'], output: 'product' },
      { op: 'Dropout', inputs: ['product', 'ratio', 'mode'], output: 'y' },
    ],
    output: { name: 'y', shape: [1] },
  });
}

/** Two positions of two logits each, which are what is given plus a bias. */
function tokenwise(): Uint8Array {
  return writeForward({
    name: 'tokenwise',
    input: { name: 'in', shape: [2, 2] },
    parameters: [{ name: 'bias', shape: [2], data: Float32Array.of(0, 0) }],
    nodes: [{ op: 'Add', inputs: ['in', 'bias'], output: 'y' }],
    output: { name: 'y', shape: [2, 2] },
  });
}

function float32(shape: number[], ...values: number[]) {
  const base64 = Buffer.from(Float32Array.from(values).buffer).toString('base64');
  return { shape, dtype: 'float32', base64 };
}

function int64(shape: number[], ...values: number[]) {
  const base64 = Buffer.from(BigInt64Array.from(values, BigInt).buffer).toString('base64');
  return { shape, dtype: 'int64', base64 };
}

async function batchFile(name: string, batch: object): Promise<string> {
  const file = join(folder, name);
  await writeFile(file, JSON.stringify(batch));
  return file;
}

type StepOptions = Parameters<typeof graphCommands.step.run>[0]['options'];

const STEP = { loss: 'mse', optimizer: 'sgd', lr: 0.25, steps: 2, provider: 'wasm', seed: 'test' } as const;

describe('hanse graph step', () => {
  it('tells the loss before each step and writes the parameters under their own names', async () => {
    const batch = await batchFile('line.json', { x: float32([2, 1], 1, -1), target: float32([2], 1, -1) });
    const output = join(folder, 'params.safetensors');
    const model = join(folder, 'slope.onnx');
    const result = await graphCommands.step.run(
      { args: [model], options: { ...STEP, batch, output } },
      recordingIo(),
    );
    // Error 2 at both points: loss 4, gradient 2 * 2; weight 3 - 0.25 * 4 = 2, then loss 1, weight 1.5.
    expect(result).toMatchObject({ provider: 'wasm', losses: [4, 1], output });
    const bytes = await readFile(output);
    const headerBytes = Number(bytes.readBigUInt64LE(0));
    const header = JSON.parse(bytes.subarray(8, 8 + headerBytes).toString());
    expect(header).toEqual({
      weight: { dtype: 'F32', shape: [1, 1], data_offsets: [0, 4] },
      bias: { dtype: 'F32', shape: [1], data_offsets: [4, 8] },
    });
    expect(bytes.readFloatLE(8 + headerBytes)).toBe(1.5);
    expect(bytes.readFloatLE(12 + headerBytes)).toBe(0);
  });

  it('takes int64 labels', async () => {
    const batch = await batchFile('labels.json', {
      x: float32([2, 3], 1, 2, 3, 4, 5, 6),
      target: int64([2], 0, 1),
    });
    const options = { ...STEP, loss: 'softmax_ce', optimizer: 'adam', batch } as const;
    const { losses } = (await graphCommands.step.run({ args: ['linear:3,2'], options }, recordingIo())) as {
      losses: number[];
    };
    expect(losses[0]).toBeCloseTo(Math.log(2), 6);
    expect(losses).toHaveLength(2);
  });

  /** The losses before two steps of y = 3 x + 0 on x = 1, -1, 2 with these targets. */
  async function lossesOf(options: Partial<StepOptions>, ...targets: number[]): Promise<number[]> {
    const batch = await batchFile('losses.json', {
      x: float32([3, 1], 1, -1, 2),
      target: float32([3, 1], ...targets),
    });
    const model = join(folder, 'slope.onnx');
    const result = await graphCommands.step.run(
      { args: [model], options: { ...STEP, ...options, batch } },
      recordingIo(),
    );
    return (result as { losses: number[] }).losses;
  }

  it('minimises any of the losses, by any of the optimisers', async () => {
    // Outputs 3, -3, 6: errors 2, -4, 0.
    expect((await lossesOf({ loss: 'mse' }, 1, 1, 6))[0]).toBeCloseTo(20 / 3, 5);
    expect((await lossesOf({ loss: 'mae' }, 1, 1, 6))[0]).toBeCloseTo(2, 6);
    expect((await lossesOf({ loss: 'huber' }, 1, 1, 6))[0]).toBeCloseTo((1.5 + 3.5) / 3, 6);
    expect((await lossesOf({ loss: 'huber', huberDelta: 3 }, 1, 1, 6))[0]).toBeCloseTo((2 + 7.5) / 3, 6);
    expect((await lossesOf({ loss: 'bce_logits' }, 1, 0, 1))[0]).toBeCloseTo(
      (2 * Math.log1p(Math.exp(-3)) + Math.log1p(Math.exp(-6))) / 3,
      6,
    );
    const seconds = new Set<number>();
    for (const optimizer of ['sgd', 'momentum', 'nesterov', 'adam', 'adamw'] as const) {
      const [first = 0, second = 0] = await lossesOf({ loss: 'mae', optimizer, lr: 0.01 }, 1, 1, 5);
      expect(second).toBeLessThan(first);
      seconds.add(second);
      const [, decayed] = await lossesOf({ loss: 'mae', optimizer, lr: 0.01, weightDecay: 0.5 }, 1, 1, 5);
      // In its first step Adam moves by the learning rate whatever the gradient.
      if (optimizer !== 'adam') expect(decayed).not.toBe(second);
    }
    // The first steps of momentum and descent are one, and so are those of Adam and AdamW without decay.
    expect(seconds.size).toBe(3);
  });

  it('clips the gradient', async () => {
    // The slope of the loss by the weight is (2 * 2 * 1 + 2 * 4 * 1) / 3, by the bias (2 * 2 - 2 * 4) / 3.
    const norm = Math.hypot(4, 4 / 3);
    const [, free] = await lossesOf({ lr: 0.1 }, 1, 1, 6);
    const [, clipped] = await lossesOf({ lr: 0.1, gradientClip: norm / 2 }, 1, 1, 6);
    const [, half] = await lossesOf({ lr: 0.05 }, 1, 1, 6);
    expect(clipped).toBeCloseTo(half ?? Number.NaN, 5);
    expect(free).not.toBeCloseTo(half ?? Number.NaN, 5);
    expect((await lossesOf({ lr: 0.1, gradientClip: 2 * norm }, 1, 1, 6))[1]).toBeCloseTo(free ?? 0, 5);
    await expect(lossesOf({ gradientClip: 0 }, 1, 1, 6)).rejects.toMatchObject({ code: 'usage' });
    await expect(lossesOf({ gradientClip: -1 }, 1, 1, 6)).rejects.toMatchObject({ code: 'usage' });
  });

  it('draws masks of dropout by the seed, anew for every step', async () => {
    const model = join(folder, 'dropout.onnx');
    await writeFile(model, dropping());
    const values = Array.from({ length: 20 }, (_, at) => 1 + at / 10);
    const batch = await batchFile('drop.json', {
      x: float32([20, 1], ...values),
      target: float32([20], ...values),
    });
    const run = async (seed: string) => {
      const options = { ...STEP, lr: 0, seed, batch, steps: 3 };
      const result = await graphCommands.step.run({ args: [model], options }, recordingIo());
      return (result as { losses: number[] }).losses;
    };
    const first = await run('one');
    // Nothing moves at rate 0, so what changes from step to step is the mask.
    expect(new Set(first).size).toBe(3);
    expect(await run('one')).toEqual(first);
    expect(await run('two')).not.toEqual(first);
  });

  it('takes labels of sequences, and ignores those that are to be', async () => {
    const model = join(folder, 'tokens.onnx');
    await writeFile(model, tokenwise());
    const run = async (options: Partial<StepOptions>, ...labels: number[]) => {
      const x = float32([1, 2, 2], 0, 0, Math.log(3), 0);
      const batch = await batchFile('tokens.json', { x, target: int64([1, 2], ...labels) });
      const all = { ...STEP, loss: 'sequence_ce', ...options, batch } as const;
      const result = await graphCommands.step.run({ args: [model], options: all }, recordingIo());
      return (result as { losses: number[] }).losses[0];
    };
    expect(await run({}, 0, 0)).toBeCloseTo((Math.log(2) + Math.log(4 / 3)) / 2, 6);
    expect(await run({ ignoreIndex: -100 }, -100, 0)).toBeCloseTo(Math.log(4 / 3), 6);
    expect(await run({ ignoreIndex: 1 }, 1, 0)).toBeCloseTo(Math.log(4 / 3), 6);
    expect(await run({ ignoreIndex: 1 }, 1, 1)).toBe(0);
    const weighted = (Math.log(2) + 3 * Math.log(4)) / 4;
    expect(await run({ classWeights: '1,3' }, 0, 1)).toBeCloseTo(weighted, 6);
    const smooth = (Math.log(2) + 0.75 * Math.log(4 / 3) + 0.25 * Math.log(4)) / 2;
    expect(await run({ labelSmoothing: 0.5 }, 0, 0)).toBeCloseTo(smooth, 6);
    await expect(run({}, -100, 0)).rejects.toMatchObject({ code: 'dataMalformed' });
    await expect(run({ ignoreIndex: -100 }, -99, 0)).rejects.toMatchObject({
      code: 'dataMalformed',
      message: expect.stringMatching(/-99 is not in 0\.\.1 and not the ignored -100/),
    });
    await expect(run({ classWeights: '1,3,1' }, 0, 1)).rejects.toMatchObject({ code: 'manifestInvalid' });
  });

  it('refuses batches that do not fit', async () => {
    const good = { x: float32([1, 1], 1), target: float32([1, 1], 1) };
    const model = join(folder, 'slope.onnx');
    const codeOf = async (batch: object, loss: 'mse' | 'softmax_ce' = 'mse') => {
      const options = { ...STEP, loss, batch: await batchFile('bad.json', batch) };
      try {
        await graphCommands.step.run({ args: [model], options }, recordingIo());
        return 'none';
      } catch (error) {
        return error instanceof HanseError ? error.code : error;
      }
    };
    expect(await codeOf(good)).toBe('none');
    expect(await codeOf({ ...good, target: int64([1], 1) })).toBe('none');
    expect(await codeOf({ ...good, target: int64([1], 0) }, 'softmax_ce')).toBe('none');
    expect(await codeOf({ ...good, target: int64([1], 1) }, 'softmax_ce')).toBe('dataMalformed');
    expect(await codeOf({ ...good, target: float32([1], 0) }, 'softmax_ce')).toBe('dataShapeMismatch');
    expect(await codeOf({ ...good, target: int64([1], 2 ** 40) })).toBe('dataMalformed');
    expect(await codeOf({ ...good, target: float32([2], 1, 1) })).toBe('dataShapeMismatch');
    expect(await codeOf({ ...good, x: float32([1, 2], 1, 1) })).toBe('dataShapeMismatch');
    expect(await codeOf({ ...good, x: { ...good.x, base64: 'AAAA' } })).toBe('dataMalformed');
    expect(await codeOf({ x: good.x })).toBe('invalidFormat');
  });
});

describe('hanse graph compile', () => {
  it('writes the three graphs and says what they are', async () => {
    const output = join(folder, 'job');
    const options = { loss: 'mse', optimizer: 'momentum', batch: 4, output, seed: 'test' } as const;
    const io = recordingIo();
    const result = await graphCommands.compile.run({ args: [join(folder, 'slope.onnx')], options }, io);
    const { graphs, parameters } = result as {
      graphs: { file: string; bytes: number; nodes: number; sha256: string }[];
      parameters: number;
    };
    expect(parameters).toBe(2);
    expect(graphs.map(({ file }) => file)).toEqual(
      ['train-step.onnx', 'train-epoch.onnx', 'evaluation.onnx'].map((name) => join(output, name)),
    );
    for (const [index, { file, bytes, nodes, sha256 }] of graphs.entries()) {
      expect((await readFile(file)).length).toBe(bytes);
      expect(io.lines[index]).toContain(sha256);
      expect(nodes).toBeGreaterThan(3);
    }
    const again = await graphCommands.compile.run(
      { args: [join(folder, 'slope.onnx')], options },
      recordingIo(),
    );
    expect(again).toEqual(result);
    const clipping = await graphCommands.compile.run(
      { args: [join(folder, 'slope.onnx')], options: { ...options, gradientClip: 1 } },
      recordingIo(),
    );
    const hashes = (compiled: unknown) =>
      (compiled as { graphs: { sha256: string }[] }).graphs.map(({ sha256 }) => sha256);
    const [step, epoch, evaluation] = hashes(result);
    expect(hashes(clipping)).toEqual([
      expect.not.stringMatching(`${step}`),
      expect.not.stringMatching(`${epoch}`),
      evaluation,
    ]);
  });
});

describe('hanse graph check', () => {
  it('passes a model whose gradients are right, and fails it where nothing is tolerated', async () => {
    const options = {
      loss: 'softmax_ce',
      batch: 3,
      coordinates: 5,
      tolerance: 1e-4,
      seed: 'test',
      provider: 'wasm',
    } as const;
    const io = recordingIo();
    const result = await graphCommands.check.run({ args: ['mlp:6,5,4'], options }, io);
    expect(result).toMatchObject({
      provider: 'wasm',
      parameters: [{ name: 'dense0.weight', coordinates: 5, providerError: expect.any(Number) }, {}, {}, {}],
    });
    expect(io.lines).toHaveLength(4);
    const strict = graphCommands.check.run(
      { args: ['mlp:6,5,4'], options: { ...options, tolerance: 0 } },
      io,
    );
    await expect(strict).rejects.toMatchObject({ code: 'checkFailed' });
  });
});
