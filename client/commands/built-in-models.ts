/**
 * The models that come with Hanse, by the names under which a command line asks for them: one table, from a name and
 * the numbers behind it to an ONNX model with fresh weights.
 */
import type { RandomNumbers } from '../../protocol/random.ts';
import { DEFAULT_LIMITS } from '../graph/limits.ts';
import { bagBytes } from '../graph/models/bag.ts';
import { cnnBytes } from '../graph/models/cnn.ts';
import { linearBytes } from '../graph/models/linear.ts';
import { mlpBytes } from '../graph/models/mlp.ts';
import { resnetBytes } from '../graph/models/resnet.ts';
import { transformerBytes } from '../graph/models/transformer.ts';

export interface BuiltInModel {
  /** What may be written, for people: `<...>` stands for numbers, `[...]` may be left out. */
  readonly usage: string;
  readonly summary: string;
  /**
   * @param numbers positive integers, in the order in which they were written
   * @returns an ONNX model; undefined where the numbers are not what it takes
   */
  build(numbers: readonly number[], random: RandomNumbers): Uint8Array | undefined;
}

const MAX_WIDTH = 1_000_000;

/** Whether dense layers of these widths have no more parameters than a node would read. */
function fits(widths: readonly number[]): boolean {
  let parameters = 0;
  widths.slice(1).forEach((outputs, layer) => {
    parameters += ((widths[layer] ?? 0) + 1) * outputs;
  });
  return Math.max(...widths) <= MAX_WIDTH && parameters <= DEFAULT_LIMITS.parameters;
}

const MAX_CLASSES = 100_000;
const MAX_BLOCKS = 100;
const MAX_SIDE = 4096;

/** Whether a node would read the tables of such a text model. */
function isText(options: Record<'vocabulary' | 'length' | 'width' | 'classes', number>): boolean {
  const { vocabulary, length, width, classes } = options;
  const parameters = (vocabulary + length + classes) * width;
  return (
    parameters <= DEFAULT_LIMITS.parameters &&
    classes <= MAX_CLASSES &&
    width <= MAX_SIDE &&
    length <= MAX_SIDE
  );
}

export const BUILT_IN_MODELS: Readonly<Record<string, BuiltInModel>> = {
  mlp: {
    usage: 'mlp:<widths>',
    summary: 'multi-layer perceptron',
    build: (widths, random) => (widths.length >= 2 && fits(widths) ? mlpBytes(widths, random) : undefined),
  },
  linear: {
    usage: 'linear:<inputs>,<outputs>',
    summary: 'linear regression',
    build([inputs, outputs, ...more]) {
      if (inputs === undefined || outputs === undefined || more.length > 0) return undefined;
      return fits([inputs, outputs]) ? linearBytes(inputs, outputs) : undefined;
    },
  },
  cnn: {
    usage: 'cnn[:<classes>]',
    summary: 'the convolutional network of the FedAvg paper, for images of 28 x 28',
    build([classes = 10, ...more], random) {
      return more.length > 0 || classes > MAX_CLASSES ? undefined : cnnBytes(random, classes);
    },
  },
  resnet: {
    usage: 'resnet[:<blocks>[,<classes>[,<channels>,<height>,<width>]]]',
    summary: 'residual network with group normalisation; without numbers for images of 28 x 28',
    build([blocks = 1, classes = 10, channels, height, width, ...more], random) {
      if (blocks > MAX_BLOCKS || classes > MAX_CLASSES || more.length > 0) return undefined;
      if (channels === undefined) return resnetBytes(random, { blocks, classes });
      if (height === undefined || width === undefined) return undefined;
      const input = [channels, height, width] as const;
      return Math.max(...input) > MAX_SIDE ? undefined : resnetBytes(random, { blocks, classes, input });
    },
  },
  bag: {
    usage: 'bag[:<vocabulary>,<length>[,<width>[,<classes>]]]',
    summary: 'bag of embeddings, for texts of tokens; without numbers for those of the spam corpus',
    build([vocabulary = 4096, length = 128, width = 32, classes = 2, ...more], random) {
      const options = { vocabulary, length, width, classes };
      return more.length > 0 || !isText(options) ? undefined : bagBytes(random, options);
    },
  },
  transformer: {
    usage: 'transformer[:<vocabulary>,<length>[,<width>,<heads>,<blocks>[,<classes>]]]',
    summary: 'transformer encoder, for texts of tokens; without numbers for those of the spam corpus',
    build(
      [vocabulary = 4096, length = 128, width = 32, heads = 4, blocks = 2, classes = 2, ...more],
      random,
    ) {
      const options = { vocabulary, length, width, heads, blocks, classes };
      const isPossible = isText(options) && width % heads === 0 && blocks <= MAX_BLOCKS;
      return more.length > 0 || !isPossible ? undefined : transformerBytes(random, options);
    },
  },
};
