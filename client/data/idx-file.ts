/**
 * Reading chosen rows of an IDX file. Node only.
 *
 * Many participants on one machine each read their part of one large file, so memory follows the rows asked for and
 * not the file: it is walked in blocks, and blocks without a wanted row are skipped.
 */
import type { FileHandle } from 'node:fs/promises';
import { HanseError } from '../../protocol/problem.ts';
import { elementCount } from '../graph/tensor-type.ts';
import { withDataFile } from './data-file.ts';
import {
  checkIdxLength,
  decodeIdxValues,
  IDX_HEADER_BYTES_MAX,
  type IdxArray,
  type IdxHeader,
  parseIdxHeader,
} from './idx.ts';

const BLOCK_BYTES = 1_048_576;

/** 2^29 values are read at most, 2 GiB as the numbers they become. */
const READ_VALUES_MAX = 536_870_912;

/**
 * The rows at `indices`, in that order; all rows when `indices` is left out.
 * Throws `dataFileMissing`, `dataMalformed`, and RangeError for an index that the file does not have.
 */
export function readIdxRows(file: string, indices?: Uint32Array): Promise<IdxArray> {
  return withDataFile(file, async (handle) => {
    const header = await readHeader(handle, file);
    const [rows = 0, ...rowShape] = header.shape;
    const outside = indices?.find((index) => index >= rows);
    if (outside !== undefined) throw new RangeError(`row ${outside} of ${rows} in ${file}`);
    const count = indices?.length ?? rows;
    if (count * elementCount(rowShape) > READ_VALUES_MAX) {
      const reason = `${count} rows of [${rowShape.join(', ')}]; at most ${READ_VALUES_MAX} values are read`;
      throw new HanseError('dataMalformed', { file, reason });
    }
    const bytes = indices
      ? await gatherRows(handle, header, indices, file)
      : await readAll(handle, header, file);
    return { shape: [count, ...rowShape], data: decodeIdxValues(header, bytes) };
  });
}

/** How many rows a file has. Throws as `readIdxRows` does. */
export function countIdxRows(file: string): Promise<number> {
  return withDataFile(file, async (handle) => (await readHeader(handle, file)).shape[0] ?? 0);
}

/** All values, in blocks: one read takes no more than 2 GiB. */
async function readAll(
  handle: FileHandle,
  { headerBytes, totalBytes }: IdxHeader,
  file: string,
): Promise<Uint8Array> {
  const bytes = new Uint8Array(totalBytes - headerBytes);
  for (let at = 0; at < bytes.length; ) {
    const length = Math.min(64 * BLOCK_BYTES, bytes.length - at);
    const { bytesRead } = await handle.read(bytes, at, length, headerBytes + at);
    if (bytesRead === 0)
      throw new HanseError('dataMalformed', { file, reason: 'it became shorter while it was read' });
    at += bytesRead;
  }
  return bytes;
}

async function readHeader(handle: FileHandle, file: string): Promise<IdxHeader> {
  const start = new Uint8Array(IDX_HEADER_BYTES_MAX);
  const { bytesRead } = await handle.read(start, 0, start.length, 0);
  const header = parseIdxHeader(start.subarray(0, bytesRead), file);
  checkIdxLength(header, (await handle.stat()).size, file);
  return header;
}

/** Walks the file forwards, whatever the order of the indices. Returns [indices.length, rowBytes]. */
async function gatherRows(
  handle: FileHandle,
  { headerBytes, rowBytes, shape }: IdxHeader,
  indices: Uint32Array,
  file: string,
): Promise<Uint8Array> {
  const gathered = new Uint8Array(indices.length * rowBytes);
  const rowsInBlock = Math.max(1, Math.floor(BLOCK_BYTES / Math.max(1, rowBytes)));
  const block = new Uint8Array(rowsInBlock * rowBytes);
  const byRow = Uint32Array.from(indices.keys()).sort((a, b) => (indices[a] ?? 0) - (indices[b] ?? 0));

  let blockStart = 0;
  let blockEnd = 0;
  for (const position of byRow) {
    const row = indices[position] ?? 0;
    if (row >= blockEnd) {
      blockStart = row;
      blockEnd = Math.min(row + rowsInBlock, shape[0] ?? 0);
      const length = (blockEnd - blockStart) * rowBytes;
      const { bytesRead } = await handle.read(block, 0, length, headerBytes + blockStart * rowBytes);
      if (bytesRead !== length) {
        throw new HanseError('dataMalformed', { file, reason: 'it became shorter while it was read' });
      }
    }
    const offset = (row - blockStart) * rowBytes;
    gathered.set(block.subarray(offset, offset + rowBytes), position * rowBytes);
  }
  return gathered;
}
