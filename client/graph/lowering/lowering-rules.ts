/**
 * The operators of models that are written as others, one table.
 */
import { ACTIVATION_LOWERINGS } from './activation.ts';
import { BATCH_NORMALIZATION_LOWERINGS } from './batch-normalization.ts';
import { CONVOLUTION_LOWERINGS } from './convolution.ts';
import { DROPOUT_LOWERINGS } from './dropout.ts';
import { EINSUM_LOWERINGS } from './einsum.ts';
import { ELEMENTWISE_LOWERINGS } from './elementwise.ts';
import { INDEXING_LOWERINGS } from './indexing.ts';
import { KNOWN_LOWERINGS } from './known.ts';
import type { LoweringRule } from './lowering-rule.ts';
import { NORMALIZATION_LOWERINGS } from './normalization.ts';
import { POOLING_LOWERINGS } from './pooling.ts';
import { PRODUCT_LOWERINGS } from './product.ts';
import { REDUCE_LOWERINGS } from './reduce.ts';
import { VIEW_LOWERINGS } from './view.ts';

export const LOWERING_RULES = {
  ...ACTIVATION_LOWERINGS,
  ...BATCH_NORMALIZATION_LOWERINGS,
  ...CONVOLUTION_LOWERINGS,
  ...DROPOUT_LOWERINGS,
  ...EINSUM_LOWERINGS,
  ...INDEXING_LOWERINGS,
  ...KNOWN_LOWERINGS,
  ...ELEMENTWISE_LOWERINGS,
  ...NORMALIZATION_LOWERINGS,
  ...REDUCE_LOWERINGS,
  ...POOLING_LOWERINGS,
  ...PRODUCT_LOWERINGS,
  ...VIEW_LOWERINGS,
} as const satisfies Record<string, LoweringRule>;

export type LoweredOperator = keyof typeof LOWERING_RULES;

export function isLoweredOperator(name: string): name is LoweredOperator {
  return Object.hasOwn(LOWERING_RULES, name);
}
