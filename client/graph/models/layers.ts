/**
 * The layers that models are made of, written one after the other: each method adds the parameters and nodes of one
 * layer and returns the name of its output.
 */
import type { RandomNumbers } from '../../../protocol/random.ts';
import { type Attributes, int, ints } from '../attribute.ts';
import type { ForwardParameter } from '../forward-graph.ts';
import type { ForwardDescription } from '../forward-writer.ts';
import type { Constant } from '../tensor-type.ts';
import { glorotUniform, heNormal } from './initializers.ts';

export interface ConvOptions {
  readonly inputs: number;
  readonly outputs: number;
  /** Odd: the image is padded so that it keeps its size, up to the stride. */
  readonly kernel: number;
  readonly stride?: number;
  /** True unless the layer behind has a bias of its own. */
  readonly bias?: boolean;
}

export interface DenseOptions {
  readonly inputs: number;
  readonly outputs: number;
  /** What comes next: He initialisation in front of a relu, Glorot in front of anything else. */
  readonly before: 'relu' | 'output';
}

export class Layers {
  readonly parameters: ForwardParameter[] = [];
  readonly constants: Record<string, readonly number[]> = {};
  readonly nodes: ForwardDescription['nodes'][number][] = [];
  readonly #random: RandomNumbers;

  constructor(random: RandomNumbers) {
    this.#random = random;
  }

  /** [N, inputs, H, W] -> [N, outputs, H / stride, W / stride] */
  conv(x: string, name: string, { inputs, outputs, kernel, stride = 1, bias = true }: ConvOptions): string {
    const fanIn = inputs * kernel * kernel;
    const weight = this.#parameter(
      `${name}.weight`,
      [outputs, inputs, kernel, kernel],
      heNormal(outputs * fanIn, fanIn, this.#random),
    );
    const operands = [x, weight];
    if (bias) operands.push(this.#parameter(`${name}.bias`, [outputs], new Float32Array(outputs)));
    const pad = (kernel - 1) / 2;
    return this.apply('Conv', operands, `${name}.product`, {
      kernel_shape: ints([kernel, kernel]),
      strides: ints([stride, stride]),
      pads: ints([pad, pad, pad, pad]),
    });
  }

  /** [N, inputs] -> [N, outputs] */
  dense(x: string, name: string, { inputs, outputs, before }: DenseOptions): string {
    const count = inputs * outputs;
    const data =
      before === 'relu'
        ? heNormal(count, inputs, this.#random)
        : glorotUniform(count, inputs, outputs, this.#random);
    const weight = this.#parameter(`${name}.weight`, [inputs, outputs], data);
    const bias = this.#parameter(`${name}.bias`, [outputs], new Float32Array(outputs));
    return this.apply('Gemm', [x, weight, bias], before === 'output' ? 'output' : `${name}.product`);
  }

  /** Along the last axis: [..., inputs] -> [..., outputs]. Glorot-initialised. */
  linear(x: string, name: string, inputs: number, outputs: number): string {
    const data = glorotUniform(inputs * outputs, inputs, outputs, this.#random);
    const weight = this.#parameter(`${name}.weight`, [inputs, outputs], data);
    const bias = this.#parameter(`${name}.bias`, [outputs], new Float32Array(outputs));
    return this.apply('Add', [this.apply('MatMul', [x, weight], `${name}.product`), bias], `${name}.output`);
  }

  /** A row of a table for each token: [N, T] -> [N, T, width]. Normal with variance 1 / width. */
  embedding(tokens: string, name: string, vocabulary: number, width: number): string {
    const table = this.#parameter(
      `${name}.table`,
      [vocabulary, width],
      this.#normal(vocabulary * width, width),
    );
    return this.apply('Gather', [table, tokens], `${name}.rows`, { axis: int(0) });
  }

  /** The same vector added to each position: [N, length, width] -> [N, length, width] */
  positions(x: string, name: string, length: number, width: number): string {
    return this.add(
      x,
      this.#parameter(`${name}.table`, [length, width], this.#normal(length * width, width)),
      name,
    );
  }

  /** Over the last axis. Ba, Kiros, Hinton, arXiv 1607.06450. */
  layerNorm(x: string, name: string, width: number): string {
    const scale = this.#parameter(`${name}.scale`, [width], new Float32Array(width).fill(1));
    const bias = this.#parameter(`${name}.bias`, [width], new Float32Array(width));
    return this.apply('LayerNormalization', [x, scale, bias], `${name}.normal`, { axis: int(-1) });
  }

  /** The mean over the positions that hold a token other than 0: [N, T, width] -> [N, width] */
  meanOfTokens(x: string, tokens: string, name: string): string {
    const present = this.apply(
      'Cast',
      [this.apply('Cast', [tokens], `${name}.isToken`, { to: int(9) })],
      `${name}.present`,
      {
        to: int(1),
      },
    );
    const column = this.apply('Unsqueeze', [present, this.integers(`${name}.last`, [2])], `${name}.column`);
    const masked = this.apply('Mul', [x, column], `${name}.masked`);
    const axis = this.integers(`${name}.axis`, [1]);
    const total = this.apply('ReduceSum', [masked, axis], `${name}.total`, { keepdims: int(0) });
    const count = this.apply('ReduceSum', [column, axis], `${name}.count`, { keepdims: int(0) });
    const one = this.#constant(`${name}.one`, { dtype: 'float32', shape: [], data: Float32Array.of(1) });
    return this.apply('Div', [total, this.apply('Max', [count, one], `${name}.atLeastOne`)], `${name}.mean`);
  }

  /** A float that is no parameter. */
  scalar(name: string, value: number): string {
    return this.#constant(name, { dtype: 'float32', shape: [], data: Float32Array.of(value) });
  }

  /** A list of integers, such as axes. */
  integers(name: string, values: readonly number[]): string {
    this.constants[name] = values;
    return name;
  }

  relu(x: string, name: string): string {
    return this.apply('Relu', [x], `${name}.relu`);
  }

  /** The largest of every 2 x 2 pixels: [N, C, H, W] -> [N, C, H / 2, W / 2] */
  maxPool(x: string, name: string): string {
    return this.apply('MaxPool', [x], `${name}.pooled`, {
      kernel_shape: ints([2, 2]),
      strides: ints([2, 2]),
    });
  }

  /**
   * Group normalisation, Wu and He, ECCV 2018: mean 0 and variance 1 over the pixels and channels of each group, then
   * a scale and a bias per channel. Written as exporters write it, because GroupNormalization has a scale per channel
   * only from opset 21 on.
   * @param shape [C, H, W] of x
   */
  groupNorm(x: string, name: string, shape: readonly [number, number, number], groups: number): string {
    const [channels] = shape;
    const fill = (value: number): Constant => {
      return { dtype: 'float32', shape: [groups], data: new Float32Array(groups).fill(value) };
    };
    const units = [this.#constant(`${name}.ones`, fill(1)), this.#constant(`${name}.zeros`, fill(0))];
    const perGroup = this.reshape(x, `${name}.groups`, [0, groups, -1]);
    const normal = this.apply('InstanceNormalization', [perGroup, ...units], `${name}.normal`);
    const perChannel = this.reshape(normal, `${name}.channels`, [0, ...shape]);
    const ones = new Float32Array(channels).fill(1);
    const weight = this.#parameter(`${name}.weight`, [channels, 1, 1], ones);
    const bias = this.#parameter(`${name}.bias`, [channels, 1, 1], new Float32Array(channels));
    return this.add(this.apply('Mul', [perChannel, weight], `${name}.scaled`), bias, name);
  }

  add(a: string, b: string, name: string): string {
    return this.apply('Add', [a, b], `${name}.sum`);
  }

  /** The mean of every channel: [N, C, H, W] -> [N, C] */
  globalAverage(x: string, name: string): string {
    return this.flatten(this.apply('GlobalAveragePool', [x], `${name}.mean`), name);
  }

  flatten(x: string, name: string): string {
    return this.apply('Flatten', [x], `${name}.flat`);
  }

  apply(
    op: ForwardDescription['nodes'][number]['op'],
    inputs: readonly string[],
    output: string,
    attributes: Attributes = {},
  ): string {
    this.nodes.push({ op, inputs, output, attributes });
    return output;
  }

  #parameter(name: string, shape: readonly number[], data: Float32Array): string {
    this.parameters.push({ name, shape, data });
    return name;
  }

  #normal(count: number, width: number): Float32Array {
    const deviation = Math.sqrt(1 / width);
    return Float32Array.from({ length: count }, () => deviation * this.#random.normal());
  }

  /** A node, not an initialiser: those of floats are trained. */
  #constant(name: string, value: Constant): string {
    return this.apply('Constant', [], name, { value: { kind: 'tensor', value } });
  }

  /** @param lengths 0 copies the length of x, -1 takes what is left */
  reshape(x: string, name: string, lengths: readonly number[]): string {
    const shape = `${name}.shape`;
    this.constants[shape] = lengths;
    return this.apply('Reshape', [x, shape], name);
  }
}
