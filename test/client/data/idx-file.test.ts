// covers: client/data/idx-file.ts, client/data/data-file.ts
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readDataFile } from '../../../client/data/data-file.ts';
import { countIdxRows, readIdxRows } from '../../../client/data/idx-file.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'hanse-idx-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

/** 700 rows of 4000 bytes, more than two blocks; row r begins with r as two bytes and goes on with r mod 251. */
function writeRows(name: string): string {
  const header = Buffer.from([0, 0, 8, 2, 0, 0, 2, 188, 0, 0, 15, 160]);
  const rows = Array.from({ length: 700 }, (_, row) => {
    const bytes = Buffer.alloc(4000, row % 251);
    bytes.writeUInt16BE(row);
    return bytes;
  });
  const file = join(folder, name);
  writeFileSync(file, Buffer.concat([header, ...rows]));
  return file;
}

describe('readIdxRows', () => {
  test('reads the rows asked for, in that order, repeated if repeated', async () => {
    const wanted = [699, 3, 400, 3, 0, 263, 262];
    const { shape, data } = await readIdxRows(writeRows('a'), Uint32Array.from(wanted));
    expect(shape).toEqual([wanted.length, 4000]);
    for (const [position, row] of wanted.entries()) {
      const start = position * 4000;
      expect([data[start], data[start + 1], data[start + 3999]]).toEqual([row >> 8, row & 255, row % 251]);
    }
  });

  test('reads every row when none are named, and nothing when none are wanted', async () => {
    const file = writeRows('b');
    const all = await readIdxRows(file);
    expect(all.shape).toEqual([700, 4000]);
    // Compared as buffers: element by element, this many bytes take seconds.
    expect(Buffer.compare(all.data as Uint8Array, (await readDataFile(file)).subarray(12))).toBe(0);
    expect((await readIdxRows(file, new Uint32Array(0))).shape).toEqual([0, 4000]);
  });

  test('refuses a missing file, a cut file and a row that is not there', async () => {
    const file = writeRows('c');
    await expect(readIdxRows(file, Uint32Array.of(699))).resolves.toBeDefined();
    await expect(readIdxRows(file, Uint32Array.of(700))).rejects.toThrow(RangeError);
    truncateSync(file, 5000);
    await expect(readIdxRows(file, Uint32Array.of(0))).rejects.toMatchObject({ code: 'dataMalformed' });
    await expect(readIdxRows(join(folder, 'absent'))).rejects.toMatchObject({ code: 'dataFileMissing' });
  });
});

describe('files that promise more than there is', () => {
  /** All zero, and on the disk no larger than its header. */
  function sparse(name: string, shape: readonly number[]): string {
    const header = Buffer.alloc(4 + 4 * shape.length);
    header.set([0, 0, 8, shape.length]);
    shape.forEach((size, axis) => {
      header.writeUInt32BE(size, 4 + 4 * axis);
    });
    const file = join(folder, name);
    writeFileSync(file, header);
    truncateSync(file, header.length + shape.reduce((a, b) => a * b, 1));
    return file;
  }

  test('are refused before any memory is taken, though chosen rows of a long one are read', async () => {
    expect((await readIdxRows(sparse('small', [3, 5]))).data).toEqual(new Uint8Array(15));
    const wide = readIdxRows(sparse('wide', [1, 2 ** 31]));
    await expect(wide).rejects.toMatchObject({ code: 'dataMalformed' });
    const long = sparse('long', [2 ** 31]);
    await expect(readIdxRows(long)).rejects.toMatchObject({
      code: 'dataMalformed',
      detail: { reason: expect.stringContaining('536870912') },
    });
    expect(await countIdxRows(long)).toBe(2 ** 31);
    const { shape, data } = await readIdxRows(long, Uint32Array.of(2 ** 31 - 1, 0));
    expect({ shape, data }).toEqual({ shape: [2], data: new Uint8Array(2) });
  });

  test('a folder or a pipe is none', async () => {
    await expect(readIdxRows(folder)).rejects.toMatchObject({ code: 'dataFileMissing' });
    const pipe = join(folder, 'pipe');
    if (spawnSync('mkfifo', [pipe]).status !== 0) return;
    await expect(readIdxRows(pipe)).rejects.toMatchObject({ code: 'dataFileMissing' });
    await expect(readDataFile(pipe)).rejects.toMatchObject({ code: 'dataFileMissing' });
  });
});

test('readDataFile() reads files and refuses anything else', async () => {
  writeFileSync(join(folder, 'plain'), 'abc');
  expect(await readDataFile(join(folder, 'plain'))).toEqual(Uint8Array.of(97, 98, 99));
  expect(await readDataFile(join(folder, 'plain'), 3)).toHaveLength(3);
  await expect(readDataFile(join(folder, 'plain'), 2)).rejects.toMatchObject({
    code: 'dataMalformed',
    detail: { reason: '3 bytes; at most 2 are read' },
  });
  await expect(readDataFile(folder)).rejects.toMatchObject({ code: 'dataFileMissing' });
  await expect(readDataFile(join(folder, 'absent'))).rejects.toMatchObject({ code: 'dataFileMissing' });
});
