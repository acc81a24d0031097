/**
 * A bag of embeddings: the mean of the rows of a table for the tokens of a text, and one dense layer. Joulin et al.,
 * "Bag of tricks for efficient text classification", EACL 2017, without their n-grams. Token 0 is padding.
 */
import type { RandomNumbers } from '../../../protocol/random.ts';
import type { ForwardGraph } from '../forward-graph.ts';
import { writeForward } from '../forward-writer.ts';
import { importModel } from '../import-model.ts';
import { Layers } from './layers.ts';

export interface BagOptions {
  /** Tokens are in 0..vocabulary-1. */
  readonly vocabulary: number;
  /** Tokens of one text. */
  readonly length: number;
  readonly width: number;
  readonly classes: number;
}

/** Takes int32 tokens [length]. */
export function bag(random: RandomNumbers, options: BagOptions): ForwardGraph {
  return importModel(bagBytes(random, options));
}

/** The same model as ONNX bytes. */
export function bagBytes(random: RandomNumbers, options: BagOptions): Uint8Array {
  const { vocabulary, length, width, classes } = options;
  const layers = new Layers(random);
  const rows = layers.embedding('x', 'embedding', vocabulary, width);
  const mean = layers.meanOfTokens(rows, 'x', 'text');
  const output = layers.dense(mean, 'head', { inputs: width, outputs: classes, before: 'output' });
  return writeForward({
    name: 'bag',
    input: { name: 'x', shape: [length], dtype: 'int32' },
    parameters: layers.parameters,
    constants: layers.constants,
    nodes: layers.nodes,
    output: { name: output, shape: [classes] },
  });
}
