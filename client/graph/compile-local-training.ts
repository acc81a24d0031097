/**
 * What the engine runs in a round of a job: steps of an optimiser, or sums of gradients where rounds are over lots.
 */
import type { PrivacyUnit } from '../../schemas/job.ts';
import type { LocalTraining } from '../../schemas/training.ts';
import { compileLotGradient } from './compile-lot-gradient.ts';
import { compileTrainEpoch } from './compile-train-epoch.ts';
import type { CompiledEpoch, CompiledLotGradient } from './compiled.ts';
import type { ForwardGraph } from './forward-graph.ts';

/** @throws as `compileTrainEpoch` and `compileLotGradient` */
export function compileLocalTraining(
  forward: ForwardGraph,
  { training, privacyUnit }: { readonly training: LocalTraining; readonly privacyUnit: PrivacyUnit },
): CompiledEpoch | CompiledLotGradient {
  if (privacyUnit === 'none' || privacyUnit === 'participant') return compileTrainEpoch(forward, training);
  const { loss, batchSize } = training;
  return compileLotGradient(forward, { loss, batchSize, unit: privacyUnit });
}
