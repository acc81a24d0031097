/**
 * How large a model a node is willing to look at. A model comes from outside: these limits hold before anything is
 * allocated in proportion to what it claims.
 */
import { HanseError } from '../../protocol/problem.ts';

export interface GraphLimits {
  /** Of the serialised model. */
  readonly bytes: number;
  /** Messages, names and integers in the serialised model, each of which becomes an object. */
  readonly fields: number;
  /** Messages within each other in the serialised model. */
  readonly depth: number;
  /** Bytes of a name or another short text; comments may be longer. */
  readonly text: number;
  /** ONNX Runtime takes some seconds to load a step of a thousand nodes, and four times as long for twice as many. */
  readonly nodes: number;
  /** Inputs of one node, and outputs. Operators take any number; this keeps work in proportion to the nodes. */
  readonly nodeValues: number;
  /** Elements of one list among the attributes of a node, or bytes of a text. */
  readonly attribute: number;
  /** Elements of all initialisers and Constant nodes together. */
  readonly parameters: number;
  /** Elements of any one tensor, also of one computed during a step. */
  readonly elements: number;
  /** Elements of everything that the nodes compute, together: what training keeps for the way back. */
  readonly activations: number;
  /** Bytes that a train step needs at a time, as estimated from shapes. */
  readonly memory: number;
  /** Axes of any one tensor. */
  readonly rank: number;
  /** Characters of names times characters of patterns, where patterns choose the parameters. */
  readonly matching: number;
}

export const DEFAULT_LIMITS: GraphLimits = {
  bytes: 512 * 1024 * 1024,
  fields: 1_000_000,
  depth: 64,
  text: 4096,
  nodes: 4_000,
  nodeValues: 256,
  attribute: 65_536,
  parameters: 134_217_728,
  elements: 268_435_456,
  activations: 1_073_741_824,
  memory: 8 * 1024 * 1024 * 1024,
  rank: 8,
  matching: 1_000_000_000,
};

/** @throws graphTooLarge where `got` exceeds the limit of this name */
export function enforceLimit(limits: GraphLimits, what: keyof GraphLimits, got: number): void {
  // Negated, so that NaN does not pass.
  if (!(got <= limits[what])) throw new HanseError('graphTooLarge', { what, limit: limits[what], got });
}
