/**
 * What a model says about examples without targets: the outputs of its forward graph.
 */
import { HanseError } from '../../protocol/problem.ts';
import { type BorderArray, newBorderArray, requireBorderType } from '../graph/border-array.ts';
import type { CompiledPrediction } from '../graph/compiled.ts';
import { rowSize } from './batch-buffer.ts';
import { parameterTensors, valuesOf } from './parameters.ts';
import { type ExecutionProvider, type Session, type Tensors, tensorOf } from './provider.ts';

export interface PredictionRequest {
  /** Flat, in the order of the compiled parameters. Not modified. */
  readonly parameters: Float32Array;
  /** [count, ...shape of one input], row-major. Not modified. */
  readonly features: BorderArray;
  /** Aborts between two batches. */
  readonly signal?: AbortSignal;
}

/** Holds a session for one compiled prediction. */
export class Predictor {
  readonly #session: Session;
  readonly #prediction: CompiledPrediction;

  private constructor(session: Session, prediction: CompiledPrediction) {
    this.#session = session;
    this.#prediction = prediction;
  }

  /** Throws `graphMalformed` when the provider refuses the graph. */
  static async create(provider: ExecutionProvider, prediction: CompiledPrediction): Promise<Predictor> {
    return new Predictor(await provider.createSession(prediction.bytes), prediction);
  }

  /**
   * @returns each output of the forward graph as [count, ...shape for one example]; logits for a classifier
   * Throws `dataShapeMismatch`, `invalidLength`, and `graphMalformed` for an output that has no batch axis.
   */
  async predict({ parameters, features, signal }: PredictionRequest): Promise<Tensors> {
    const { input, outputs, batchSize } = this.#prediction;
    const size = rowSize(input);
    const count = features.length / size;
    if (!Number.isInteger(count)) {
      const got = `${features.length} values`;
      throw new HanseError('dataShapeMismatch', { what: 'features', expected: `rows of ${size}`, got });
    }
    for (const { name, shape } of outputs) {
      if (shape[0] === batchSize) continue;
      throw new HanseError('graphMalformed', { reason: `output ${name} has no batch axis` });
    }
    requireBorderType('features', features, input.type);
    const weights = parameterTensors(parameters, this.#prediction.parameters);
    const batch = newBorderArray(input.type, batchSize * size);
    const x = tensorOf(input.shape, batch);
    const collected = outputs.map((spec) => {
      const width = rowSize(spec);
      return { spec, width, data: newBorderArray(spec.type, count * width) };
    });
    for (let from = 0; from < count; from += batchSize) {
      signal?.throwIfAborted();
      const rows = Math.min(batchSize, count - from);
      batch.set(features.subarray(from * size, (from + rows) * size));
      batch.fill(0, rows * size);
      const run = await this.#session.run({ ...weights, x });
      for (const { spec, width, data } of collected)
        data.set(valuesOf(run, spec).subarray(0, rows * width), from * width);
    }
    return Object.fromEntries(
      collected.map(({ spec, data }) => [spec.name, tensorOf([count, ...spec.shape.slice(1)], data)]),
    );
  }

  /** Frees the session; the predictor cannot be used afterwards. */
  release(): Promise<void> {
    return this.#session.release();
  }
}
