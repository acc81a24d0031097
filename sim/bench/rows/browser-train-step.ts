/**
 * What the browser adds to the cost of an optimiser step: the 2NN of McMahan et al. (AISTATS 2017) on MNIST, batch 32, on
 * WebAssembly with one thread, in a worker of a page, where a participant in a tab trains.
 *
 * Baseline: the same steps on the same rows on WebAssembly in Node. Wall time on both sides: a browser does not tell its
 * processor time, and one thread that computes has as much of the one as of the other on a machine that has a core to spare.
 */
import { extname } from 'node:path';
import { loadMnist } from '../../../client/data/mnist.ts';
import { loadWasmProvider } from '../../../client/engine/wasm.ts';
import { bundlePage } from '../../browser/bundle-page.ts';
import { entryOf } from '../../browser/page-entry.ts';
import { serveSite } from '../../browser/site.ts';
import { withBrowser, withFreshPage } from '../bench-browser.ts';
import { type RepeatedTraining, repeatedTraining } from '../repeated-training.ts';
import type { Measured, RowDefinition } from '../row.ts';
import type { TrainStepWorker } from '../train-step-worker.ts';

const PLAN = { sizes: [784, 200, 200, 10], batchSize: 32 };
/** Rows of MNIST: a whole number of batches. */
const ROWS = 640;
/** Passes over the rows in one repetition. */
const EPOCHS = 3;
const RUNS = 15;

export const browserTrainStep: RowDefinition = {
  name: `browser/wasm/mlp200/b${PLAN.batchSize}`,
  unit: 'ms',
  what:
    'wall time of an SGD step, 784-200-200-10 on MNIST, on wasm with one thread in a worker of a page; baseline: on wasm ' +
    'in Node',
  asked: [{ of: 'ratio', atMost: 1.3 }],
  measure: () => measureTrainStep({ rows: ROWS, epochs: EPOCHS, runs: RUNS }),
};

/** As often as told: one repetition on each side is made before, and not counted. */
export async function measureTrainStep(size: {
  readonly rows: number;
  readonly epochs: number;
  readonly runs: number;
}): Promise<Measured> {
  return withBrowser(async (browser) => {
    const indices = Uint32Array.from({ length: size.rows }, (_, index) => index);
    const examples = await loadMnist('train', indices);
    // In the test the sources, in the benchmark what they were compiled to.
    const entry = new URL(`../train-step-worker${extname(import.meta.url)}`, import.meta.url);
    const files = await bundlePage(entry, { inWorker: true });
    const site = await serveSite(
      new Map([
        ...files,
        ['features.bin', bytesOf(Float32Array.from(examples.features))],
        ['targets.bin', bytesOf(Int32Array.from(examples.targets))],
      ]),
    );
    const inNode = await repeatedTraining(await loadWasmProvider(), examples, PLAN);
    try {
      return await withFreshPage(browser, async (page) => {
        await page.goto(site.url);
        const inPage = entryOf<TrainStepWorker>({ page });
        await inPage.load({ features: 'features.bin', targets: 'targets.bin', ...PLAN });
        const [values, baselines]: [number[], number[]] = [[], []];
        for (let run = 0; run <= size.runs; run += 1) {
          const [one, other] = [await stepMs(inPage, size.epochs), await stepMs(inNode, size.epochs)];
          if (run === 0) continue;
          values.push(one);
          baselines.push(other);
        }
        return { values, baselines };
      });
    } finally {
      await inNode.release();
      await site.close();
    }
  });
}

async function stepMs(training: Pick<RepeatedTraining, 'train'>, epochs: number): Promise<number> {
  const { steps, milliseconds } = await training.train(epochs);
  return milliseconds / steps;
}

function bytesOf({ buffer, byteOffset, byteLength }: Float32Array | Int32Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}
