/**
 * What a model says about examples without targets: the outputs of its forward graph.
 */
import { HanseError } from '../../protocol/problem.ts';
import type { CompiledPrediction } from '../graph/compiled.ts';
import { newArray, requireType, rowSize, tensorOf } from './batch-buffer.ts';
import { floatsOf, parameterTensors } from './parameters.ts';
import type { ExecutionProvider, Session, Tensors } from './provider.ts';

export interface PredictionRequest {
  /** Flat, in the order of the compiled parameters. Not modified. */
  readonly parameters: Float32Array;
  /** [count, ...shape of one input], row-major. Not modified. */
  readonly features: Float32Array | Int32Array;
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
    const weights = parameterTensors(parameters, this.#prediction.parameters);
    requireType('features', features, input);
    const batch = newArray(input, batchSize * size);
    const collected = outputs.map((spec) => ({ spec, data: new Float32Array(count * rowSize(spec)) }));
    for (let from = 0; from < count; from += batchSize) {
      signal?.throwIfAborted();
      const rows = Math.min(batchSize, count - from);
      batch.set(features.subarray(from * size, (from + rows) * size));
      batch.fill(0, rows * size);
      const run = await this.#session.run({
        ...weights,
        x: tensorOf(input.shape, batch),
      });
      for (const { spec, data } of collected) {
        const width = rowSize(spec);
        data.set(floatsOf(run, spec.name).subarray(0, rows * width), from * width);
      }
    }
    return Object.fromEntries(
      collected.map(({ spec, data }) => [
        spec.name,
        { type: 'float32', shape: [count, ...spec.shape.slice(1)], data },
      ]),
    );
  }

  /** Frees the session; the predictor cannot be used afterwards. */
  release(): Promise<void> {
    return this.#session.release();
  }
}
