/**
 * A folder of images whose labels are the names of the folders that hold them, scaled to one size. Pure but for `decode`,
 * which a browser does (`decode-image.ts`).
 *
 * Labels are numbered in alphabetical order, which is said. A file that is no image is named and refused: a set of which
 * a part silently went missing is another set.
 */
import { HanseError } from '../../../protocol/problem.ts';
import type { DataSelection } from '../data-selection.ts';
import type { ReadData } from '../tab-platform.ts';
import { requireSize } from './checked-file.ts';
import { countLabels, LABELS_SHOWN } from './label-counts.ts';

/** Red, green, blue and opacity of each pixel, row by row, each 0 to 255. */
export type DecodeImage = (file: File, height: number, width: number) => Promise<Uint8ClampedArray>;

type ImageChoice = Omit<Extract<DataSelection, { type: 'images' }>, 'type'>;

const IMAGE_BYTES_MAX = 67_108_864;
/** Of the numbers of all images: 1 GiB in memory. */
const VALUES_MAX = 268_435_456;
const SIDE_MAX = 1024;
const PREVIEW_IMAGES = 10;

/** ITU-R BT.601, luma. */
const LUMA = [0.299, 0.587, 0.114] as const;

/** @throws `usage` for a size that is none, `dataEmpty`, `dataMalformed`, `dataFileTooLarge` */
export async function readImageFolder(
  { files, size: [height, width], channels }: ImageChoice,
  full: boolean,
  decode: DecodeImage,
  progress: (fraction: number) => void,
): Promise<ReadData> {
  for (const side of [height, width])
    if (!Number.isInteger(side) || side < 1)
      throw new HanseError('usage', { reason: 'height and width are whole numbers of pixels, at least 1' });
  const placed = files.flatMap((file) => {
    const label = folderOf(file);
    return label === undefined ? [] : [{ file, label }];
  });
  const [first] = placed;
  if (!first) throw new HanseError('dataEmpty', { source: 'a folder without folders of images in it' });
  for (const { file } of placed) requireSize(file, IMAGE_BYTES_MAX);
  const values = channels * height * width;
  if (Math.max(height, width) > SIDE_MAX || placed.length * values > VALUES_MAX)
    throw new HanseError('dataFileTooLarge', {
      file: `${placed.length} images of ${height} x ${width}`,
      bytes: 4 * placed.length * values,
      limitBytes: 4 * VALUES_MAX,
    });
  const classes = [...new Set(placed.map(({ label }) => label))].sort();
  const numberOf = new Map(classes.map((label, number) => [label, number]));
  const chosen = full ? placed : placed.slice(0, PREVIEW_IMAGES);
  const features = new Float32Array(chosen.length * values);
  for (const [at, { file }] of chosen.entries()) {
    features.set(planes(await decoded(decode, file, height, width), channels), at * values);
    progress((at + 1) / chosen.length);
  }
  const name = rootOf(first.file);
  const inputShape = [channels, height, width];
  return {
    examples: {
      name,
      count: chosen.length,
      inputShape,
      features,
      targetShape: [],
      targets: Int32Array.from(chosen, ({ label }) => numberOf.get(label) ?? 0),
    },
    preview: {
      name,
      rows: placed.length,
      bytes: placed.reduce((sum, { file }) => sum + file.size, 0),
      inputShape,
      targetShape: [],
      columns: [
        { name: 'pixels', type: 'pixel', missing: 0, isLabel: false },
        { name: 'folder', type: 'category', missing: 0, isLabel: true },
      ],
      labels: countLabels(placed.map(({ label }) => label)),
      sample: placed.slice(0, PREVIEW_IMAGES).map(({ file, label }) => [file.name, label]),
      notes: [{ type: 'labelsNumbered', labels: classes.slice(0, LABELS_SHOWN) }],
    },
  };
}

/** Numbers in [0, 1], one plane for each channel. @param pixels as `DecodeImage` gives them */
export function planes(pixels: Uint8ClampedArray, channels: 1 | 3): Float32Array {
  const count = pixels.length / 4;
  const values = new Float32Array(channels * count);
  for (let i = 0; i < count; i += 1) {
    const [red = 0, green = 0, blue = 0] = pixels.subarray(4 * i, 4 * i + 3);
    if (channels === 1) values[i] = (LUMA[0] * red + LUMA[1] * green + LUMA[2] * blue) / 255;
    else for (const [plane, value] of [red, green, blue].entries()) values[plane * count + i] = value / 255;
  }
  return values;
}

async function decoded(
  decode: DecodeImage,
  file: File,
  height: number,
  width: number,
): Promise<Uint8ClampedArray> {
  try {
    return await decode(file, height, width);
  } catch (cause) {
    throw new HanseError(
      'dataMalformed',
      { file: file.name, reason: 'it is no image that this browser reads' },
      { cause },
    );
  }
}

/** The folder that holds the image, below the one that was chosen; undefined for other files, hidden ones too. */
function folderOf({ name, webkitRelativePath }: File): string | undefined {
  const parts = webkitRelativePath.split('/');
  return parts.length >= 3 && !name.startsWith('.') ? parts.at(-2) : undefined;
}

function rootOf({ webkitRelativePath }: File): string {
  return webkitRelativePath.split('/')[0] ?? '';
}
