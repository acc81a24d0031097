/**
 * Dropout. Srivastava et al., JMLR 15 (2014), in its inverted form: y = x m, each m being 0 with the given rate and
 * 1 / (1 - rate) otherwise. The mask is an input of the train step, drawn by whoever runs it; when a model is used,
 * and where it was exported for inference, y = x.
 */
import type { Value } from '../graph.ts';
import type { LoweringQuery } from './lowering-rule.ts';

/** What the operator specification says where no ratio is given. */
const DEFAULT_RATE = 0.5;

function dropout(query: LoweringQuery): Value {
  const { g, mode } = query;
  const x = query.input(0);
  const training = query.constantInput(2);
  if (query.inputs[2] !== undefined && training === undefined) query.fail('training_mode must be a constant');
  if (mode.kind === 'inference' || !training?.data[0]) return x;
  const ratio = query.constantInput(1);
  if (query.inputs[1] !== undefined && ratio === undefined) query.fail('ratio must be a constant');
  const rate = Number(ratio?.data[0] ?? DEFAULT_RATE);
  if (!(rate >= 0 && rate < 1)) query.fail(`ratio ${rate} is not in [0, 1)`);
  return rate === 0 ? x : g.mul(x, mode.mask(x.shape, rate));
}

export const DROPOUT_LOWERINGS = { Dropout: dropout };
