/**
 * The worker of `rows/browser-train-step.ts`: trains on WebAssembly with one thread, as a participant in a tab does.
 */
import { expose } from 'comlink';
import { loadWebWasmProvider } from '../../client/engine/web-wasm.ts';
import { type RepeatedTraining, repeatedTraining } from './repeated-training.ts';

export interface TrainStepOrder {
  /** Files of the site: the bytes of a Float32Array and of an Int32Array. */
  readonly features: string;
  readonly targets: string;
  /** Of the layers. */
  readonly sizes: readonly number[];
  readonly batchSize: number;
}

let training: RepeatedTraining | undefined;

const worker = {
  async load({ features, targets, ...plan }: TrainStepOrder): Promise<void> {
    const provider = await loadWebWasmProvider({ threads: 1 });
    const labels = new Int32Array(await bytesAt(targets));
    const values = new Float32Array(await bytesAt(features));
    const examples = { name: 'rows', count: labels.length, features: values, targets: labels };
    training = await repeatedTraining(provider, examples, plan);
  },
  async train(epochs: number): Promise<{ readonly steps: number; readonly milliseconds: number }> {
    if (training === undefined) throw new Error('nothing is loaded');
    return training.train(epochs);
  },
};

export type TrainStepWorker = typeof worker;

async function bytesAt(path: string): Promise<ArrayBuffer> {
  return (await fetch(new URL(path, location.origin))).arrayBuffer();
}

expose(worker);
