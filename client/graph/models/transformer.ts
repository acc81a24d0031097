/**
 * A small transformer encoder that classifies texts. Vaswani et al., NeurIPS 2017, section 3, with the normalisation in
 * front of each part (Xiong et al., ICML 2020), learnt positions, and the mean over the tokens in front of the head:
 *
 *   h = embedding(x) + positions;  h += attention(norm(h)), h += dense(gelu(dense(norm(h)))), block by block
 *   attention: softmax(q k' / sqrt(d)) v in each of H heads of width d
 *
 * Token 0 is padding; it can be attended to, and is left out of the mean.
 */
import type { RandomNumbers } from '../../../protocol/random.ts';
import { int, ints } from '../attribute.ts';
import type { ForwardGraph } from '../forward-graph.ts';
import { writeForward } from '../forward-writer.ts';
import { importModel } from '../import-model.ts';
import type { BagOptions } from './bag.ts';
import { Layers } from './layers.ts';

export interface TransformerOptions extends BagOptions {
  /** A divisor of the width. */
  readonly heads: number;
  readonly blocks: number;
}

/** The dense layers of a block are so many times as wide as the rest. */
const EXPANSION = 4;

/** Takes int32 tokens [length]. @throws RangeError where the heads do not divide the width */
export function transformer(random: RandomNumbers, options: TransformerOptions): ForwardGraph {
  return importModel(transformerBytes(random, options));
}

/** The same model as ONNX bytes. */
export function transformerBytes(random: RandomNumbers, options: TransformerOptions): Uint8Array {
  const { vocabulary, length, width, heads, blocks, classes } = options;
  if (!Number.isInteger(width / heads)) throw new RangeError(`${heads} heads of a width of ${width}`);
  const layers = new Layers(random);
  let h = layers.positions(layers.embedding('x', 'embedding', vocabulary, width), 'positions', length, width);
  for (let block = 0; block < blocks; block += 1) {
    const name = `block${block}`;
    const attended = attention(
      layers,
      layers.layerNorm(h, `${name}.norm0`, width),
      `${name}.attention`,
      options,
    );
    h = layers.add(h, attended, `${name}.attention`);
    const normal = layers.layerNorm(h, `${name}.norm1`, width);
    const wide = layers.linear(normal, `${name}.dense0`, width, EXPANSION * width);
    const active = layers.apply('Gelu', [wide], `${name}.gelu`);
    h = layers.add(h, layers.linear(active, `${name}.dense1`, EXPANSION * width, width), `${name}.dense`);
  }
  const mean = layers.meanOfTokens(layers.layerNorm(h, 'norm', width), 'x', 'text');
  const output = layers.dense(mean, 'head', { inputs: width, outputs: classes, before: 'output' });
  return writeForward({
    name: 'transformer',
    input: { name: 'x', shape: [length], dtype: 'int32' },
    parameters: layers.parameters,
    constants: layers.constants,
    nodes: layers.nodes,
    output: { name: output, shape: [classes] },
  });
}

/** [N, T, width] -> [N, T, width] */
function attention(layers: Layers, x: string, name: string, options: TransformerOptions): string {
  const { length, width, heads } = options;
  /** [N, T, width] -> [N, heads, T, width / heads], or with the last two axes swapped. */
  const inHeads = (part: string, axes: readonly number[]) => {
    const value = layers.linear(x, `${name}.${part}`, width, width);
    const split = layers.reshape(value, `${name}.${part}.split`, [0, length, heads, width / heads]);
    return layers.apply('Transpose', [split], `${name}.${part}.heads`, { perm: ints(axes) });
  };
  const [query, key, value] = [
    inHeads('query', [0, 2, 1, 3]),
    inHeads('key', [0, 2, 3, 1]),
    inHeads('value', [0, 2, 1, 3]),
  ];
  const root = layers.scalar(`${name}.root`, Math.sqrt(width / heads));
  const scaled = layers.apply('Div', [query, root], `${name}.scaled`);
  const scores = layers.apply('MatMul', [scaled, key], `${name}.scores`);
  const weights = layers.apply('Softmax', [scores], `${name}.weights`, { axis: int(-1) });
  const mixed = layers.apply('MatMul', [weights, value], `${name}.mixed`);
  const back = layers.apply('Transpose', [mixed], `${name}.back`, { perm: ints([0, 2, 1, 3]) });
  return layers.linear(
    layers.reshape(back, `${name}.joined`, [0, length, width]),
    `${name}.out`,
    width,
    width,
  );
}
