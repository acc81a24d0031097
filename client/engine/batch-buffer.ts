/**
 * Rows gathered into the buffers that a graph reads: one or several batches of a fixed size, the last one padded.
 *
 * A graph has a static batch size B, so examples carry weights: 1 for an example, 0 for padding. Padding is all zeros,
 * and `client/graph` promises that it changes no result.
 */
import { HanseError } from '../../protocol/problem.ts';
import { type BorderArray, newBorderArray, requireBorderType } from '../graph/border-array.ts';
import type { TensorSpec } from '../graph/compiled.ts';
import { elementCount } from '../graph/tensor-type.ts';
import { type Tensors, tensorOf } from './provider.ts';

/** What is read of a data set here. The arrays are row-major and not modified. */
export interface TrainingExamples {
  readonly name: string;
  readonly count: number;
  /** [count, ...shape of one input] */
  readonly features: BorderArray;
  /** [count, ...shape of one target] */
  readonly targets: BorderArray;
  /** [count], whose example it is: 0..P-1 for P persons. Absent: nobody said. */
  readonly persons?: Uint32Array;
}

/** The borders of a compiled graph that decide how a batch looks. */
export interface BatchLayout {
  readonly input: TensorSpec;
  readonly target: TensorSpec;
  readonly batchSize: number;
}

export class BatchBuffer {
  /** How many batches it holds. */
  readonly batches: number;
  readonly #layout: BatchLayout;
  readonly #inputSize: number;
  readonly #targetSize: number;
  readonly #x: BorderArray;
  readonly #y: BorderArray;
  readonly #weight: Float32Array;

  /** @param batches how many batches the buffer holds */
  constructor(layout: BatchLayout, batches: number) {
    this.batches = batches;
    this.#layout = layout;
    this.#inputSize = rowSize(layout.input);
    this.#targetSize = rowSize(layout.target);
    const rows = batches * layout.batchSize;
    this.#x = newBorderArray(layout.input.type, rows * this.#inputSize);
    this.#y = newBorderArray(layout.target.type, rows * this.#targetSize);
    this.#weight = new Float32Array(rows);
  }

  /**
   * Writes the examples `order[from..from + B)`, as far as there are any, to the batch at `position`.
   *
   * @param examples fits the layout: see `requireFit`
   * @param order    indices of examples
   * @returns the number of examples written; the rest of the batch is padding
   */
  gather(position: number, examples: TrainingExamples, order: Uint32Array, from: number): number {
    const { batchSize } = this.#layout;
    const { features, targets } = examples;
    const firstRow = position * batchSize;
    const count = Math.min(batchSize, order.length - from);
    for (let i = 0; i < count; i += 1) {
      const index = order[from + i] as number;
      copyRow(features, index, this.#x, firstRow + i, this.#inputSize);
      copyRow(targets, index, this.#y, firstRow + i, this.#targetSize);
    }
    const end = firstRow + batchSize;
    this.#weight.fill(1, firstRow, firstRow + count);
    this.#weight.fill(0, firstRow + count, end);
    this.#x.fill(0, (firstRow + count) * this.#inputSize, end * this.#inputSize);
    this.#y.fill(0, (firstRow + count) * this.#targetSize, end * this.#targetSize);
    return count;
  }

  /**
   * Writes one batch, each example to the row at which it stands.
   *
   * @param rows [B], indices of examples; a negative one is padding
   */
  place(position: number, examples: TrainingExamples, rows: Int32Array): void {
    const first = position * this.#layout.batchSize;
    rows.forEach((index, place) => {
      const row = first + place;
      if (index >= 0) {
        copyRow(examples.features, index, this.#x, row, this.#inputSize);
        copyRow(examples.targets, index, this.#y, row, this.#targetSize);
      } else {
        this.#x.fill(0, row * this.#inputSize, (row + 1) * this.#inputSize);
        this.#y.fill(0, row * this.#targetSize, (row + 1) * this.#targetSize);
      }
      this.#weight[row] = index >= 0 ? 1 : 0;
    });
  }

  /** `batches` batches as x, y and weight with a leading axis; views, valid until the next `gather` or `place`. */
  stacked(batches: number, from = 0): Tensors {
    return this.#tensors(from, batches, [batches]);
  }

  /** The batch at this position alone, without the leading axis. */
  single(position = 0): Tensors {
    return this.#tensors(position, 1, []);
  }

  #tensors(position: number, batches: number, leading: readonly number[]): Tensors {
    const { input, target, batchSize } = this.#layout;
    const [from, to] = [position * batchSize, (position + batches) * batchSize];
    const [width, height] = [this.#inputSize, this.#targetSize];
    return {
      x: tensorOf([...leading, ...input.shape], this.#x.subarray(from * width, to * width)),
      y: tensorOf([...leading, ...target.shape], this.#y.subarray(from * height, to * height)),
      weight: { type: 'float32', shape: [...leading, batchSize], data: this.#weight.subarray(from, to) },
    };
  }
}

/** Throws `dataEmpty` or `dataShapeMismatch` unless the examples can be gathered for this graph. */
export function requireFit(examples: TrainingExamples, layout: BatchLayout): void {
  const { name, count, features, targets } = examples;
  if (count === 0) throw new HanseError('dataEmpty', { source: name });
  requireLength('features', features.length, count * rowSize(layout.input));
  requireLength('targets', targets.length, count * rowSize(layout.target));
  requireBorderType(`features of ${name}`, features, layout.input.type);
  requireBorderType(`targets of ${name}`, targets, layout.target.type);
}

function requireLength(what: string, got: number, expected: number): void {
  if (got === expected) return;
  throw new HanseError('dataShapeMismatch', { what, expected: `${expected} values`, got: `${got} values` });
}

/** How many values one example has in a tensor of shape [B, ...]. */
export function rowSize({ shape }: TensorSpec): number {
  return elementCount(shape.slice(1));
}

/** Below this many values, a loop is faster than making a view to copy from. */
const VIEW_PAYS_FROM = 16;

function copyRow(from: BorderArray, fromRow: number, to: BorderArray, toRow: number, size: number): void {
  const source = fromRow * size;
  const target = toRow * size;
  if (size >= VIEW_PAYS_FROM) {
    to.set(from.subarray(source, source + size), target);
    return;
  }
  for (let i = 0; i < size; i += 1) to[target + i] = from[source + i] as number;
}
