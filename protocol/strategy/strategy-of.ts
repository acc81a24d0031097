/**
 * The strategy that a job manifest names. SPEC.md 7.1.
 */
import type { Strategy as StrategySpec } from '../../schemas/strategy.ts';
import { fedAdam } from './fedadam.ts';
import { fedAvg } from './fedavg.ts';
import { fedAvgM } from './fedavgm.ts';
import type { Strategy } from './strategy.ts';

export function strategyOf(spec: StrategySpec): Strategy {
  switch (spec.type) {
    case 'fedavg':
      return fedAvg(spec);
    case 'fedavgm':
      return fedAvgM(spec);
    case 'fedadam':
      return fedAdam(spec);
    default:
      spec satisfies never;
      throw new Error('unreachable');
  }
}
