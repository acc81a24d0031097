/**
 * What example-level privacy costs on all of MNIST: `sim/privacy-utility/example-level.ts`. Accuracies in percent. Baselines
 * are figures of others, not measured in the same run: a small convolutional network under DP-SGD, as Opacus publishes it,
 * 96.8 % at epsilon 2.91; and what a plain script of the same federation reached at epsilon 0.6 to 0.8.
 */
import {
  POOLED_SETTINGS,
  pooledFigure,
  SHARDS_SETTINGS,
  type ShardsModel,
  shardsFigure,
} from '../../privacy-utility/example-level.ts';
import { meanAccuracy, recordTable, type UtilityFigure } from '../../privacy-utility/utility-figures.ts';
import type { RowDefinition } from '../row.ts';

const EPSILONS = [0.5, 1, 2, 4, 8];
const OPACUS = 96.8;
const PLAIN_SCRIPT = 88;
const MODELS: readonly ShardsModel[] = ['2nn', 'oriented'];
const LABELS: Readonly<Record<ShardsModel, string>> = {
  '2nn': 'participants; 2NN on pixels',
  oriented: 'participants; softmax regression on oriented gradients',
};

export const pooledEps3: RowDefinition = {
  name: 'privacy-curves/example/pooled/eps3',
  unit: '%',
  what: 'accuracy at example-level epsilon 3, delta 1e-5, 60,000 images of one owner; baseline: Opacus at 2.91',
  asked: [{ of: 'value', atLeast: 96.5 }],
  async measure(context) {
    const figure = await pooledFigure(3, context);
    const table = {
      title: 'Example level, one owner of 60,000 images',
      settings: POOLED_SETTINGS,
      figures: [figure],
      labels: { pooled: 'the owner' },
    };
    await recordTable('pooled', table, context.results);
    const { epsilonModel = Number.NaN, noiseMultiplier = Number.NaN } = figure;
    return {
      values: [meanAccuracy(figure)],
      baselines: [OPACUS],
      more: { epsilon: epsilonModel, noiseMultiplier },
    };
  },
};

export const shardsCurve: RowDefinition = {
  name: 'privacy-curves/example/shards/curve',
  unit: '%',
  what: 'accuracy of ten participants with two shards each at example-level epsilon 0.5 to 8, written as a table and a picture; value: 2NN at 2; baseline: a plain script',
  asked: [{ of: 'value', atLeast: 88 }],
  async measure(context) {
    const figures: UtilityFigure[] = [];
    for (const model of MODELS)
      for (const epsilon of EPSILONS) {
        const figure = await shardsFigure(model, epsilon, context);
        context.progress(`${model} at ${epsilon}: ${meanAccuracy(figure).toFixed(2)} %`);
        figures.push(figure);
      }
    const title = 'Example level: ten participants with two shards of MNIST each';
    const table = { title, settings: SHARDS_SETTINGS, figures, labels: LABELS };
    await recordTable('shards', table, context.results);
    const at = (model: ShardsModel, epsilon: number) =>
      meanAccuracy(
        figures[MODELS.indexOf(model) * EPSILONS.length + EPSILONS.indexOf(epsilon)] as UtilityFigure,
      );
    return {
      values: [at('2nn', 2)],
      baselines: [PLAIN_SCRIPT],
      more: Object.fromEntries(
        MODELS.flatMap((model) => EPSILONS.map((epsilon) => [`${model}-eps${epsilon}`, at(model, epsilon)])),
      ),
    };
  },
};
