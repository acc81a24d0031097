/**
 * The same training again and again, through the trainer of the product: in Node, and bundled into a page.
 */
import type { TrainingExamples } from '../../client/engine/batch-buffer.ts';
import type { ExecutionProvider } from '../../client/engine/provider.ts';
import { Trainer } from '../../client/engine/trainer.ts';
import { compileTrainEpoch } from '../../client/graph/compile-train-epoch.ts';
import { mlp } from '../../client/graph/models/mlp.ts';
import { initialParameters } from '../../client/graph/parameters.ts';
import { RandomNumbers, seededRandom } from '../../protocol/random.ts';

export interface RepeatedTraining {
  /** Trains from the same start. @param epochs passes over the examples */
  train(epochs: number): Promise<{ readonly steps: number; readonly milliseconds: number }>;
  release(): Promise<void>;
}

/** @param sizes of the layers, as `mlp` */
export async function repeatedTraining(
  provider: ExecutionProvider,
  examples: TrainingExamples,
  { sizes, batchSize }: { readonly sizes: readonly number[]; readonly batchSize: number },
): Promise<RepeatedTraining> {
  const random = seededRandom(new Uint8Array(32));
  const forward = mlp(sizes, new RandomNumbers(random));
  const options = { loss: { type: 'softmax_ce' }, optimizer: { type: 'sgd' }, batchSize } as const;
  const trainer = await Trainer.create(provider, compileTrainEpoch(forward, options));
  const parameters = initialParameters(forward);
  return {
    async train(epochs) {
      const from = performance.now();
      const { steps } = await trainer.train({ parameters, examples, epochs, learningRate: 0.1, random });
      return { steps, milliseconds: performance.now() - from };
    },
    release: () => trainer.release(),
  };
}
