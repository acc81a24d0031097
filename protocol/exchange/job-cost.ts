/**
 * What a round of a job asks of one participant, as far as the manifest tells it. SPEC.md section 6.5. Pure.
 */
import type { StatisticManifest, TrainingManifest } from '../../schemas/job.ts';
import { updateBytes } from '../ring/payload.ts';
import { modelBytes } from '../vector.ts';

export interface RoundCost {
  /** Optimiser steps. */
  readonly steps: number;
  /** Examples times passes, as far as `maxSteps` lets them come. */
  readonly examples: number;
  /** Of the update, and of the model that it starts from. */
  readonly bytesUp: number;
  readonly bytesDown: number;
}

type CostTerms =
  | Pick<TrainingManifest, 'training' | 'codec' | 'parameters'>
  | Pick<StatisticManifest, 'kind' | 'codec' | 'parameters'>;

/** @param examples of this participant, at least 1 */
export function roundCost(manifest: CostTerms, examples: number): RoundCost {
  return {
    ...('training' in manifest ? passesOf(manifest.training, examples) : { steps: 0, examples }),
    bytesUp: updateBytes(manifest),
    bytesDown: modelBytes(manifest.parameters),
  };
}

function passesOf(
  { epochs, batchSize, maxSteps = Number.POSITIVE_INFINITY }: TrainingManifest['training'],
  examples: number,
): Pick<RoundCost, 'steps' | 'examples'> {
  // The last batch of a pass may be a smaller one.
  const ofPass = Math.ceil(examples / batchSize);
  const steps = Math.min(epochs * ofPass, maxSteps);
  const whole = Math.floor(steps / ofPass);
  return { steps, examples: whole * examples + Math.min((steps - whole * ofPass) * batchSize, examples) };
}
