/** Who has which of the training images. Each participant is told only which rows are its own. */
import { loadMnistLabels } from '../../client/data/mnist.ts';
import { type Partition, partitionExamples } from '../partition/partition.ts';
import { demoNumbers } from './plan.ts';

/** One participant, as far as it is known at the moment. */
export interface DemoPart {
  readonly name: string;
  /** Of the training images. */
  readonly rows: Uint32Array;
  readonly examples: number;
  /** Labels it has, ascending. */
  readonly labels: readonly number[];
  provider: string;
  state: string;
}

export interface PartOptions {
  readonly participants: number;
  readonly partition: Partition;
  readonly seed: string;
  /** The last of them are tabs. */
  readonly browser: number;
}

/**
 * Images of a tab: as many as a person would try it with, and as a software adapter trains on in a second or so. Drawn
 * evenly from its part, so that its labels stay as they are shared out.
 */
const TAB_IMAGES = 64;

export async function demoParts({
  participants,
  partition,
  seed,
  browser,
}: PartOptions): Promise<DemoPart[]> {
  const labels = await loadMnistLabels('train');
  const numbers = await demoNumbers(seed, 'partition');
  const parts = partitionExamples(partition, labels, participants, numbers);
  return parts.map((part, index) => {
    const rows = index < participants - browser ? part : evenly(part, TAB_IMAGES);
    return {
      name: `participant-${String(index + 1).padStart(2, '0')}`,
      rows,
      examples: rows.length,
      labels: [...new Set(Array.from(rows, (row) => labels[row] ?? 0))].sort((a, b) => a - b),
      provider: '',
      state: 'starting',
    };
  });
}

function evenly(rows: Uint32Array, most: number): Uint32Array {
  if (rows.length <= most) return rows;
  return Uint32Array.from({ length: most }, (_, i) => rows[Math.floor((i * rows.length) / most)] ?? 0);
}
