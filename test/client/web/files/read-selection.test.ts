// covers: client/web/files/checked-file.ts, client/web/files/idx-pair.ts, client/web/files/image-folder.ts, client/web/files/decode-image.ts
import { expect, test } from 'vitest';
import type { DataSelection } from '../../../../client/web/data-selection.ts';
import { type ChosenFile, readWhole } from '../../../../client/web/files/checked-file.ts';
import { planes } from '../../../../client/web/files/image-folder.ts';
import { readSelection, type SelectionReaders } from '../../../../client/web/files/read-selection.ts';

const file = (name: string, bytes: Uint8Array | string, path = '') => {
  const made = new File([bytes as BlobPart], name);
  Object.defineProperty(made, 'webkitRelativePath', { value: path });
  return made;
};
const images = (count: number) =>
  file(
    'images',
    Uint8Array.of(0, 0, 8, 3, 0, 0, 0, count, 0, 0, 0, 2, 0, 0, 0, 2, ...new Uint8Array(4 * count).fill(255)),
  );
const labels = (...values: number[]) =>
  file('labels', Uint8Array.of(0, 0, 8, 1, 0, 0, 0, values.length, ...values));
const readers: SelectionReaders = {
  decode: async ({ name }, height, width) => {
    if (!name.endsWith('.png')) throw new Error('no image');
    return new Uint8ClampedArray(4 * height * width).fill(255);
  },
  sample: async () => ({ images: images(3), labels: labels(7, 8, 9) }),
};
const read = (selection: DataSelection, full = true) => readSelection(selection, full, () => {}, readers);

/** Says that it is so large, and fails the test if it is read. */
const huge = (size: number) =>
  ({
    name: 'huge',
    size,
    lastModified: 0,
    slice: () => {
      throw new Error('it was read');
    },
  }) as unknown as File;

test.each<[string, DataSelection]>([
  ['csv', { type: 'csv', file: huge(2 ** 31) }],
  ['idx', { type: 'idx', images: huge(2 ** 31), labels: labels(1) }],
  ['idx', { type: 'idx', images: images(1), labels: huge(2 ** 31) }],
])('2 GB of %s are refused by the name of the limit before they are read', async (_, selection) => {
  for (const full of [true, false])
    await expect(read(selection, full)).rejects.toMatchObject({
      code: 'dataFileTooLarge',
      detail: { file: 'huge', bytes: 2 ** 31, limitBytes: 2 ** 28 },
    });
});

test('a file that changes while it is read is noticed', async () => {
  const part = (bytes: Uint8Array, more: Partial<ChosenFile> = {}) =>
    ({
      name: 'f',
      size: 4,
      lastModified: 1,
      slice: () => new Blob([bytes as BlobPart]),
      ...more,
    }) as ChosenFile;
  expect(await readWhole(part(new Uint8Array(4)), 9)).toHaveLength(4);
  await expect(readWhole(part(new Uint8Array(2)), 9)).rejects.toMatchObject({ code: 'dataFileChanged' });
  let reads = 0;
  const touched = Object.defineProperty(part(new Uint8Array(4)), 'lastModified', {
    get: () => {
      reads += 1;
      return reads;
    },
  });
  await expect(readWhole(touched, 9)).rejects.toMatchObject({ code: 'dataFileChanged' });
  const gone = part(new Uint8Array(4), {
    slice: () => ({ arrayBuffer: () => Promise.reject(new DOMException('x', 'NotReadableError')) }) as Blob,
  });
  await expect(readWhole(gone, 9)).rejects.toMatchObject({ code: 'dataFileChanged', detail: { file: 'f' } });
});

test('a pair of IDX files, as a whole and as a preview; pairs that do not fit are refused', async () => {
  const { examples, preview } = await read({
    type: 'idx',
    images: images(12),
    labels: labels(...Array(12).keys()),
  });
  expect(examples).toMatchObject({ count: 12, inputShape: [1, 2, 2], targetShape: [] });
  expect([...examples.features.slice(0, 2)]).toEqual([1, 1]);
  expect(preview).toMatchObject({ rows: 12, notes: [] });
  const some = await read({ type: 'idx', images: images(12), labels: labels(...Array(12).keys()) }, false);
  expect([some.examples.count, some.preview.rows]).toEqual([10, 12]);
  await expect(read({ type: 'idx', images: images(3), labels: labels(1, 2) })).rejects.toThrow(
    '3 images where labels has 2',
  );
  await expect(
    read({ type: 'idx', images: file('x', 'hello world'), labels: labels(1) }),
  ).rejects.toMatchObject({ code: 'dataMalformed' });
  await expect(read({ type: 'idx', images: images(0), labels: labels() })).rejects.toMatchObject({
    code: 'dataEmpty',
  });
});

test('the sample of the coordinator, as many rows as asked for', async () => {
  const { examples, preview } = await read({ type: 'mnistSample', rows: 2 });
  expect([examples.name, examples.count, [...examples.targets], preview.rows]).toEqual([
    'MNIST sample',
    2,
    [7, 8],
    2,
  ]);
});

test('a table is read as one, and its size is that of the file', async () => {
  const { preview } = await read({ type: 'csv', file: file('t.csv', 'a,y\n1,0\n2,1\n') });
  expect(preview).toMatchObject({ name: 't.csv', rows: 2, bytes: 12 });
});

test('a folder of images: labels are folders, what is no image is named', async () => {
  const files = [
    file('1.png', 'x', 'set/dog/1.png'),
    file('2.png', 'x', 'set/cat/2.png'),
    file('.x', 'x', 'set/cat/.x'),
    file('r.txt', 'x', 'set/r.txt'),
  ];
  const size = [2, 2] as const;
  const { examples, preview } = await read({ type: 'images', files, size, channels: 3 });
  expect(examples).toMatchObject({ name: 'set', count: 2, inputShape: [3, 2, 2] });
  expect([...examples.targets]).toEqual([1, 0]);
  expect(preview.notes).toEqual([{ type: 'labelsNumbered', labels: ['cat', 'dog'] }]);
  const broken = [...files, file('<b>.doc', 'x', 'set/cat/<b>.doc')];
  await expect(read({ type: 'images', files: broken, size, channels: 1 })).rejects.toMatchObject({
    code: 'dataMalformed',
    detail: { file: '<b>.doc' },
  });
  await expect(read({ type: 'images', files: [], size, channels: 1 })).rejects.toMatchObject({
    code: 'dataEmpty',
  });
  await expect(read({ type: 'images', files, size: [2000, 2], channels: 1 })).rejects.toMatchObject({
    code: 'dataFileTooLarge',
  });
});

test.each([
  [-1, 4],
  [0, 4],
  [4, 1.5],
  [Number.NaN, 4],
])('images of %d x %d pixels are asked for by nobody who means it', async (...size) => {
  const files = [file('1.png', 'x', 'set/dog/1.png')];
  await expect(read({ type: 'images', files, size, channels: 1 })).rejects.toMatchObject({ code: 'usage' });
  expect((await read({ type: 'images', files, size: [2, 2], channels: 1 })).preview.rows).toBe(1);
});

test('pixels become planes in [0, 1], or their luma', () => {
  const pixels = Uint8ClampedArray.of(255, 0, 51, 255, 0, 255, 0, 255);
  expect([...planes(pixels, 3)].map((value) => Math.round(value * 10))).toEqual([10, 0, 0, 10, 2, 0]);
  expect([...planes(pixels, 1)].map((value) => value.toFixed(3))).toEqual(['0.322', '0.587']);
});
