/**
 * A model on disk: an ONNX file and, where it has such, the files beside it that hold its tensors. Node only.
 *
 * Which files are read is up to the model, which may come from anybody. Nothing outside its folder is opened, wherever
 * links lead, and nothing but regular files.
 */
import { closeSync, constants, fstatSync, openSync, readSync, realpathSync } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { dirname, isAbsolute, join, relative, sep } from 'node:path';
import { HanseError } from '../../protocol/problem.ts';
import type { GraphChoices } from '../../schemas/job.ts';
import type { ForwardGraph } from '../graph/forward-graph.ts';
import type { ExternalData } from '../graph/import/external-data.ts';
import { importModel } from '../graph/import-model.ts';
import { DEFAULT_LIMITS, enforceLimit } from '../graph/limits.ts';
import { withDataFile } from './data-file.ts';

/** @throws `dataFileMissing`, and what `importModel` throws */
export async function importModelFile(file: string, choices: GraphChoices = {}): Promise<ForwardGraph> {
  const bytes = await withDataFile(file, (handle) => readModel(handle, file));
  return importModel(bytes, { ...choices, externalData: filesBeside(file) });
}

/** Into one buffer of its size, which nobody else has. */
async function readModel(handle: FileHandle, file: string): Promise<Uint8Array> {
  const stat = await handle.stat();
  if (!stat.isFile()) throw new HanseError('dataFileMissing', { file });
  enforceLimit(DEFAULT_LIMITS, 'bytes', stat.size);
  const bytes = new Uint8Array(stat.size);
  for (let at = 0; at < bytes.length; ) {
    const { bytesRead } = await handle.read(bytes, at, bytes.length - at);
    if (bytesRead === 0) return bytes.subarray(0, at);
    at += bytesRead;
  }
  return bytes;
}

/**
 * Reads files in the folder of a model file, and in folders within.
 * @returns what throws `graphFileRefused` and `graphTooLarge`
 */
export function filesBeside(modelFile: string): ExternalData {
  return (location) => {
    const refuse = (reason: string, cause?: unknown) =>
      new HanseError('graphFileRefused', { location, reason }, { cause });
    let descriptor: number | undefined;
    try {
      const folder = realpathSync(dirname(modelFile));
      const path = realpathSync(join(folder, location));
      const inFolder = relative(folder, path);
      if (inFolder === '' || isAbsolute(inFolder) || inFolder.split(sep)[0] === '..')
        throw refuse('it lies outside the folder of the model');
      // A named pipe without a writer would stop the process.
      descriptor = openSync(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
      const stat = fstatSync(descriptor);
      if (!stat.isFile()) throw refuse('it is no regular file');
      enforceLimit(DEFAULT_LIMITS, 'bytes', stat.size);
      return readWhole(descriptor, stat.size);
    } catch (cause) {
      if (cause instanceof HanseError) throw cause;
      throw refuse('it is not there, or may not be read', cause);
    } finally {
      if (descriptor !== undefined) closeSync(descriptor);
    }
  };
}

function readWhole(descriptor: number, size: number): Uint8Array {
  const bytes = new Uint8Array(size);
  let at = 0;
  while (at < size) {
    const count = readSync(descriptor, bytes, at, size - at, at);
    if (count === 0) break;
    at += count;
  }
  return bytes.subarray(0, at);
}
