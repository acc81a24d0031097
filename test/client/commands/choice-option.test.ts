import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type ChoiceOptions, choicesOf } from '../../../client/commands/choice-option.ts';
import { type TrainingOptions, trainingPlan } from '../../../client/commands/job-create.ts';
import { hanse } from '../../fixtures/command-line.ts';
import { bytesOf, floats, integers } from '../graph/model-sketch.ts';

const PLAN = {
  loss: 'mse',
  optimizer: 'sgd',
  lr: 0.1,
  lrDecay: 1,
  schedule: 'constant',
  warmup: 0,
  lrFloor: 0,
  batch: 2,
  epochs: 1,
  strategy: 'fedavg',
  serverLr: 1,
  serverMomentum: 0,
  rounds: 1,
  clipNorm: 1,
  weighting: 'uniform',
  evaluateEvery: 0,
} as const satisfies Omit<TrainingOptions, 'model'>;

describe('choicesOf', () => {
  test('takes commas, repetition, and spaces around', () => {
    expect(choicesOf({})).toEqual({});
    expect(choicesOf({ freeze: ['a.*, b', 'c?'], train: ['d'], inputShape: '3, 32,32' })).toEqual({
      freeze: ['a.*', 'b', 'c?'],
      train: ['d'],
      inputShape: [3, 32, 32],
    });
  });

  test.each<[ChoiceOptions, string]>([
    [{ freeze: ['a,,b'] }, 'usage'],
    [{ train: [''] }, 'usage'],
    [{ inputShape: '' }, 'usage'],
    [{ inputShape: '3,x' }, 'usage'],
    [{ inputShape: '0' }, 'usage'],
    [{ inputShape: '-1' }, 'usage'],
    [{ inputShape: '1.5' }, 'usage'],
    [{ freeze: ['x'.repeat(201)] }, 'usage'],
    [{ train: [Array(65).fill('x').join()] }, 'usage'],
    [{ inputShape: '1,1,1,1,1,1,1,1,1' }, 'usage'],
  ])('refuses %j', (options, code) => {
    expect(() => choicesOf(options)).toThrow(expect.objectContaining({ code }));
  });
});

describe('on the command line', () => {
  let folder: string;
  const at = (name: string) => join(folder, name);

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'hanse-choices-'));
    // The mean over a sequence of free length, [N, L, 3], then a layer.
    const model = bytesOf({
      input: ['N', 'L', 3],
      initializers: [floats('scale', [3], 1, 2, 3), floats('shift', [3], 0, 0, 0), integers('axis', 1)],
      opset: 18,
      nodes: [
        { op: 'Mul', inputs: ['in', 'scale'], output: 'a' },
        { op: 'Add', inputs: ['a', 'shift'], output: 'b' },
        { op: 'ReduceMean', inputs: ['b', 'axis'], output: 'c' },
        { op: 'Squeeze', inputs: ['c', 'axis'], output: 'out' },
      ],
    });
    await writeFile(at('sequence.onnx'), model);
    const tensor = (shape: number[]) => {
      const data = new Float32Array(shape.reduce((a, b) => a * b)).fill(0.5);
      return { shape, dtype: 'float32', base64: Buffer.from(data.buffer).toString('base64') };
    };
    await writeFile(at('batch.json'), JSON.stringify({ x: tensor([2, 5, 3]), target: tensor([2, 3]) }));
    await writeFile(at('other.json'), JSON.stringify({ x: tensor([2, 5, 4]), target: tensor([2, 3]) }));
  });

  afterAll(() => rm(folder, { recursive: true }));

  const run = (command: string, ...words: string[]) =>
    hanse(['graph', command, at('sequence.onnx'), '--loss', 'mse', ...words, '--json']);

  test('a step takes the length of sequences from its batch, and changes only what is trained', async () => {
    const step = async (...words: string[]) => {
      const output = at('params.safetensors');
      const { exitCode, json } = await run(
        'step',
        '--provider',
        'wasm',
        '--batch',
        at('batch.json'),
        '-o',
        output,
        ...words,
      );
      expect(json).toMatchObject({ provider: 'wasm' });
      expect(exitCode).toBe(0);
      const bytes = await readFile(output);
      const data = 8 + Number(bytes.readBigUInt64LE(0));
      const header: Record<string, { data_offsets: [number, number] }> = JSON.parse(
        bytes.subarray(8, data).toString(),
      );
      return Object.fromEntries(
        Object.entries(header).map(
          ([
            name,
            {
              data_offsets: [from, to],
            },
          ]) => [name, bytes.subarray(data + from, data + to).toString('hex')],
        ),
      );
    };
    const all = await step();
    expect(Object.keys(all).sort()).toEqual(['scale', 'shift']);
    const shiftAlone = await step('--freeze', 'scale');
    expect(shiftAlone.shift).toBe(all.shift);
    expect(shiftAlone.scale).not.toBe(all.scale);
    const scaleAlone = await step('--freeze', '*', '--train', 'scale');
    expect(scaleAlone.scale).toBe(all.scale);
    expect(scaleAlone.shift).not.toBe(all.shift);
    const { json, exitCode } = await run('step', '--batch', at('other.json'));
    expect(exitCode).not.toBe(0);
    expect(json).toMatchObject({ problem: { code: 'dataShapeMismatch' } });
  });

  test('compile and check are told it', async () => {
    const compile = (...words: string[]) => run('compile', '-o', at('compiled'), ...words);
    expect((await compile()).json).toMatchObject({
      problem: { code: 'graphMalformed', detail: expect.stringContaining('--input-shape') },
    });
    expect((await compile('--input-shape', '7,3')).json).toMatchObject({ parameters: 6 });
    expect((await compile('--input-shape', '7,3', '--freeze', 'scale')).json).toMatchObject({
      parameters: 3,
    });
    expect((await compile('--input-shape', '7,3', '--freeze', 'sacle')).json).toMatchObject({
      problem: { code: 'graphPatternUnmatched' },
    });
    const { json } = await run('check', '--provider', 'wasm', '--input-shape', '4,3', '--freeze', 'shift');
    expect(json).toMatchObject({ parameters: [{ name: 'scale' }] });
  });

  test('a job or a simulation is told it as well', async () => {
    const plan = (options: ChoiceOptions) =>
      trainingPlan({ ...PLAN, model: at('sequence.onnx'), ...options }, 'seed');
    const choices = { freeze: ['scale'], inputShape: [5, 3] };
    const { forward } = await plan({ freeze: ['scale'], inputShape: '5,3' });
    expect(forward.choices).toEqual(choices);
    expect(forward.parameters.map(({ name }) => name)).toEqual(['shift']);
    await expect(plan({})).rejects.toMatchObject({ code: 'graphMalformed' });
  });

  test('a prediction too', async () => {
    const { json } = await hanse([
      'model',
      'predict',
      at('sequence.onnx'),
      '--provider',
      'wasm',
      '--input-shape',
      '2,3',
      '--input',
      '1,1,1,3,3,3',
      '--json',
    ]);
    expect(json).toMatchObject({ predictions: [[2, 4, 6]] });
  });
});
