/**
 * The sum of clipped gradients over a secret lot: what a participant computes between receiving a model and noising its
 * update, where a job promises something about examples or persons. SPEC.md 12.4; Abadi et al., CCS 2016, algorithm 1.
 *
 * Whatever the lot holds, the same number of padded batches is computed. Batches are added in float64, so that a unit moves
 * no sum but that of its own batch by more than its gradient (`protocol/dp/job-privacy.ts`). What is not finite counts as
 * zero, and the examples beside it keep their places, for masks of dropout belong to places.
 */
import { drawLot, lotMost } from '../../protocol/dp/lot.ts';
import { RandomNumbers, type RandomSource } from '../../protocol/random.ts';
import type { CompiledLotGradient } from '../graph/compiled.ts';
import { BatchBuffer, requireFit, type TrainingExamples } from './batch-buffer.ts';
import { MaskBuffer } from './mask-buffer.ts';
import { floatsOf, parameterTensors } from './parameters.ts';
import { type ExecutionProvider, type Session, type Tensors, tensorOf } from './provider.ts';
import type { TrainingProgress } from './trainer.ts';
import { type Units, unitsOf } from './units.ts';

/** Of the clip norm, left for norms that are computed in float32: the length of no gradient exceeds C. SPEC.md 12.4. */
const NORM_MARGIN = 2 ** -10;

export interface LotRequest {
  /** Flat, in the order of the compiled parameters. Not modified. */
  readonly parameters: Float32Array;
  readonly examples: TrainingExamples;
  /** q in (0, 1]. */
  readonly rate: number;
  /** C > 0, of the gradient of a unit. */
  readonly clipNorm: number;
  /** Draws the lot, persons' examples beyond their cap, and the masks of dropout: the CSPRNG. */
  readonly random: RandomSource;
  /** Aborts between two batches: the promise rejects with the reason of the signal. */
  readonly signal?: AbortSignal;
  /** Called after every batch. */
  readonly onProgress?: (progress: TrainingProgress) => void;
}

export interface LotResult {
  /** [d], minus the sum of the clipped gradients: the direction in which the loss falls. Every value is finite. */
  readonly sum: Float64Array<ArrayBuffer>;
  /** [batches], the mean loss of each, 0 where it is all padding. They stay on the node. */
  readonly losses: Float32Array;
  readonly steps: number;
}

/** Holds a session for one compiled gradient. Sums with it share no state and may overlap. */
export class LotTrainer {
  readonly #session: Session;
  readonly #gradient: CompiledLotGradient;
  #units: Units | undefined;
  #spare: BatchBuffer | undefined;

  private constructor(session: Session, gradient: CompiledLotGradient) {
    this.#session = session;
    this.#gradient = gradient;
  }

  /** Throws `graphMalformed` when the provider refuses the graph. */
  static async create(provider: ExecutionProvider, gradient: CompiledLotGradient): Promise<LotTrainer> {
    return new LotTrainer(await provider.createSession(gradient.bytes), gradient);
  }

  /** Throws `dataEmpty`, `dataShapeMismatch`, `dataWithoutPersons`; `lotTooLarge`. */
  async sum(request: LotRequest): Promise<LotResult> {
    const { parameters, examples, rate, random, signal, onProgress } = request;
    requireFit(examples, this.#gradient);
    const units = this.#unitsOf(examples);
    const most = lotMost(units.count, rate);
    const batches = units.batches(drawLot(units.count, rate, random, most), most, random);
    const feeds = {
      ...parameterTensors(parameters, this.#gradient.parameters),
      clipNorm: tensorOf([], Float32Array.of(request.clipNorm * (1 - NORM_MARGIN))),
    };
    const numbers = new RandomNumbers(random);
    const masks = new MaskBuffer(this.#gradient.masks, 1);
    const buffer = this.#spare ?? new BatchBuffer(this.#gradient, 1);
    this.#spare = undefined;
    const sum = new Float64Array(parameters.length);
    const losses = new Float32Array(batches.length);
    for (const [at, rows] of batches.entries()) {
      signal?.throwIfAborted();
      masks.draw(0, numbers);
      losses[at] = await this.#add(sum, examples, rows, { ...feeds, ...masks.single() }, buffer);
      onProgress?.({ step: at + 1, steps: batches.length, loss: losses[at] ?? Number.NaN });
    }
    this.#spare = buffer;
    return { sum, losses, steps: batches.length };
  }

  /** Frees the session; the trainer cannot be used afterwards. */
  release(): Promise<void> {
    return this.#session.release();
  }

  #unitsOf(examples: TrainingExamples): Units {
    if (this.#units?.examples !== examples)
      this.#units = unitsOf(examples, this.#gradient.unit, this.#gradient.batchSize);
    return this.#units;
  }

  /**
   * Takes the gradients of a batch from the sum. A batch whose gradient is not finite is halved until what spoils it stands
   * alone; of a person nothing can be halved. @returns the loss of the batch
   */
  async #add(
    sum: Float64Array,
    examples: TrainingExamples,
    rows: Int32Array,
    feeds: Tensors,
    buffer: BatchBuffer,
  ): Promise<number> {
    buffer.place(examples, rows);
    const outputs = await this.#session.run({ ...feeds, ...buffer.single() });
    const gradients = this.#gradient.parameters.map(({ name }) => floatsOf(outputs, `${name}_gradient`));
    const loss = floatsOf(outputs, 'loss')[0] ?? Number.NaN;
    if (gradients.every(areFinite)) {
      for (const [index, { offset }] of this.#gradient.parameters.entries())
        subtract(sum, offset, gradients[index]);
      return loss;
    }
    const places = [...rows.keys()].filter((place) => (rows[place] as number) >= 0);
    if (places.length <= 1 || this.#gradient.unit === 'person') return loss;
    const middle = places[places.length >> 1] as number;
    await this.#add(
      sum,
      examples,
      rows.map((row, place) => (place < middle ? row : -1)),
      feeds,
      buffer,
    );
    await this.#add(
      sum,
      examples,
      rows.map((row, place) => (place < middle ? -1 : row)),
      feeds,
      buffer,
    );
    return loss;
  }
}

function areFinite(values: Float32Array): boolean {
  // 0 * x is NaN for infinities and NaN, and NaN survives every sum.
  let sum = 0;
  for (let i = 0; i < values.length; i += 1) sum += 0 * (values[i] as number);
  return sum === 0;
}

function subtract(sum: Float64Array, offset: number, part: Float32Array | undefined): void {
  if (!part) return;
  for (let i = 0; i < part.length; i += 1)
    sum[offset + i] = (sum[offset + i] as number) - (part[i] as number);
}
