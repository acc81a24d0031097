/**
 * Local training: optimiser steps over shuffled mini-batches, as a participant does them between receiving a model
 * and sealing its update. McMahan et al., AISTATS 2017, algorithm 1, "ClientUpdate".
 *
 * The hot loop of the product, and a short one, because the step itself is a compiled graph: gather the rows of some
 * batches, run them as one Scan, feed the parameters that come out into the next run; on a device with memory of its
 * own, run them one by one and leave the parameters there (`client/engine/step-runs.ts`). Outputs are never the buffers of
 * inputs: ONNX Runtime gives silently wrong results when one run reads and writes the same buffer.
 *
 * The result is a function of the arguments: the same on every repetition to the bit, and independent of how many
 * steps a run holds. Measured on MNIST and an MLP 784-200-10 with native ONNX Runtime, runs of one step cost more than
 * twice as much a step, mostly for copying parameters; from 2 MiB on, longer runs are no faster.
 */
import { HanseError } from '../../protocol/problem.ts';
import { RandomNumbers, type RandomSource } from '../../protocol/random.ts';
import type { CompiledEpoch } from '../graph/compiled.ts';
import { elementCount } from '../graph/tensor-type.ts';
import { BatchBuffer, requireFit, rowSize, type TrainingExamples } from './batch-buffer.ts';
import { MaskBuffer } from './mask-buffer.ts';
import { flattenParameters, parameterCount, parameterTensors } from './parameters.ts';
import type { ExecutionProvider } from './provider.ts';
import { loadSteps, type StepRuns } from './step-runs.ts';

/** Features gathered and masks drawn for one run. */
const RUN_BYTES = 2_097_152;
/**
 * Parameters times examples in one run. A run cannot be interrupted, and in Node it holds the event loop: this keeps
 * it to some tenths of a second.
 */
const RUN_WORK = 536_870_912;
/** Steps in one run, so that small models too report progress. */
const RUN_STEPS = 256;

export interface TrainingProgress {
  /** Optimiser steps done, of `steps`. */
  readonly step: number;
  readonly steps: number;
  /** Mean loss of the latest step's batch. */
  readonly loss: number;
}

export interface TrainingRequest {
  /** Flat, in the order of the compiled parameters. Not modified; must stay as it is until training ends. */
  readonly parameters: Float32Array;
  readonly examples: TrainingExamples;
  /** Passes over the examples, at least 1; each in a new order. */
  readonly epochs: number;
  /** Ends training early, after this many steps. */
  readonly maxSteps?: number;
  /** Of every step, or of step 0..steps-1 of this training. */
  readonly learningRate: number | ((step: number, steps: number) => number);
  /** Longest gradient of one example, > 0; for epochs that clip examples, and only for those. */
  readonly clipNorm?: number;
  /** Decides the order of the examples and the masks of dropout, and nothing else. */
  readonly random: RandomSource;
  /** Aborts between two runs: the promise rejects with the reason of the signal. */
  readonly signal?: AbortSignal;
  /** Called after every run. */
  readonly onProgress?: (progress: TrainingProgress) => void;
}

export interface TrainingResult {
  /** Flat, a new array; every value is finite. */
  readonly parameters: Float32Array;
  /** [steps], the weighted mean loss of each batch before its step. */
  readonly losses: Float32Array;
  readonly steps: number;
  /** Examples in all steps together, without padding. */
  readonly examplesSeen: number;
}

/** Holds a session for one compiled epoch. Trainings with it share no state and may overlap. */
export class Trainer {
  readonly #runs: StepRuns;
  readonly #epoch: CompiledEpoch;
  /** Buffers of trainings that have ended: fresh memory costs more than the rows that are written to it. */
  #spare: BatchBuffer[] = [];

  private constructor(runs: StepRuns, epoch: CompiledEpoch) {
    this.#runs = runs;
    this.#epoch = epoch;
  }

  /** Throws `graphMalformed` when the provider refuses the graph. */
  static async create(provider: ExecutionProvider, epoch: CompiledEpoch): Promise<Trainer> {
    return new Trainer(await loadSteps(provider, epoch), epoch);
  }

  /**
   * Throws `trainingDiverged` as soon as a loss, or at the end a parameter, is not finite; `dataEmpty`,
   * `dataShapeMismatch` and `invalidLength` before the first step; `deviceLost` where a device holds the parameters.
   */
  async train(request: TrainingRequest): Promise<TrainingResult> {
    const { parameters, examples, learningRate, clipNorm, signal, onProgress } = request;
    if ((clipNorm !== undefined) !== this.#epoch.clipsExamples)
      throw new RangeError('clipNorm belongs to epochs that clip examples');
    requireFit(examples, this.#epoch);
    const numbers = new RandomNumbers(request.random);
    const order = new EpochOrder(examples.count, this.#epoch.batchSize, numbers);
    const steps = Math.min(request.epochs * order.batches, request.maxSteps ?? Number.POSITIVE_INFINITY);
    const runSteps = Math.min(steps, this.#runs.limit, stepsPerRun(this.#epoch));
    const buffer = this.#takeBuffer(runSteps);
    const masks = new MaskBuffer(this.#epoch.masks, runSteps);
    const rates = new Float32Array(runSteps);
    const losses = new Float32Array(steps);

    const run = this.#runs.begin(parameterTensors(parameters, this.#epoch.parameters));
    let examplesSeen = 0;
    try {
      for (let step = 0; step < steps; ) {
        signal?.throwIfAborted();
        const count = Math.min(runSteps, steps - step);
        for (let position = 0; position < count; position += 1) {
          const from = order.nextBatch();
          examplesSeen += buffer.gather(position, examples, order.indices, from);
          masks.draw(position, numbers);
          const at = step + position;
          rates[position] = typeof learningRate === 'number' ? learningRate : learningRate(at, steps);
        }
        const runLosses = await run.advance({ count, batches: buffer, masks, rates, clipNorm });
        requireFinite(runLosses, (at) => `the loss of step ${step + at + 1}`);
        losses.set(runLosses, step);
        step += count;
        onProgress?.({ step, steps, loss: losses[step - 1] ?? Number.NaN });
      }
      const trained = flattenParameters(await run.read(), this.#epoch.parameters);
      requireFinite(trained, (at) => `parameter ${at}`);
      this.#spare.push(buffer);
      return { parameters: trained, losses, steps, examplesSeen };
    } finally {
      run.release();
    }
  }

  /** Frees the session; the trainer cannot be used afterwards. */
  release(): Promise<void> {
    this.#spare = [];
    return this.#runs.release();
  }

  /** @param batches how many it must hold */
  #takeBuffer(batches: number): BatchBuffer {
    const spare = this.#spare.pop();
    return spare && spare.batches >= batches ? spare : new BatchBuffer(this.#epoch, batches);
  }
}

/** Every example once, in an order drawn anew for every pass. */
class EpochOrder {
  /** The order of the current pass. */
  readonly indices: Uint32Array;
  /** Batches of one pass, the last of which may be partial. */
  readonly batches: number;
  readonly #batchSize: number;
  readonly #numbers: RandomNumbers;
  #position: number;

  constructor(count: number, batchSize: number, numbers: RandomNumbers) {
    this.indices = Uint32Array.from({ length: count }, (_, index) => index);
    this.batches = Math.ceil(count / batchSize);
    this.#batchSize = batchSize;
    this.#numbers = numbers;
    this.#position = count;
  }

  /** Where in `indices` the next batch begins; draws a new order when the pass is over. */
  nextBatch(): number {
    if (this.#position >= this.indices.length) {
      this.#numbers.shuffle(this.indices);
      this.#position = 0;
    }
    const from = this.#position;
    this.#position += this.#batchSize;
    return from;
  }
}

/** Batches that are gathered and computed at once, at least 1. */
export function stepsPerRun({
  input,
  masks,
  batchSize,
  parameters,
}: Pick<CompiledEpoch, 'input' | 'masks' | 'batchSize' | 'parameters'>): number {
  const maskValues = masks.reduce((sum, { shape }) => sum + elementCount(shape), 0);
  const stepBytes = 4 * (batchSize * rowSize(input) + maskValues);
  const stepWork = batchSize * parameterCount(parameters);
  const steps = Math.min(RUN_BYTES / stepBytes, RUN_WORK / stepWork, RUN_STEPS);
  return Math.max(1, Math.floor(steps));
}

function requireFinite(values: Float32Array, nameOf: (index: number) => string): void {
  for (let i = 0; i < values.length; i += 1) {
    if (!Number.isFinite(values[i])) throw new HanseError('trainingDiverged', { what: nameOf(i) });
  }
}
