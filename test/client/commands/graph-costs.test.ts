// covers: client/commands/graph-compile.ts, client/commands/graph-step.ts
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type CompileOptions, compileCommand } from '../../../client/commands/graph-compile.ts';
import { type StepOptions, stepCommand } from '../../../client/commands/graph-step.ts';
import { recordingIo } from '../../fixtures/recording-io.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hanse-graph-'));
});
afterAll(() => rm(folder, { recursive: true }));

interface Compiled {
  readonly graphs: readonly { readonly file: string; readonly flops: number; readonly peakBytes: number }[];
}

describe('hanse graph compile', () => {
  const compile = async (options: Partial<CompileOptions>) => {
    const given: CompileOptions = {
      loss: 'mse',
      optimizer: 'sgd',
      batch: 512,
      seed: 'test',
      output: join(folder, 'compiled'),
      ...options,
    };
    const io = recordingIo();
    const model = `mlp:${Array<number>(17).fill(16).join(',')}`;
    const result = (await compileCommand.run({ args: [model], options: given }, io)) as Compiled;
    return { result, lines: io.lines };
  };

  it('says what a step takes, and keeps a limit of memory', async () => {
    const { result, lines } = await compile({});
    const [step] = result.graphs;
    // 16 layers of 16 x 16 for 512 examples: forward, by weight, by activation but the first; two operations each.
    expect(step?.flops).toBeGreaterThan(2 * 47 * 512 * 16 * 16);
    expect(lines[0]).toMatch(/\d+ nodes, [\d.]+ MFLOP, [\d.]+ MB/);
    const limit = (0.8 * (step?.peakBytes ?? 0)) / 1e6;
    const bounded = await compile({ memoryLimit: limit });
    expect(bounded.result.graphs[0]?.peakBytes).toBeLessThanOrEqual(limit * 1e6);
    await expect(compile({ memoryLimit: limit / 100 })).rejects.toMatchObject({
      code: 'graphTooLarge',
      detail: { what: 'memory' },
    });
    await expect(compile({ memoryLimit: 0 })).rejects.toMatchObject({ code: 'usage' });
    const both = compile({ memoryLimit: limit, clipPerExample: true });
    await expect(both).rejects.toMatchObject({ code: 'usage' });
  });

  it('compiles a step that bounds every example', async () => {
    await compile({});
    const plain = await readFile(join(folder, 'compiled', 'train-step.onnx'));
    await compile({ clipPerExample: true });
    const clipped = await readFile(join(folder, 'compiled', 'train-step.onnx'));
    expect(plain.includes('clipNorm')).toBe(false);
    expect(clipped.includes('clipNorm')).toBe(true);
  });
});

describe('hanse graph step with a bound for every example', () => {
  it('moves by the bound where gradients are long, and plainly where they are not', async () => {
    const floats = (...values: number[]) => ({
      shape: [values.length, 1],
      dtype: 'float32',
      base64: Buffer.from(Float32Array.from(values).buffer).toString('base64'),
    });
    const batch = join(folder, 'batch.json');
    await writeFile(batch, JSON.stringify({ x: floats(1, 1), target: floats(3, 3) }));
    const movedBy = async (clipPerExample?: number, lr = 1) => {
      const options: StepOptions = {
        loss: 'mse',
        optimizer: 'sgd',
        lr,
        steps: 1,
        provider: 'wasm',
        seed: 'test',
        batch,
        output: join(folder, 'p.safetensors'),
        ...(clipPerExample !== undefined && { clipPerExample }),
      };
      await stepCommand.run({ args: ['linear:1,1'], options }, recordingIo());
      const file = await readFile(join(folder, 'p.safetensors'));
      return file.readFloatLE(8 + Number(file.readBigUInt64LE(0)));
    };
    const plain = await movedBy();
    expect(Math.abs(plain)).toBeGreaterThan(1);
    expect(await movedBy(1e6)).toBeCloseTo(plain, 5);
    // Both examples are alike, so the mean is as long as each: weight and bias share 0.5 evenly.
    expect(await movedBy(0.5)).toBeCloseTo(0.5 * Math.SQRT1_2, 5);
    // In float32 the one is 0 and the other infinite.
    for (const norm of [0, 1e-60]) await expect(movedBy(norm)).rejects.toMatchObject({ code: 'usage' });
    await expect(movedBy(undefined, 1e39)).rejects.toMatchObject({ code: 'usage' });
    await rm(join(folder, 'p.safetensors'));
    await expect(movedBy(undefined, 3e38)).rejects.toMatchObject({ code: 'trainingDiverged' });
    await expect(readFile(join(folder, 'p.safetensors'))).rejects.toMatchObject({ code: 'ENOENT' });
  });
});
