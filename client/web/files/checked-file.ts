/**
 * Bytes of a file that a person chose: not too many, and all of the same moment. W3C File API.
 *
 * The size is looked at before anything is read. A browser notices a change of a file at the next reading
 * (`NotReadableError`); where it does not, size and date before and after tell.
 */
import { HanseError } from '../../../protocol/problem.ts';

/** What is asked of a `File`. */
export type ChosenFile = Pick<File, 'name' | 'size' | 'lastModified' | 'slice'>;

/** Larger ones are read in so many bytes at a time, so that a progress can be shown. */
const PIECE_BYTES = 8 * 2 ** 20;

/** Throws `dataFileTooLarge`. */
export function requireSize({ name, size }: ChosenFile, limitBytes: number): void {
  if (size > limitBytes) throw new HanseError('dataFileTooLarge', { file: name, bytes: size, limitBytes });
}

/**
 * @param progress of what was read, 0 to 1
 * @throws `dataFileTooLarge`, `dataFileChanged`
 */
export async function readWhole(
  file: ChosenFile,
  limitBytes: number,
  progress: (fraction: number) => void = () => {},
): Promise<Uint8Array<ArrayBuffer>> {
  requireSize(file, limitBytes);
  const { size, lastModified } = file;
  const bytes = new Uint8Array(size);
  for (let at = 0; at < size; at += PIECE_BYTES) {
    bytes.set(await readPart(file, at, Math.min(size, at + PIECE_BYTES)), at);
    progress(Math.min(1, (at + PIECE_BYTES) / size));
  }
  if (file.size !== size || file.lastModified !== lastModified) throw changed(file);
  return bytes;
}

/** Exactly these bytes. Throws `dataFileChanged`. */
export async function readPart(file: ChosenFile, from: number, to: number): Promise<Uint8Array<ArrayBuffer>> {
  let bytes: Uint8Array<ArrayBuffer>;
  try {
    bytes = new Uint8Array(await file.slice(from, to).arrayBuffer());
  } catch (cause) {
    throw changed(file, cause);
  }
  if (bytes.length !== to - from) throw changed(file);
  return bytes;
}

function changed({ name }: ChosenFile, cause?: unknown): HanseError {
  return new HanseError('dataFileChanged', { file: name }, { cause });
}
