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
  /** Mean as the loss takes it, over examples or tokens; 0 where none counts, not finite for a model that is broken. */
  readonly loss: number;
  /** Share of right predictions in [0, 1]; null where the loss knows no right and wrong. */
  readonly accuracy: number | null;
  readonly count: number;
}

/** Holds a session for one compiled evaluation. Evaluations with it share no state and may overlap. */
export class Evaluator {
  readonly #session: Session;
  readonly #evaluation: CompiledEvaluation;

  private constructor(session: Session, evaluation: CompiledEvaluation) {
    this.#session = session;
    this.#evaluation = evaluation;
  }

  /** Throws `graphMalformed` when the provider refuses the graph. */
  static async create(provider: ExecutionProvider, evaluation: CompiledEvaluation): Promise<Evaluator> {
    return new Evaluator(await provider.createSession(evaluation.bytes), evaluation);
  }

  /** Throws `dataEmpty`, `dataShapeMismatch`, `invalidLength`. */
  async evaluate({ parameters, examples, signal }: EvaluationRequest): Promise<EvaluationResult> {
    requireFit(examples, this.#evaluation);
    const feeds = parameterTensors(parameters, this.#evaluation.parameters);
    const buffer = new BatchBuffer(this.#evaluation, 1);
    const order = Uint32Array.from({ length: examples.count }, (_, index) => index);
    let loss = 0;
    let weight = 0;
    let correct = 0;
    let counted = 0;
    for (let from = 0; from < examples.count; from += this.#evaluation.batchSize) {
      signal?.throwIfAborted();
      buffer.gather(0, examples, order, from);
      const outputs = await this.#session.run({ ...feeds, ...buffer.single() });
      loss += floatsOf(outputs, 'lossSum')[0] ?? Number.NaN;
      weight += floatsOf(outputs, 'weightSum')[0] ?? Number.NaN;
      correct += floatsOf(outputs, 'correct')[0] ?? Number.NaN;
      counted += floatsOf(outputs, 'counted')[0] ?? Number.NaN;
    }
    const accuracy = counted > 0 ? correct / counted : null;
    return { loss: weight === 0 ? 0 : loss / weight, accuracy, count: examples.count };
  }

  /** Frees the session; the evaluator cannot be used afterwards. */
  release(): Promise<void> {
    return this.#session.release();
  }
}
