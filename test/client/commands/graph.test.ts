// covers: client/commands/graph.ts, client/commands/graph-check.ts, client/commands/graph-model.ts, client/commands/batch-file.ts, client/commands/optimizer-option.ts, client/commands/loss-option.ts
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { graphCommands } from '../../../client/commands/graph.ts';
import { optimizerOf } from '../../../client/commands/optimizer-option.ts';
import { writeForward } from '../../../client/graph/forward-writer.ts';
import { parse } from '../../../protocol/parse.ts';
import { HanseError } from '../../../protocol/problem.ts';
import type { CommandIo } from '../../../schemas/command.ts';
import { Optimizer } from '../../../schemas/training.ts';

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

function recordingIo(): CommandIo & { readonly lines: string[] } {
  const lines: string[] = [];
  return {
    lines,
    print: (line) => void lines.push(line),
    event: () => {},
    note: () => {},
    isTerminal: false,
    json: false,
    signal: new AbortController().signal,
  };
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

describe('optimizerOf', () => {
  it('gives settings that the schema takes', () => {
    for (const optimizer of ['sgd', 'momentum', 'nesterov', 'adam', 'adamw'] as const)
      expect(parse(Optimizer, optimizerOf({ optimizer }), optimizer).type).toBe(optimizer);
  });
});
