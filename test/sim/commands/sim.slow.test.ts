import { expect, test } from 'vitest';
import { hanse } from '../../fixtures/command-line.ts';

interface Result {
  readonly participants: number;
  readonly rounds: number;
  readonly accuracy: number;
  readonly modelSha256: string;
}

const SMALL = [
  ...['--model', 'mlp:784,10', '--participants', '20', '--cohort', '4', '--rounds', '2', '--max-steps', '50'],
  ...['--provider', 'cpu', '--json'],
];
const sim = (...words: string[]) => hanse(['sim', ...SMALL, ...words]);

test.each(['iid', 'shards', 'dirichlet:0.5'])('MNIST divided by %s', async (partition) => {
  const { exitCode, json } = await sim('--partition', partition);
  expect(exitCode).toBe(0);
  expect(json).toMatchObject({ participants: 20, rounds: 2 });
  expect((json as Result).accuracy).toBeGreaterThan(0.3);
  expect(json).not.toHaveProperty('clipNorms');
});

test('the partition is part of what a seed decides', async () => {
  const hashes = [];
  for (const words of [[], [], ['--partition', 'shards'], ['--seed', 'another']])
    hashes.push(((await sim(...words)).json as Result).modelSha256);
  expect(hashes[1]).toBe(hashes[0]);
  expect(new Set(hashes).size).toBe(3);
});

test('a clip norm that follows the lengths of updates is told, and comes down where it is far too long', async () => {
  const promise = [
    '--unit',
    'participant',
    '--weighting',
    'uniform',
    '--epsilon',
    '8',
    '--delta',
    '0.01',
    '--force',
  ];
  const words = [
    ...promise,
    '--adaptive-clip',
    '0.5',
    '--clip-norm',
    '20',
    '--cohort',
    '10',
    '--rounds',
    '4',
  ];
  const { exitCode, json } = await sim(...words);
  expect(exitCode).toBe(0);
  const { clipNorms } = json as { readonly clipNorms: readonly number[] };
  expect(clipNorms).toHaveLength(4);
  expect(clipNorms[0]).toBe(20);
  expect(clipNorms[3]).toBeLessThan(20 * Math.exp(-0.2));
});

test('ends at the target', async () => {
  const { json } = await sim('--rounds', '50', '--target', '0.2');
  expect((json as Result).rounds).toBeLessThan(50);
  expect((json as Result).accuracy).toBeGreaterThanOrEqual(0.2);
});

test('a job that diverges fails by name', async () => {
  const { exitCode, err, json } = await sim('--lr', '1000', '--model', 'mlp:784,50,50,10');
  expect(exitCode).toBe(1);
  expect(err).toContain('trainingDiverged');
  expect(json).toMatchObject({ problem: { code: 'attemptsExhausted' } });
});

test('more participants than examples are refused by name', async () => {
  expect(await sim('--participants', '60001')).toMatchObject({
    exitCode: 2,
    json: { problem: { code: 'usage' } },
  });
});
