/**
 * A model as its author wrote it: one input whose first axis is the batch, parameters, and operators by name.
 *
 * The batch axis may be free. `bind-forward.ts` gives it a length and thereby every value its shape; the compiled
 * artefacts are made of bound graphs.
 */
import { HanseError } from '../../protocol/problem.ts';
import type { GraphChoices } from '../../schemas/job.ts';
import type { Attributes } from './attribute.ts';
import type { ForwardOperator } from './forward-operators.ts';
import type { ModelProto } from './gen/onnx_pb.ts';
import type { GraphLimits } from './limits.ts';
import type { Constant, Shape } from './tensor-type.ts';

/** A float32 tensor of the model. */
export interface ForwardParameter {
  readonly name: string;
  readonly shape: Shape;
  /** Row-major; not to be modified. Of a large imported tensor it may be decoded at each access: ask once. */
  readonly data: Float32Array;
}

export interface ForwardNode {
  readonly op: ForwardOperator;
  /** Names the node in errors. */
  readonly label: string;
  /** Names of values; empty where an optional input is left out. */
  readonly inputs: readonly string[];
  /** Names of values; empty where nobody reads an output. */
  readonly outputs: readonly string[];
  readonly attributes: Attributes;
}

export interface ForwardInput {
  readonly name: string;
  /** What the model takes; an int64 input is fed with int32 and widened. */
  readonly dtype: 'float32' | 'int32' | 'int64';
  /** The length of the batch axis; undefined where it is free. */
  readonly batch: number | undefined;
  /** The shape of one example. */
  readonly example: Shape;
}

export interface ForwardGraph {
  /** The message it was read from, for export; not to be modified. */
  readonly model: ModelProto;
  /** With which it was read, for jobs. */
  readonly choices: GraphChoices;
  readonly input: ForwardInput;
  /** What is trained, in the order of the model; also statistics of the data that batch normalisation keeps. */
  readonly parameters: readonly ForwardParameter[];
  /** Float32 tensors that stay as they are, in the order of the model. */
  readonly frozen: readonly ForwardParameter[];
  /** All other tensors, by name. */
  readonly constants: ReadonlyMap<string, Constant>;
  /** In an order in which each can run. */
  readonly nodes: readonly ForwardNode[];
  /** The version of the operator specifications that the model follows. */
  readonly opset: number;
  /** The first output is the one that losses compare with the target. */
  readonly outputs: readonly string[];
  readonly limits: GraphLimits;
}

/** The operators of its file, each once, in alphabetical order: as its author named them, before anything is rewritten. */
export function operatorsOf({ model }: Pick<ForwardGraph, 'model'>): string[] {
  return [...new Set(model.graph?.node.map(({ opType }) => opType))].sort();
}

/** How many rows the smallest table has that tokens may be looked up in; 1 where there is none. */
export function vocabularyOf(forward: ForwardGraph): number {
  const tables = new Map([...forward.parameters, ...forward.frozen].map(({ name, shape }) => [name, shape]));
  const rows = forward.nodes
    .filter(({ op }) => op === 'Gather')
    .map(({ inputs: [table = ''] }) => tables.get(table)?.[0])
    .filter((length) => length !== undefined);
  return rows.length > 0 ? Math.min(...rows) : 1;
}

/** @throws manifestInvalid unless the batch size is a positive integer that the model takes */
export function requireBatchSize(forward: ForwardGraph, batchSize: number): void {
  const { batch } = forward.input;
  const refuse = (reason: string) => new HanseError('manifestInvalid', { where: 'batchSize', reason });
  if (!Number.isSafeInteger(batchSize) || batchSize < 1)
    throw refuse(`${batchSize} is not a positive integer`);
  if (batch !== undefined && batch !== batchSize)
    throw refuse(`the batch axis of the model is fixed at ${batch}; export it with a free one`);
}
