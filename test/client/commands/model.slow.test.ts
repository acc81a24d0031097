// covers: client/commands/model.ts, client/commands/model-source.ts, client/commands/built-in-models.ts, client/commands/output-file.ts
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { loadModel } from '../../../client/commands/model-source.ts';
import { makeOutputFolder, writeOutput } from '../../../client/commands/output-file.ts';
import { exportModel } from '../../../client/graph/export-model.ts';
import { bagBytes } from '../../../client/graph/models/bag.ts';
import { linear } from '../../../client/graph/models/linear.ts';
import { initialParameters } from '../../../client/graph/parameters.ts';
import { RandomNumbers, seededRandom } from '../../../protocol/random.ts';
import type { JobStatus } from '../../../schemas/job.ts';
import { hanse } from '../../fixtures/command-line.ts';
import { runCoordinator } from '../../fixtures/running-coordinator.ts';

let folder: string;
const at = (name: string) => join(folder, name);

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hanse-'));
  // y1 = a + 2 b, y2 = 3 a + 4 b + 1
  await writeOutput(at('sums.onnx'), exportModel(linear(2, 2), Float32Array.of(1, 3, 2, 4, 0, 1)));
  const random = new RandomNumbers(seededRandom(new Uint8Array(32)));
  await writeOutput(at('bag.onnx'), bagBytes(random, { vocabulary: 4, length: 3, width: 2, classes: 2 }));
  await writeFile(at('empty.csv'), 'a,b,y\n');
  await writeFile(at('wide.csv'), 'a,b,a2,b2,y\n1,1,0,0,0\n-1,0,0,0,1\n2,2,0,0,1\n0,0,0,0,1\n');
  await writeFile(at('table.csv'), 'a,b,y\n1,1,n\n-1,0,p\n2,2,p\n');
});

afterAll(() => rm(folder, { recursive: true }));

describe('predict', () => {
  const predict = (...words: string[]) =>
    hanse(['model', 'predict', at('sums.onnx'), '--provider', 'cpu', ...words]);
  const table = () => [
    '--data',
    `csv:${at('table.csv')}`,
    '--features',
    'a,b',
    '--target',
    'y',
    '--classes',
    'n,p',
  ];

  const columns = (features: string) => [
    '--data',
    `csv:${at('wide.csv')}`,
    '--features',
    features,
    '--target',
    'y',
  ];

  test('the columns that the model takes, in a table of more', async () => {
    expect((await predict(...columns('a,b'), '--json')).json).toMatchObject({
      predictions: [
        [3, 8],
        [-1, -2],
        [6, 15],
        [0, 1],
      ],
    });
  });

  test('one example from the command line', async () => {
    expect((await predict('--input', '1,2', '--json')).json).toEqual({ output: 'y', predictions: [[5, 12]] });
    expect((await predict('--input', '1,2')).out).toBe('5.0000 12.0000  class 1\n');
    expect((await predict('--input=-1,0', '--json')).json).toMatchObject({ predictions: [[-1, -2]] });
  });

  test('examples of a data source, with the truth beside them, up to a limit', async () => {
    const all = await predict(...table());
    expect(all.out).toBe(
      '3.0000 8.0000  class 1  true 0\n-1.0000 -2.0000  class 0  true 1\n6.0000 15.0000  class 1  true 1\n',
    );
    expect((await predict(...table(), '--limit', '1', '--json')).json).toMatchObject({
      predictions: [[3, 8]],
    });
  });

  test.each<[what: string, words: () => string[], exitCode: number, code: string]>([
    ['nothing to predict from', () => [], 2, 'usage'],
    ['words', () => ['--input', 'one,two'], 2, 'usage'],
    ['an empty value', () => ['--input', '1,'], 2, 'usage'],
    ['an infinite value', () => ['--input', '1,1e99'], 2, 'usage'],
    ['too few values', () => ['--input', '1'], 1, 'dataShapeMismatch'],
    ['more than one example', () => ['--input', '1,2,3,4'], 1, 'dataShapeMismatch'],
    // Four rows of one are as many values as two rows of two.
    ['too few columns', () => columns('a'), 1, 'dataShapeMismatch'],
    ['too many columns', () => columns('a,b,a2,b2'), 1, 'dataShapeMismatch'],
    [
      'a table without rows',
      () => ['--data', `csv:${at('empty.csv')}`, ...columns('a,b').slice(2)],
      1,
      'dataEmpty',
    ],
    ['a limit of nothing', () => [...table(), '--limit', '0'], 2, 'usage'],
    ['data of no kind', () => ['--data', 'x'], 2, 'usage'],
  ])('%s is refused by name', async (_what, words, exitCode, code) => {
    await expect(predict('--input', '1,2')).resolves.toMatchObject({ exitCode: 0 });
    await expect(predict(...words(), '--json')).resolves.toMatchObject({
      exitCode,
      json: { problem: { code } },
    });
  });

  test('a model of tokens takes whole numbers', async () => {
    const ask = (input: string) =>
      hanse(['model', 'predict', at('bag.onnx'), '--provider', 'cpu', '--input', input, '--json']);
    expect(await ask('0,3,1')).toMatchObject({ exitCode: 0, json: { output: 'output' } });
    expect(await ask('0,1.5,1')).toMatchObject({ exitCode: 2, json: { problem: { code: 'usage' } } });
    expect(await ask('0,4,1')).toMatchObject({ json: { problem: { code: 'dataShapeMismatch' } } });
  });

  test('what is no model is refused by name', async () => {
    const other = (file: string) => hanse(['model', 'predict', at(file), '--input', '1,2', '--json']);
    expect(await other('table.csv')).toMatchObject({
      exitCode: 1,
      json: { problem: { code: 'graphMalformed' } },
    });
    expect(await other('none.onnx')).toMatchObject({
      exitCode: 1,
      json: { problem: { code: 'dataFileMissing' } },
    });
    expect(await other('sums.onnx')).toMatchObject({ exitCode: 0 });
  });
});

test('a job that has released nothing has no model to export', async () => {
  const running = await runCoordinator();
  const as = ['--identity', running.operatorFile, '--json'];
  const plan = ['--name', 'n', '--purpose', 'p', '--model', 'linear:2,2'];
  const { jobId } = (await hanse(['job', 'create', ...plan, ...as])).json as JobStatus;
  const refused = await hanse(['model', 'export', jobId, '-o', at('no.onnx'), ...as]);
  expect(refused).toMatchObject({ exitCode: 1, json: { problem: { code: 'modelUnreleased' } } });
  await running.close();
});

test('a file that cannot be written is a problem with its path', async () => {
  await writeOutput(at('bytes'), Uint8Array.of(1, 2));
  expect(new Uint8Array(await readFile(at('bytes')))).toEqual(Uint8Array.of(1, 2));
  await expect(writeOutput(at('new/folder/bytes'), Uint8Array.of(1))).resolves.toBeUndefined();
  const path = join(at('bytes'), 'below', 'a', 'file');
  await expect(writeOutput(path, new Uint8Array())).rejects.toMatchObject({
    code: 'storageFailed',
    detail: { path, reason: 'ENOTDIR' },
  });
  await makeOutputFolder(at('made/folder'));
  await expect(makeOutputFolder(at('made/folder'))).resolves.toBeUndefined();
  await expect(makeOutputFolder(at('bytes'))).rejects.toMatchObject({
    code: 'storageFailed',
    detail: { path: at('bytes'), reason: 'EEXIST' },
  });
});

describe('a model named on the command line', () => {
  const shapes = async (source: string) =>
    (await loadModel(source, 's')).parameters.map(({ shape }) => shape);

  test('built in, or a file', async () => {
    expect(await shapes('mlp:4,3,2')).toEqual([[4, 3], [3], [3, 2], [2]]);
    expect(await shapes('linear:4,2')).toEqual([[4, 2], [2]]);
    expect((await shapes('cnn:2')).at(-1)).toEqual([2]);
    expect((await shapes('resnet')).filter((shape) => shape.length === 4)).toHaveLength(9);
    const wide = await loadModel('resnet:2,5,3,8,6', 's');
    expect(wide.input.example).toEqual([3, 8, 6]);
    expect(wide.parameters.at(-1)?.shape).toEqual([5]);
    expect(await shapes(at('sums.onnx'))).toEqual([[2, 2], [2]]);
  });

  test('initial weights follow from the seed', async () => {
    const weights = async (source: string, seed: string) =>
      initialParameters(await loadModel(source, seed)).slice(0, 100);
    for (const source of ['mlp:4,3,2', 'resnet']) {
      const first = await weights(source, 'a');
      expect(await weights(source, 'a')).toEqual(first);
      expect(await weights(source, 'b')).not.toEqual(first);
    }
    const cnn = await loadModel('cnn', 'a');
    expect(cnn.parameters.at(-1)?.shape).toEqual([10]);
    expect(initialParameters(cnn).slice(0, 100)).not.toEqual(await weights('cnn', 'b'));
  });

  test.each<[source: string, code: string]>([
    ['mlp:4', 'usage'],
    ['mlp:4,0,2', 'usage'],
    ['mlp:4,-1', 'usage'],
    ['mlp:4,1e3', 'usage'],
    ['mlp:9999999,2', 'usage'],
    ['linear:4,3,2', 'usage'],
    ['mlp', 'usage'],
    ['mlp:', 'usage'],
    ['mlp:100000,100000', 'usage'],
    ['linear:4', 'usage'],
    ['cnn:4,2', 'usage'],
    ['cnn:', 'usage'],
    ['cnn:0', 'usage'],
    ['resnet:1000', 'usage'],
    ['resnet:1,10,3', 'usage'],
    ['resnet:1,10,3,32,32,1', 'usage'],
    ['resnet:1,10,3,32,99999', 'usage'],
    ['rnn:4,2', 'usage'],
    ['none.onnx', 'dataFileMissing'],
  ])('%s is refused', async (source, code) => {
    await expect(loadModel(source, 's')).rejects.toMatchObject({ code });
    await expect(loadModel('mlp:4,2', 's')).resolves.toBeDefined();
  });
});
