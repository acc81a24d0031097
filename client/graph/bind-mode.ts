/**
 * How a forward graph is to run: as it is used, or as it is trained. Dropout and batch normalisation differ.
 */
import type { Value } from './graph.ts';
import type { Shape } from './tensor-type.ts';

export type BindMode =
  | { readonly kind: 'inference' }
  | {
      readonly kind: 'training';
      /** [B], the weight of every example; 0 marks padding. */
      readonly weight: Value;
      /** A tensor of this shape whose elements are 0 with probability `rate`, else 1 / (1 - rate): for each step anew. */
      mask(shape: Shape, rate: number): Value;
    };

export const INFERENCE: BindMode = { kind: 'inference' };
