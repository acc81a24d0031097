/**
 * The loss, as a person names it on a command line.
 */
import { asUsage, parse } from '../../protocol/parse.ts';
import { HanseError } from '../../protocol/problem.ts';
import type { CommandOption } from '../../schemas/command.ts';
import { Loss } from '../../schemas/training.ts';

export interface LossOptions {
  readonly loss: Loss['type'];
  readonly classWeights?: string;
  readonly labelSmoothing?: number;
  readonly ignoreIndex?: number;
  readonly huberDelta?: number;
}

export const LOSS_OPTIONS: readonly CommandOption[] = [
  {
    flags: '--loss <loss>',
    description: 'what is minimised',
    choices: ['softmax_ce', 'sequence_ce', 'bce_logits', 'mse', 'mae', 'huber'],
    default: 'softmax_ce',
  },
  { flags: '--class-weights <factors>', description: 'cross-entropy: one factor per class, comma-separated' },
  {
    flags: '--label-smoothing <share>',
    description: 'cross-entropy: share given to all classes',
    kind: 'number',
  },
  {
    flags: '--ignore-index <label>',
    description: 'cross-entropy: a label that counts nothing',
    kind: 'integer',
  },
  {
    flags: '--huber-delta <error>',
    description: 'huber: where it becomes linear; 1 unless said',
    kind: 'number',
  },
];

/** @throws `usage` for an option that the loss does not have, a list that is none, or a value out of its range */
export function lossOf(options: LossOptions): Loss {
  const { loss: type, classWeights, labelSmoothing, ignoreIndex, huberDelta } = options;
  const isCrossEntropy = type === 'softmax_ce' || type === 'sequence_ce';
  const given = { classWeights, labelSmoothing, ignoreIndex };
  if (!isCrossEntropy && Object.values(given).some((value) => value !== undefined))
    throw new HanseError('usage', {
      reason: `--class-weights, --label-smoothing and --ignore-index belong to cross-entropies, not to ${type}`,
    });
  if (type !== 'huber' && huberDelta !== undefined)
    throw new HanseError('usage', { reason: `--huber-delta belongs to huber, not to ${type}` });
  const loss = {
    type,
    ...(classWeights !== undefined && { classWeights: factorsOf(classWeights) }),
    ...(labelSmoothing !== undefined && { labelSmoothing }),
    ...(ignoreIndex !== undefined && { ignoreIndex }),
    ...(type === 'huber' && { delta: huberDelta ?? 1 }),
  };
  return asUsage(() => parse(Loss, loss, 'loss'));
}

/** Not by Number alone, which takes what is empty for 0. */
function factorsOf(list: string): number[] {
  return list.split(',').map((word) => {
    const factor = word.trim() === '' ? Number.NaN : Number(word);
    if (!Number.isFinite(factor))
      throw new HanseError('usage', { reason: `--class-weights takes numbers, not ${JSON.stringify(word)}` });
    return factor;
  });
}
