/**
 * The sum of clipped gradients over a secret lot: what a participant computes between receiving a model and noising its
 * update, where a job promises something about examples or persons. SPEC.md 12.4; Abadi et al., CCS 2016, algorithm 1.
 *
 * Whatever the lot holds, the same number of padded batches is computed. Up to K of them are one run and are added in
 * float32; runs are added in float64, so that a unit moves no sum but that of its own run by more than its gradient
 * (`protocol/dp/job-privacy.ts`). What is not finite counts as zero, and the examples beside it keep their places, for masks
 * of dropout belong to places.
 */
import { BATCHES_IN_FLOAT32 } from '../../protocol/dp/job-privacy.ts';
import { drawLot, lotMost } from '../../protocol/dp/lot.ts';
import { RandomNumbers, type RandomSource } from '../../protocol/random.ts';
import type { CompiledLotGradient } from '../graph/compiled.ts';
import { BatchBuffer, requireFit, type TrainingExamples } from './batch-buffer.ts';
import { type LotRuns, loadLotRuns } from './lot-runs.ts';
import { MaskBuffer } from './mask-buffer.ts';
import { parameterTensors } from './parameters.ts';
import { type ExecutionProvider, type Tensors, tensorOf } from './provider.ts';
import { stepsPerRun, type TrainingProgress } from './trainer.ts';
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
  /** Aborts between two runs: the promise rejects with the reason of the signal. */
  readonly signal?: AbortSignal;
  /** Called after every run. */
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
  readonly #runs: LotRuns;
  readonly #gradient: CompiledLotGradient;
  /** Batches in a run: the same on all providers, for it decides on the bits of a sum. */
  readonly #length: number;
  #units: Units | undefined;
  #spare: BatchBuffer | undefined;

  private constructor(runs: LotRuns, gradient: CompiledLotGradient) {
    this.#runs = runs;
    this.#gradient = gradient;
    this.#length = Math.min(BATCHES_IN_FLOAT32, stepsPerRun(gradient));
  }

  /** Throws `graphMalformed` when the provider refuses the graph. */
  static async create(provider: ExecutionProvider, gradient: CompiledLotGradient): Promise<LotTrainer> {
    return new LotTrainer(await loadLotRuns(provider, gradient), gradient);
  }

  /** Throws `dataEmpty`, `dataShapeMismatch`, `dataWithoutPersons`; `lotTooLarge`. */
  async sum(request: LotRequest): Promise<LotResult> {
    const { parameters, examples, rate, random } = request;
    requireFit(examples, this.#gradient);
    const units = this.#unitsOf(examples);
    const most = lotMost(units.count, rate);
    const batches = units.batches(drawLot(units.count, rate, random, most), most, random);
    const length = Math.min(this.#length, batches.length);
    const buffer = this.#takeBuffer(length);
    const masks = new MaskBuffer(this.#gradient.masks, length);
    const feeds = {
      ...parameterTensors(parameters, this.#gradient.parameters),
      clipNorm: tensorOf([], Float32Array.of(request.clipNorm * (1 - NORM_MARGIN))),
    };
    const pass = { request, batches, length, buffer, masks, feeds };
    // Whether all is finite shows at the end; what spoils it is looked for only where there is something to be found.
    let result = await this.#pass(pass, false);
    if (!areFinite(result.sum)) result = await this.#pass(pass, true);
    this.#spare = buffer;
    return result;
  }

  /** Frees the session; the trainer cannot be used afterwards. */
  release(): Promise<void> {
    return this.#runs.release();
  }

  #unitsOf(examples: TrainingExamples): Units {
    if (this.#units?.examples !== examples)
      this.#units = unitsOf(examples, this.#gradient.unit, this.#gradient.batchSize);
    return this.#units;
  }

  /** @param batches how many it must hold */
  #takeBuffer(batches: number): BatchBuffer {
    const spare = this.#spare;
    this.#spare = undefined;
    return spare && spare.batches >= batches ? spare : new BatchBuffer(this.#gradient, batches);
  }

  /** All batches, in runs that do not depend on what is in them. @param isCareful whether runs are looked at one by one */
  async #pass(pass: Pass, isCareful: boolean): Promise<LotResult> {
    const { batches, length, masks, buffer } = pass;
    const { parameters, examples, random, signal, onProgress } = pass.request;
    const numbers = new RandomNumbers(random);
    const sum = new Float64Array(parameters.length);
    const losses = new Float32Array(batches.length);
    for (let from = 0; from < batches.length; from += length) {
      signal?.throwIfAborted();
      const rows = batches.slice(from, from + length);
      for (const [position, places] of rows.entries()) {
        masks.draw(position, numbers);
        buffer.place(position, examples, places);
      }
      const run = await this.#runs.run(pass.feeds, buffer, masks, 0, rows.length);
      losses.set(run.losses, from);
      if (!isCareful || run.gradients.every(areFinite)) this.#subtract(sum, run.gradients);
      else
        for (const [position, places] of rows.entries()) await this.#addFinite(sum, pass, position, places);
      const step = from + rows.length;
      onProgress?.({ step, steps: batches.length, loss: losses[step - 1] ?? Number.NaN });
    }
    return { sum, losses, steps: batches.length };
  }

  /**
   * Takes the gradients of a batch from the sum. A batch whose gradient is not finite is halved until what spoils it stands
   * alone; of a person nothing can be halved.
   */
  async #addFinite(sum: Float64Array, pass: Pass, position: number, rows: Int32Array): Promise<void> {
    const { buffer, masks, feeds, request } = pass;
    buffer.place(position, request.examples, rows);
    const { gradients } = await this.#runs.run(feeds, buffer, masks, position, 1);
    if (gradients.every(areFinite)) {
      this.#subtract(sum, gradients);
      return;
    }
    const places = [...rows.keys()].filter((place) => (rows[place] as number) >= 0);
    if (places.length <= 1 || this.#gradient.unit === 'person') return;
    const middle = places[places.length >> 1] as number;
    const halves = [
      rows.map((row, place) => (place < middle ? row : -1)),
      rows.map((row, place) => (place < middle ? -1 : row)),
    ];
    for (const half of halves) await this.#addFinite(sum, pass, position, half);
  }

  #subtract(sum: Float64Array, gradients: readonly Float32Array[]): void {
    for (const [index, { offset, size }] of this.#gradient.parameters.entries())
      subtract(sum.subarray(offset, offset + size), gradients[index] as Float32Array);
  }
}

/** What is the same for all runs of a sum. */
interface Pass {
  readonly request: LotRequest;
  readonly batches: readonly Int32Array[];
  readonly length: number;
  readonly buffer: BatchBuffer;
  readonly masks: MaskBuffer;
  readonly feeds: Tensors;
}

function areFinite(values: Float32Array | Float64Array): boolean {
  // 0 * x is NaN for infinities and NaN, and NaN survives every sum. Two sums at a time wait half as long for each other.
  let even = 0;
  let odd = 0;
  const last = values.length - 1;
  for (let i = 0; i < last; i += 2) {
    even += 0 * (values[i] as number);
    odd += 0 * (values[i + 1] as number);
  }
  return even + odd + 0 * (values[last] ?? 0) === 0;
}

/** Four at a time: a third less than one by one, and this is some hundredths of a batch. */
function subtract(sum: Float64Array, part: Float32Array): void {
  const whole = part.length - (part.length % 4);
  for (let i = 0; i < whole; i += 4) {
    sum[i] = (sum[i] as number) - (part[i] as number);
    sum[i + 1] = (sum[i + 1] as number) - (part[i + 1] as number);
    sum[i + 2] = (sum[i + 2] as number) - (part[i + 2] as number);
    sum[i + 3] = (sum[i + 3] as number) - (part[i + 3] as number);
  }
  for (let i = whole; i < part.length; i += 1) sum[i] = (sum[i] as number) - (part[i] as number);
}
