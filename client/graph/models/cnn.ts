/**
 * The convolutional network of the FedAvg paper. McMahan et al., AISTATS 2017, section 3: for images of 28 x 28,
 *
 *   conv 5x5, 32 - max pool 2x2 - relu - conv 5x5, 64 - max pool 2x2 - relu - dense 512 - relu - dense 10
 *
 * with 1,663,370 parameters; convolutions keep the size of the image. The paper has relu in front of the pool. Relu is
 * monotonic, so the function is the same, and its gradient too; behind the pool it has a quarter of the work.
 */
import type { RandomNumbers } from '../../../protocol/random.ts';
import type { ForwardGraph } from '../forward-graph.ts';
import { writeForward } from '../forward-writer.ts';
import { importModel } from '../import-model.ts';
import { Layers } from './layers.ts';

const SIDE = 28;
const KERNEL = 5;
const CHANNELS = [32, 64] as const;
const HIDDEN = 512;

/** Takes images of [1, 28, 28]. @param classes >= 1 */
export function cnn(random: RandomNumbers, classes = 10): ForwardGraph {
  return importModel(cnnBytes(random, classes));
}

/** The same model as ONNX bytes. */
export function cnnBytes(random: RandomNumbers, classes = 10): Uint8Array {
  if (!Number.isSafeInteger(classes) || classes < 1) throw new RangeError(`${classes} classes`);
  const layers = new Layers(random);
  let [activation, channels, side] = ['x', 1, SIDE];
  CHANNELS.forEach((outputs, index) => {
    const name = `conv${index}`;
    const product = layers.conv(activation, name, { inputs: channels, outputs, kernel: KERNEL });
    activation = layers.relu(layers.maxPool(product, name), name);
    [channels, side] = [outputs, side / 2];
  });
  const pixels = layers.flatten(activation, 'pixels');
  const dense = { inputs: channels * side * side, outputs: HIDDEN, before: 'relu' } as const;
  const hidden = layers.relu(layers.dense(pixels, 'dense0', dense), 'dense0');
  const output = layers.dense(hidden, 'dense1', { inputs: HIDDEN, outputs: classes, before: 'output' });
  return writeForward({
    name: 'cnn',
    input: { name: 'x', shape: [1, SIDE, SIDE] },
    parameters: layers.parameters,
    nodes: layers.nodes,
    output: { name: output, shape: [classes] },
  });
}
