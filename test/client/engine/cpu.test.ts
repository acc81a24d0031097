// covers: client/engine/cpu.ts, client/engine/ort-session.ts, client/engine/provider.ts
import { describe, expect, test } from 'vitest';
import { loadCpuProvider } from '../../../client/engine/cpu.ts';
import type { ExecutionProvider } from '../../../client/engine/provider.ts';
import { Trainer } from '../../../client/engine/trainer.ts';
import { compileTrainEpoch } from '../../../client/graph/compile-train-epoch.ts';
import { mlp } from '../../../client/graph/models/mlp.ts';
import { initialParameters } from '../../../client/graph/parameters.ts';
import { isProblem } from '../../../protocol/problem.ts';
import { RandomNumbers, seededRandom } from '../../../protocol/random.ts';
import { executionProviderContract } from '../../contract/execution-provider.ts';

const cpu = await loadCpuProvider({ threads: 1 }).catch((error: unknown) => {
  if (!isProblem(error, 'providerUnavailable')) throw error;
  console.warn(`skipped: ${error.message}`);
  return undefined;
});

function bytesOf(values: Float32Array | undefined): Uint8Array {
  return new Uint8Array(values?.buffer ?? new ArrayBuffer(0));
}

describe.skipIf(cpu === undefined)('cpu', () => {
  executionProviderContract(async () => cpu as ExecutionProvider);

  test('two threads give the same bits as one', async () => {
    const random = () => seededRandom(new Uint8Array(32).fill(1));
    // Wide enough that matrix products are divided among threads.
    const forward = mlp([784, 200, 10], new RandomNumbers(random()));
    const training = { loss: { type: 'softmax_ce' }, optimizer: { type: 'sgd' }, batchSize: 32 } as const;
    const epoch = compileTrainEpoch(forward, training);
    const numbers = new RandomNumbers(random());
    const features = Float32Array.from({ length: 96 * 784 }, () => numbers.unit());
    const targets = Int32Array.from({ length: 96 }, () => numbers.below(10));
    const [one, two] = await Promise.all(
      [1, 2].map(async (threads) => {
        const trainer = await Trainer.create(await loadCpuProvider({ threads }), epoch);
        const result = await trainer.train({
          parameters: initialParameters(forward),
          examples: { name: 'noise', count: 96, features, targets },
          epochs: 2,
          learningRate: 0.1,
          random: random(),
        });
        await trainer.release();
        return result;
      }),
    );
    expect(one?.steps).toBe(6);
    expect(two?.losses).toEqual(one?.losses);
    expect(Buffer.compare(bytesOf(two?.parameters), bytesOf(one?.parameters))).toBe(0);
    expect(Buffer.compare(bytesOf(initialParameters(forward)), bytesOf(one?.parameters))).not.toBe(0);
  });

  test('says what it is', () => {
    expect(cpu).toMatchObject({ name: 'cpu', threads: 1 });
    expect(cpu?.reason).toMatch(/^native ONNX Runtime \d+\.\d+/);
  });
});
