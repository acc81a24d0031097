/**
 * What a person chose, as examples and as a preview of them.
 */
import { HanseError } from '../../../protocol/problem.ts';
import { CSV_BYTES_MAX } from '../../data/csv.ts';
import type { DataSelection } from '../data-selection.ts';
import type { ReadData } from '../tab-platform.ts';
import { readPart, readWhole, requireSize } from './checked-file.ts';
import { readCsvTable } from './csv-table.ts';
import { readIdxPair } from './idx-pair.ts';
import { type DecodeImage, readImageFolder } from './image-folder.ts';

/** Of a table, by which a preview is made. */
const PREVIEW_BYTES = 4 * 2 ** 20;

/** Where the sample of MNIST comes from: a small pair of IDX files that the coordinator serves. */
export type FetchSample = () => Promise<{ readonly images: File; readonly labels: File }>;

export interface SelectionReaders {
  readonly decode: DecodeImage;
  readonly sample: FetchSample;
}

/**
 * @param full all rows, not only as far as a preview needs
 * @throws `dataMalformed`, `dataEmpty`, `dataFileTooLarge`, `dataFileChanged`
 */
export async function readSelection(
  selection: DataSelection,
  full: boolean,
  progress: (fraction: number) => void,
  { decode, sample }: SelectionReaders,
): Promise<ReadData> {
  switch (selection.type) {
    case 'csv': {
      const { type: _, file, ...choice } = selection;
      requireSize(file, CSV_BYTES_MAX);
      const isPart = !full && file.size > PREVIEW_BYTES;
      const bytes = isPart
        ? await readPart(file, 0, PREVIEW_BYTES)
        : await readWhole(file, CSV_BYTES_MAX, progress);
      const read = readCsvTable(bytes, file.name, choice, isPart);
      return { ...read, preview: { ...read.preview, bytes: file.size } };
    }
    case 'idx':
      return readIdxPair(selection.images, selection.labels, { full, progress });
    case 'mnistSample': {
      const { images, labels } = await sample();
      const read = await readIdxPair(images, labels, { rows: selection.rows, full, progress });
      const name = 'MNIST sample';
      return { examples: { ...read.examples, name }, preview: { ...read.preview, name } };
    }
    case 'images':
      return readImageFolder(selection, full, decode, progress);
    default:
      selection satisfies never;
      throw new HanseError('usage', { reason: 'data of an unknown kind' });
  }
}
