/**
 * Masks of dropout for one or several steps: 0 with the rate of the mask, else 1 / (1 - rate), drawn for each step.
 */
import type { RandomNumbers } from '../../protocol/random.ts';
import type { MaskSpec } from '../graph/compiled.ts';
import { elementCount } from '../graph/tensor-type.ts';
import { type Tensors, tensorOf } from './provider.ts';

export class MaskBuffer {
  readonly #masks: readonly { readonly spec: MaskSpec; readonly size: number; readonly data: Float32Array }[];

  /** @param steps how many steps the buffer holds */
  constructor(specs: readonly MaskSpec[], steps: number) {
    this.#masks = specs.map((spec) => {
      const size = elementCount(spec.shape);
      return { spec, size, data: new Float32Array(steps * size) };
    });
  }

  /** Draws the masks of the step at `position`, in the order of the graph. */
  draw(position: number, random: RandomNumbers): void {
    for (const { spec, size, data } of this.#masks) {
      const kept = 1 / (1 - spec.rate);
      const end = (position + 1) * size;
      for (let at = position * size; at < end; at += 1) data[at] = random.unit() < spec.rate ? 0 : kept;
    }
  }

  /** The masks of `steps` steps with a leading axis; views, valid until the next `draw`. */
  stacked(steps: number, from = 0): Tensors {
    return this.#tensors(from, steps, [steps]);
  }

  /** Those of one step alone, without the leading axis. */
  single(position = 0): Tensors {
    return this.#tensors(position, 1, []);
  }

  #tensors(position: number, steps: number, leading: readonly number[]): Tensors {
    return Object.fromEntries(
      this.#masks.map(({ spec, size, data }) => [
        spec.name,
        tensorOf([...leading, ...spec.shape], data.subarray(position * size, (position + steps) * size)),
      ]),
    );
  }
}
