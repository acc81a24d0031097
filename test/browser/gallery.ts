/** Each model of the gallery as small as it can be, trained for a step: the same numbers on every provider. */
import { BUILT_IN_MODELS } from '../../client/commands/built-in-models.ts';
import type { ExecutionProvider } from '../../client/engine/provider.ts';
import { Trainer } from '../../client/engine/trainer.ts';
import { compileTrainEpoch } from '../../client/graph/compile-train-epoch.ts';
import { importModel } from '../../client/graph/import-model.ts';
import { initialParameters } from '../../client/graph/parameters.ts';
import { elementCount } from '../../client/graph/tensor-type.ts';
import { RandomNumbers, seededRandom } from '../../protocol/random.ts';
import type { Loss } from '../../schemas/training.ts';

interface Exhibit {
  readonly numbers: readonly number[];
  readonly loss: Loss;
  /** Tokens below this number, or numbers between -1 and 1. */
  readonly vocabulary?: number;
}

const classes: Loss = { type: 'softmax_ce' };

export const GALLERY: Readonly<Record<string, Exhibit>> = {
  linear: { numbers: [3, 1], loss: { type: 'mse' } },
  mlp: { numbers: [6, 8, 4], loss: classes },
  // Its images have 28 x 28 pixels, whatever one asks for.
  cnn: { numbers: [3], loss: classes },
  resnet: { numbers: [1, 3, 1, 8, 8], loss: classes },
  bag: { numbers: [20, 6, 8, 3], loss: classes, vocabulary: 20 },
  transformer: { numbers: [20, 6, 8, 2, 1, 3], loss: classes, vocabulary: 20 },
};

/** One batch: a step has every operator in it, and in software each costs its time. */
const ROWS = 2;

export interface Trained {
  readonly before: Float32Array;
  readonly after: Float32Array;
}

export async function trainExhibit(name: string, provider: ExecutionProvider): Promise<Trained> {
  const { numbers, loss, vocabulary } = GALLERY[name] as Exhibit;
  const random = new RandomNumbers(seededRandom(new Uint8Array(32).fill(3)));
  const forward = importModel(BUILT_IN_MODELS[name]?.build(numbers, random) as Uint8Array);
  const epoch = compileTrainEpoch(forward, { loss, optimizer: { type: 'sgd' }, batchSize: ROWS });
  const perRow = elementCount(epoch.input.shape) / ROWS;
  const value = (i: number) => (vocabulary === undefined ? Math.sin(i + 1) : (i * 7 + 1) % vocabulary);
  const features = Array.from({ length: ROWS * perRow }, (_, i) => value(i));
  const targets = Array.from({ length: ROWS }, (_, row) => row % 3);
  const before = initialParameters(forward);
  const trainer = await Trainer.create(provider, epoch);
  try {
    const { parameters: after } = await trainer.train({
      parameters: before,
      examples: {
        name,
        count: ROWS,
        features: vocabulary === undefined ? Float32Array.from(features) : Int32Array.from(features),
        targets: loss.type === 'mse' ? Float32Array.from(targets) : Int32Array.from(targets),
      },
      epochs: 1,
      learningRate: 0.1,
      random: seededRandom(new Uint8Array(32).fill(4)),
    });
    return { before, after };
  } finally {
    await trainer.release();
  }
}
