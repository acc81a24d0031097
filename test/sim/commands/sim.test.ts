import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { importModel } from '../../../client/graph/import-model.ts';
import { initialParameters } from '../../../client/graph/parameters.ts';
import { hanse } from '../../fixtures/command-line.ts';
import { hashOf } from '../../fixtures/vector-files.ts';

interface Result {
  readonly rounds: number;
  readonly prediction: number;
  readonly modelSha256: string;
  readonly curve: readonly { readonly round: number }[];
}

test('the line: f(5) is 10, in JSON on the last line, and the model is the file', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'hanse-'));
  const file = join(folder, 'line.onnx');
  const { exitCode, out, err, json } = await hanse([
    'sim',
    '--example',
    'line',
    '--provider',
    'cpu',
    '--json',
    '-o',
    file,
  ]);
  expect(exitCode).toBe(0);
  expect(out.trimEnd().split('\n')).toHaveLength(1);
  expect(err).toContain('2 participants, 100 rounds of 2, plain sums, ');
  const result = json as Result;
  expect(result.rounds).toBe(100);
  expect(Math.abs(result.prediction - 10)).toBeLessThan(0.1);
  expect(result.curve.map(({ round }) => round)).toEqual([10, 20, 30, 40, 50, 60, 70, 80, 90, 100]);
  const bytes = new Uint8Array(await readFile(file));
  expect(hashOf(bytes)).toBe(result.modelSha256);
  const [a = 0, b = 0] = initialParameters(importModel(bytes));
  expect(5 * a + b).toBeCloseTo(result.prediction, 4);
  await rm(folder, { recursive: true });
});

test('in words', async () => {
  const { out } = await hanse(['sim', '--example', 'line', '--provider', 'cpu']);
  expect(out).toMatch(
    /^100 rounds in [0-9.]+ s, loss 0\.0000\nf\(5\) = (9\.9|10\.0)\d+\n[0-9.]+ ms for each update, [1-9]\d* KB of memory .+\nmodel [0-9a-f]{64}\n$/,
  );
});

test('stopped in the middle, it tells what it has', async () => {
  const { exitCode, json } = await hanse(['sim', '--example', 'line', '--provider', 'cpu', '--json'], {
    onOutput: (written, stop) => {
      if (written.includes('round 20 of 100')) stop();
    },
  });
  expect(exitCode).toBe(0);
  expect((json as Result).rounds).toBeGreaterThanOrEqual(20);
  expect((json as Result).rounds).toBeLessThan(30);
});

test.each<[what: string, words: string[]]>([
  ['an example that nobody knows', ['--example', 'circle']],
  ['a partition that nobody knows', ['--partition', 'random']],
  ['a Dirichlet distribution of nothing', ['--partition', 'dirichlet:0']],
  ['a provider that is not for simulations', ['--provider', 'webgpu']],
  ['a number that is none', ['--rounds', 'many']],
  ['rounds before the first', ['--rounds', '-1']],
  ['a learning rate of nothing', ['--lr', '0']],
  ['more than every example right', ['--target', '2']],
  ['drop-outs of an example whose sums are plain', ['--example', 'line', '--dropout', '0.1']],
  ['no participant', ['--participants', '0']],
  ['a cohort of nobody', ['--cohort', '0']],
  ['a larger cohort than there are participants', ['--cohort', '200', '--participants', '100']],
])('%s is wrong usage', async (_what, words) => {
  const refused = await hanse(['sim', ...words, '--json']);
  expect(refused).toMatchObject({ exitCode: 2, json: { problem: { code: 'usage' } } });
});
