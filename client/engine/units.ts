/**
 * Whose contribution a promise is about, as rows of a data set: each example by itself, or all examples of a person.
 */
import { HanseError } from '../../protocol/problem.ts';
import { RandomNumbers, type RandomSource } from '../../protocol/random.ts';
import type { JobManifest } from '../../schemas/job.ts';
import type { TrainingExamples } from './batch-buffer.ts';

export interface Units {
  readonly examples: TrainingExamples;
  readonly count: number;
  /**
   * Batches that hold a lot, and padding for all that it might hold.
   *
   * @param lot  units, ascending
   * @param most as many at most
   * @param random chooses among the examples of a person that has more than fit
   * @returns each [B] indices of examples, negative for padding
   */
  batches(lot: Uint32Array, most: number, random: RandomSource): Int32Array[];
}

/**
 * @param batchSize B: examples in a batch; a batch is a person where persons are protected
 * @throws `dataWithoutPersons` where nobody said whose examples they are
 */
export function unitsOf(examples: TrainingExamples, unit: 'example' | 'person', batchSize: number): Units {
  return unit === 'example' ? singleExamples(examples, batchSize) : personsOf(examples, batchSize);
}

/** How many units of a job's promise the data set holds: its weight in a round. Throws as `unitsOf`. */
export function unitCount(
  examples: TrainingExamples,
  { privacyUnit }: Pick<JobManifest, 'privacyUnit'>,
): number {
  return privacyUnit === 'person' ? unitsOf(examples, privacyUnit, 1).count : examples.count;
}

function singleExamples(examples: TrainingExamples, batchSize: number): Units {
  return {
    examples,
    count: examples.count,
    batches: (lot, most) =>
      Array.from({ length: Math.ceil(most / batchSize) }, (_, at) =>
        padded(lot.subarray(at * batchSize, (at + 1) * batchSize), batchSize),
      ),
  };
}

function personsOf(examples: TrainingExamples, batchSize: number): Units {
  const { persons, name } = examples;
  if (!persons) throw new HanseError('dataWithoutPersons', { source: name });
  const rows: number[][] = [];
  persons.forEach((person, row) => {
    rows[person] ??= [];
    rows[person].push(row);
  });
  return {
    examples,
    count: rows.length,
    batches(lot, most, random) {
      const numbers = new RandomNumbers(random);
      return Array.from({ length: most }, (_, at) => {
        const person = lot[at];
        return padded(person === undefined ? [] : numbers.some(rows[person] ?? [], batchSize), batchSize);
      });
    },
  };
}

function padded(rows: ArrayLike<number>, batchSize: number): Int32Array {
  const batch = new Int32Array(batchSize).fill(-1);
  batch.set(rows);
  return batch;
}
