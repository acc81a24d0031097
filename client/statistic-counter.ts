/**
 * What an owner counts for a statistic over several owners, in the place of a training: the vector of its table, with its
 * share of the noise in it. SPEC.md 12.7.
 */
import { localContribution } from '../protocol/dp/statistics/secure-statistic.ts';
import { planOfManifest } from '../protocol/dp/statistics/statistic-job.ts';
import type { StatisticManifest } from '../schemas/job.ts';
import type { Examples } from './data/examples.ts';
import { requireAnswers, requirePersons, statisticTable } from './data/statistic-table.ts';
import type { LotTrainer } from './engine/lot-trainer.ts';

/**
 * Reads no row before it is asked for the sum. The loss of a count is none.
 * @param manifest has passed `checkPrivacy`
 * @throws `dataWithoutPersons`, `columnOfNames`; `statisticRefused`, `noiseTableTooLarge`
 */
export function statisticCounter(manifest: StatisticManifest, examples: Examples): Pick<LotTrainer, 'sum'> {
  const { privacyUnit, statistic } = manifest;
  const unit = privacyUnit === 'person' ? 'person' : 'example';
  requirePersons(examples, unit);
  requireAnswers(examples, statistic.column, statistic.question);
  const plan = planOfManifest(manifest);
  return {
    async sum({ random }) {
      const vector = localContribution(plan, statisticTable(examples, statistic.column, unit), random);
      return { sum: Float64Array.from(vector), losses: new Float32Array(), steps: 0 };
    },
  };
}
