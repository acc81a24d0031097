/**
 * What participant-level privacy costs: `sim/privacy-utility/participant-level.ts`. Accuracies in percent, over three seeds.
 * Baselines: the same training, clipped and without noise; for noise that participants draw themselves, noise of a trusted
 * coordinator at the same epsilon.
 */
import {
  COHORT_SETTINGS,
  type CohortVariant,
  participantFigure,
} from '../../privacy-utility/participant-level.ts';
import { meanAccuracy, recordTable, type UtilityFigure } from '../../privacy-utility/utility-figures.ts';
import type { RowContext, RowDefinition } from '../row.ts';

const EPSILONS = [1, 2, 4, 8];
/** Those of which there is a figure at every epsilon. */
const CURVES = ['central', 'adaptive', 'distributed'] as const;
const PRICED = 'distributed-80';

const LABELS: Readonly<Record<CohortVariant, string>> = {
  central: 'coordinator, fixed clipping',
  adaptive: 'coordinator, adaptive clipping',
  distributed: 'participants, in the ring under masks; uMin = n, cMax = 0',
  [PRICED]: 'participants; uMin = 0.9 n, cMax = 0.1 n',
  'no-noise': 'nobody: clipped and rounded only',
};

export const participantEps2 = accuracyRow(2, 86);
export const participantEps8 = accuracyRow(8, 88);
export const distributedEps2 = lossRow('distributed', 2, 0.5);
export const distributedEps8 = lossRow('distributed', 8, 0.5);
/** Nothing is asked of the price but that it is told. */
export const priceEps2 = lossRow(PRICED, 2, 100);
export const priceEps8 = lossRow(PRICED, 8, 100);

/** The curve over all epsilons, written down. */
export const participantCurve: RowDefinition = {
  name: 'privacy-curves/participant/curve',
  unit: '%',
  what: 'accuracy at epsilon 1, 2, 4 and 8, written as a table and a picture; value: at 1, noise of the participants; baseline: without noise',
  asked: [{ of: 'value', atLeast: 80 }],
  async measure({ progress, results }) {
    const figures: UtilityFigure[] = [];
    for (const variant of CURVES)
      for (const epsilon of EPSILONS) figures.push(await participantFigure(variant, epsilon, progress));
    for (const epsilon of [2, 8]) figures.push(await participantFigure(PRICED, epsilon, progress));
    const clipped = await participantFigure('no-noise', 0, progress);
    figures.push(clipped);
    const title = 'Participant level: 1,000 participants of ten images, cohorts of 100';
    const table = { title, settings: COHORT_SETTINGS, figures, labels: LABELS };
    await recordTable('participant', table, results);
    const least = await participantFigure('distributed', EPSILONS[0] ?? 1, progress);
    return { values: inPercent(least), baselines: inPercent(clipped) };
  },
};

function accuracyRow(epsilon: number, asked: number): RowDefinition {
  return {
    name: `privacy-curves/participant/eps${epsilon}`,
    unit: '%',
    what: `accuracy of softmax regression at epsilonModel ${epsilon}, N=1000, q=.1, T=100, noise of the participants; baseline: without noise`,
    asked: [{ of: 'value', atLeast: asked }],
    async measure({ progress }) {
      const figure = await participantFigure('distributed', epsilon, progress);
      const clipped = await participantFigure('no-noise', 0, progress);
      const central = await participantFigure('central', epsilon, progress);
      return {
        values: inPercent(figure),
        baselines: inPercent(clipped),
        more: {
          epsilonModel: figure.epsilonModel ?? Number.NaN,
          epsilonServer: figure.epsilonServer ?? Number.NaN,
          central: meanAccuracy(central),
        },
      };
    },
  };
}

/** Points lost against noise of the coordinator. */
function lossRow(variant: 'distributed' | typeof PRICED, epsilon: number, atMost: number): RowDefinition {
  return {
    name: `privacy-curves/participant/${variant}/eps${epsilon}`,
    unit: 'points',
    what: `accuracy lost against noise of a trusted coordinator at epsilonModel ${epsilon}; ${LABELS[variant]}; baseline: a point`,
    asked: [{ of: 'value', atMost }],
    async measure(context: RowContext) {
      const [own, central] = [
        await participantFigure(variant, epsilon, context.progress),
        await participantFigure('central', epsilon, context.progress),
      ];
      return {
        values: [meanAccuracy(central) - meanAccuracy(own)],
        baselines: [1],
        more: { accuracy: meanAccuracy(own), central: meanAccuracy(central) },
      };
    },
  };
}

function inPercent({ accuracies }: UtilityFigure): number[] {
  return accuracies.map((accuracy) => 100 * accuracy);
}
