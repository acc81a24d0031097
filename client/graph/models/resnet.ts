/**
 * A small residual network. He et al., CVPR 2016, section 4.2 (there with 3 channels of 32 x 32): a convolution 3x3 with
 * 16 channels, three stages of n basic blocks with 16, 32 and 64 channels of which the second and the third begin with
 * stride 2, the mean of every channel, one dense layer; 6 n + 2 layers. A block is
 *
 *   y = relu(norm(conv3x3(relu(norm(conv3x3(x))))) + shortcut(x))
 *
 * with a convolution 1x1 as shortcut where the shape changes. Where the paper normalises over the batch, this does over
 * groups of channels (Wu and He, ECCV 2018): examples of one participant are no sample of all of them, and statistics of
 * their batches would be neither private nor equal. Hsieh et al., ICML 2020, section 5.
 */
import type { RandomNumbers } from '../../../protocol/random.ts';
import type { ForwardGraph } from '../forward-graph.ts';
import { writeForward } from '../forward-writer.ts';
import { importModel } from '../import-model.ts';
import { Layers } from './layers.ts';

const STAGES = [16, 32, 64] as const;
const GROUPS = 8;

export interface ResnetOptions {
  /** [C, H, W] of one image; [1, 28, 28] where it is left out. */
  readonly input?: readonly [channels: number, height: number, width: number];
  /** 10 where they are left out. */
  readonly classes?: number;
  /** n, blocks in each stage: 1 where it is left out, which makes 8 layers and 77,754 parameters. */
  readonly blocks?: number;
}

/** @throws RangeError for options that are no positive integers */
export function resnet(random: RandomNumbers, options: ResnetOptions = {}): ForwardGraph {
  return importModel(resnetBytes(random, options));
}

/** The same model as ONNX bytes. */
export function resnetBytes(random: RandomNumbers, options: ResnetOptions = {}): Uint8Array {
  const { input = [1, 28, 28], classes = 10, blocks = 1 } = options;
  for (const number of [...input, classes, blocks])
    if (!Number.isSafeInteger(number) || number < 1)
      throw new RangeError(`options [${input}], ${classes}, ${blocks}`);
  const network = new Network(new Layers(random), input);
  network.stem(STAGES[0]);
  STAGES.forEach((channels, stage) => {
    for (let block = 0; block < blocks; block += 1)
      network.block(`stage${stage}.block${block}`, channels, stage > 0 && block === 0 ? 2 : 1);
  });
  const { layers } = network;
  const output = network.head(classes);
  return writeForward({
    name: 'resnet',
    input: { name: 'x', shape: input },
    parameters: layers.parameters,
    constants: layers.constants,
    nodes: layers.nodes,
    output: { name: output, shape: [classes] },
  });
}

/** The layers so far, and what the last of them gives. */
class Network {
  readonly layers: Layers;
  #value = 'x';
  #shape: readonly [channels: number, height: number, width: number];

  constructor(layers: Layers, shape: readonly [number, number, number]) {
    this.layers = layers;
    this.#shape = shape;
  }

  stem(channels: number): void {
    const normal = this.#convNorm('stem', channels, { kernel: 3, stride: 1 });
    this.#value = this.layers.relu(normal, 'stem');
  }

  block(name: string, channels: number, stride: number): void {
    const [before, shape] = [this.#value, this.#shape];
    const first = this.#convNorm(`${name}.conv0`, channels, { kernel: 3, stride });
    this.#value = this.layers.relu(first, `${name}.conv0`);
    const second = this.#convNorm(`${name}.conv1`, channels, { kernel: 3, stride: 1 });
    const after = this.#shape;
    let shortcut = before;
    if (shape[0] !== channels || stride !== 1) {
      [this.#value, this.#shape] = [before, shape];
      shortcut = this.#convNorm(`${name}.shortcut`, channels, { kernel: 1, stride });
    }
    this.#value = this.layers.relu(this.layers.add(second, shortcut, name), name);
    this.#shape = after;
  }

  head(classes: number): string {
    const means = this.layers.globalAverage(this.#value, 'head');
    const inputs = this.#shape[0];
    return this.layers.dense(means, 'head', { inputs, outputs: classes, before: 'output' });
  }

  #convNorm(name: string, outputs: number, { kernel, stride }: { kernel: number; stride: number }): string {
    const [inputs, height, width] = this.#shape;
    const product = this.layers.conv(this.#value, name, { inputs, outputs, kernel, stride, bias: false });
    this.#shape = [outputs, Math.ceil(height / stride), Math.ceil(width / stride)];
    return this.layers.groupNorm(product, `${name}.norm`, this.#shape, GROUPS);
  }
}
