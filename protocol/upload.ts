/**
 * Which chunk of an upload may come next. SPEC.md section 9.3. Pure.
 *
 * Chunks come in order, so that what has arrived is one number, and all have one length but the last: a sender can
 * neither leave holes nor make a coordinator count crumbs.
 */
import type { UploadState } from '../schemas/upload.ts';
import { HanseError } from './problem.ts';

/** Longer bodies are sent in chunks: below, one request costs less than it could save. */
export const RESUMABLE_FROM_BYTES = 8_388_608;

export type UploadProgress = Pick<UploadState, 'bytes' | 'received' | 'chunkBytes'>;

/** Bytes of the chunk that begins where the upload has got to; 0 once all is there. */
export function nextChunkBytes({ bytes, received, chunkBytes }: UploadProgress): number {
  return Math.min(chunkBytes, bytes - received);
}

/**
 * Whether a chunk at `offset` is the next one, or one that has arrived before: its answer was lost.
 * @param offset attacker-controlled
 * @throws `rangeInvalid` for a place where no chunk begins, or that lies ahead
 */
export function placeOfChunk(upload: UploadProgress, offset: number): 'next' | 'known' {
  const { bytes, received, chunkBytes } = upload;
  if (offset === received && offset < bytes) return 'next';
  if (offset >= 0 && offset < received && offset % chunkBytes === 0) return 'known';
  throw new HanseError('rangeInvalid', { what: 'chunk', expected: String(received), got: offset });
}

/** Throws `rangeInvalid` unless all has arrived. */
export function requireWhole({ bytes, received }: UploadProgress): void {
  if (received !== bytes)
    throw new HanseError('rangeInvalid', { what: 'upload', expected: `${bytes} bytes`, got: received });
}
