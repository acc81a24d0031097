/**
 * How good a model is on some examples: mean loss, and accuracy where there are classes.
 */
import type { CompiledEvaluation } from '../graph/compiled.ts';
import { BatchBuffer, requireFit, type TrainingExamples } from './batch-buffer.ts';
import { floatsOf, parameterTensors } from './parameters.ts';
import type { ExecutionProvider, Session } from './provider.ts';

export interface EvaluationRequest {
  /** Flat, in the order of the compiled parameters. Not modified. */
  readonly parameters: Float32Array;
  readonly examples: TrainingExamples;
  /** Aborts between two batches. */
  readonly signal?: AbortSignal;
}

export interface EvaluationResult {
  /** Mean over the examples; not finite for a model that is broken. */
  readonly loss: number;
  /** Share of right predictions in [0, 1]; null where the loss knows no right and wrong. */
  readonly accuracy: number | null;
  readonly count: number;
}

export interface EvaluatorOptions {
  /** Whether predictions are right or wrong. Unless said: if targets are class labels. */
  readonly classified?: boolean;
}

/** Holds a session for one compiled evaluation. Evaluations with it share no state and may overlap. */
export class Evaluator {
  readonly #session: Session;
  readonly #evaluation: CompiledEvaluation;
  readonly #isClassified: boolean;

  private constructor(session: Session, evaluation: CompiledEvaluation, isClassified: boolean) {
    this.#session = session;
    this.#evaluation = evaluation;
    this.#isClassified = isClassified;
  }

  /** Throws `graphMalformed` when the provider refuses the graph. */
  static async create(
    provider: ExecutionProvider,
    evaluation: CompiledEvaluation,
    { classified }: EvaluatorOptions = {},
  ): Promise<Evaluator> {
    const isClassified = classified ?? evaluation.target.type === 'int32';
    return new Evaluator(await provider.createSession(evaluation.bytes), evaluation, isClassified);
  }

  /** Throws `dataEmpty`, `dataShapeMismatch`, `invalidLength`. */
  async evaluate({ parameters, examples, signal }: EvaluationRequest): Promise<EvaluationResult> {
    requireFit(examples, this.#evaluation);
    const feeds = parameterTensors(parameters, this.#evaluation.parameters);
    const buffer = new BatchBuffer(this.#evaluation, 1);
    const order = Uint32Array.from({ length: examples.count }, (_, index) => index);
    let loss = 0;
    let correct = 0;
    for (let from = 0; from < examples.count; from += this.#evaluation.batchSize) {
      signal?.throwIfAborted();
      buffer.gather(0, examples, order, from);
      const outputs = await this.#session.run({ ...feeds, ...buffer.single() });
      loss += floatsOf(outputs, 'lossSum')[0] ?? Number.NaN;
      correct += floatsOf(outputs, 'correct')[0] ?? Number.NaN;
    }
    const { count } = examples;
    return { loss: loss / count, accuracy: this.#isClassified ? correct / count : null, count };
  }

  /** Frees the session; the evaluator cannot be used afterwards. */
  release(): Promise<void> {
    return this.#session.release();
  }
}
