// A process for node-webgpu.slow.test.ts, because a driver is named by the environment with which a process starts. It
// trains the same on two providers and tells how far apart they arrive, or the problem. It runs compiled code.
import { chooseProvider } from '../../../dist/client/engine/choose-provider.js';
import { NODE_PROVIDERS } from '../../../dist/client/engine/node-providers.js';
import { loadNodeWebgpuProvider } from '../../../dist/client/engine/node-webgpu.js';
import { Trainer } from '../../../dist/client/engine/trainer.js';
import { compileTrainEpoch } from '../../../dist/client/graph/compile-train-epoch.js';
import { mlp } from '../../../dist/client/graph/models/mlp.js';
import { resnet } from '../../../dist/client/graph/models/resnet.js';
import { initialParameters } from '../../../dist/client/graph/parameters.js';
import { RandomNumbers, seededRandom } from '../../../dist/protocol/random.js';

const random = () => seededRandom(new Uint8Array(32).fill(1));
const numbers = new RandomNumbers(random());
const examplesOf = (count, width) => ({
  name: 'noise',
  count,
  features: Float32Array.from({ length: count * width }, () => numbers.normal()),
  targets: Int32Array.from({ length: count }, () => numbers.below(3)),
});
/** Eight steps, the last of them on a batch that is not full. */
const MLP = { forward: mlp([20, 16, 3], numbers), examples: examplesOf(60, 20), batchSize: 16 };
/** Convolutions and comparisons, which the runtime would like to have in other layouts. */
const RESNET = {
  forward: resnet(numbers, { blocks: 1, classes: 3, input: [1, 8, 8] }),
  examples: examplesOf(2, 64),
  batchSize: 2,
};

async function train(provider, { forward, examples, batchSize }, learningRate = 0.1) {
  const options = { loss: { type: 'softmax_ce' }, optimizer: { type: 'momentum', momentum: 0.9 }, batchSize };
  const trainer = await Trainer.create(provider, compileTrainEpoch(forward, options));
  const request = {
    parameters: initialParameters(forward),
    examples,
    epochs: 2,
    learningRate,
    random: random(),
  };
  const trained = await trainer.train(request);
  await trainer.release();
  return trained;
}

const furthest = (a, b) => a.reduce((most, value, at) => Math.max(most, Math.abs(value - b[at])), 0);

async function compare() {
  const { provider } = await chooseProvider('webgpu', { candidates: NODE_PROVIDERS });
  const { provider: cpu } = await chooseProvider('cpu', { candidates: NODE_PROVIDERS });
  // Nothing of a step may be left to the processor, which would agree with itself.
  const strict = await loadNodeWebgpuProvider({ strict: true });
  const [onCard, expected] = [await train(strict, MLP), await train(cpu, MLP)];
  const [again, other] = [await train(provider, MLP), await train(cpu, MLP, 0.11)];
  const [deep, expectedDeep] = [await train(strict, RESNET), await train(cpu, RESNET)];
  return {
    name: provider.name,
    reason: provider.reason,
    steps: onCard.steps,
    repeats: furthest(again.parameters, onCard.parameters),
    apart: {
      parameters: furthest(onCard.parameters, expected.parameters),
      losses: furthest(onCard.losses, expected.losses),
      convolutions: furthest(deep.parameters, expectedDeep.parameters),
    },
    otherRate: furthest(other.parameters, expected.parameters),
  };
}

const outcome = await compare().catch(({ code, detail, message }) => ({ code, detail, message }));
const { provider: best } = await chooseProvider('auto', { candidates: NODE_PROVIDERS });
console.log(JSON.stringify({ ...outcome, auto: best.name }));
