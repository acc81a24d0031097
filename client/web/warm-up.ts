/**
 * The first training of an engine, on nothing that matters: a runtime is loaded, compiled and has its kernels ready
 * before a round counts on it.
 */
import { RandomNumbers, seededRandom } from '../../protocol/random.ts';
import type { ExecutionProvider } from '../engine/provider.ts';
import { Trainer } from '../engine/trainer.ts';
import { compileTrainEpoch } from '../graph/compile-train-epoch.ts';
import { mlp } from '../graph/models/mlp.ts';

const ROWS = 8;

/** @throws as training does: `graphMalformed`, `trainingDiverged` */
export async function warmUp(provider: ExecutionProvider): Promise<void> {
  const random = seededRandom(new Uint8Array(32));
  const forward = mlp([4, 4, 2], new RandomNumbers(random));
  const epoch = compileTrainEpoch(forward, {
    loss: { type: 'softmax_ce' },
    optimizer: { type: 'sgd' },
    batchSize: 4,
  });
  const trainer = await Trainer.create(provider, epoch);
  try {
    await trainer.train({
      parameters: new Float32Array(epoch.parameters.reduce((sum, { size }) => sum + size, 0)),
      examples: {
        name: 'warm-up',
        count: ROWS,
        features: Float32Array.from({ length: 4 * ROWS }, (_, i) => (i % 5) - 2),
        targets: Int32Array.from({ length: ROWS }, (_, i) => i % 2),
      },
      epochs: 1,
      learningRate: 0.1,
      random,
    });
  } finally {
    await trainer.release();
  }
}
