/**
 * Images and labels as two IDX files, as MNIST comes. Headers and lengths are looked at before the values are read.
 */
import { HanseError } from '../../../protocol/problem.ts';
import {
  checkIdxLength,
  decodeIdxValues,
  IDX_HEADER_BYTES_MAX,
  type IdxHeader,
  idxImages,
  idxLabels,
  parseIdxHeader,
} from '../../data/idx.ts';
import type { ReadData } from '../tab-platform.ts';
import { type ChosenFile, readPart, readWhole, requireSize } from './checked-file.ts';
import { countLabels } from './label-counts.ts';

/** Of the bytes of one file: as numbers to train on they take four times as much. */
const IDX_BYTES_MAX = 268_435_456;

/** Rows of a preview. */
const PREVIEW_ROWS = 10;

/**
 * @param rows at most so many, the first; absent: all
 * @throws `dataMalformed`, `dataFileTooLarge`, `dataFileChanged`, `dataEmpty`
 */
export async function readIdxPair(
  images: ChosenFile,
  labels: ChosenFile,
  {
    rows,
    full,
    progress,
  }: { readonly rows?: number; readonly full: boolean; progress(fraction: number): void },
): Promise<ReadData> {
  for (const file of [images, labels]) requireSize(file, IDX_BYTES_MAX);
  const header = await headerOf(images);
  const labelBytes = await readWhole(labels, IDX_BYTES_MAX);
  const labelHeader = parseIdxHeader(labelBytes, labels.name);
  checkIdxLength(labelHeader, labelBytes.length, labels.name);
  const all = idxLabels(arrayOf(labelHeader, labelBytes), labels.name);
  const [promised = 0] = header.shape;
  if (promised !== all.length)
    throw new HanseError('dataMalformed', {
      file: images.name,
      reason: `${promised} images where ${labels.name} has ${all.length} labels`,
    });
  if (promised === 0) throw new HanseError('dataEmpty', { source: images.name });
  const total = Math.min(promised, rows ?? promised);
  const count = full ? total : Math.min(total, PREVIEW_ROWS);
  const bytes = await readRows(images, header, count, promised, progress);
  const shape = [count, ...header.shape.slice(1)];
  const { inputShape, features } = idxImages({ shape, data: decodeIdxValues(header, bytes) }, 'image');
  const targets = all.slice(0, count);
  return {
    examples: { name: images.name, count, inputShape, features, targetShape: [], targets },
    preview: {
      name: images.name,
      rows: total,
      bytes: images.size + labels.size,
      inputShape,
      targetShape: [],
      columns: [
        { name: 'pixels', type: 'pixel', missing: 0, isLabel: false },
        { name: 'label', type: 'category', missing: 0, isLabel: true },
      ],
      labels: countLabels(all.subarray(0, total)),
      sample: [...all.slice(0, PREVIEW_ROWS)].map((label) => [inputShape.join(' x '), String(label)]),
      notes: [],
    },
  };
}

async function headerOf(file: ChosenFile): Promise<IdxHeader> {
  const header = parseIdxHeader(
    await readPart(file, 0, Math.min(file.size, IDX_HEADER_BYTES_MAX)),
    file.name,
  );
  checkIdxLength(header, file.size, file.name);
  return header;
}

/** The values of the first rows; of all of them the file is read as one, so that a change of it is noticed. */
async function readRows(
  file: ChosenFile,
  { headerBytes, rowBytes }: IdxHeader,
  count: number,
  promised: number,
  progress: (fraction: number) => void,
): Promise<Uint8Array> {
  const end = headerBytes + count * rowBytes;
  if (count < promised) return readPart(file, headerBytes, end);
  return (await readWhole(file, IDX_BYTES_MAX, progress)).subarray(headerBytes, end);
}

function arrayOf(header: IdxHeader, bytes: Uint8Array) {
  return { shape: header.shape, data: decodeIdxValues(header, bytes.subarray(header.headerBytes)) };
}
