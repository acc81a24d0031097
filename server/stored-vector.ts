/**
 * What stored content says of itself, without reading all of it: updates are told from models by their header.
 * SPEC.md section 5.1.
 */
import { HanseError, isProblem } from '../protocol/problem.ts';
import { HEADER_BYTES, parseHeader, type VectorHeader } from '../protocol/vector.ts';
import type { BlobStore } from './store/blob-store.ts';

/** Of any length that can be written. */
const ANY = { maxLength: 0xffff_ffff, maxSecondBlock: 0xffff_ffff };

/** Throws `blobUnknown`; `updateMalformed` and `invalidLength` for content that is no vector. */
export async function headerOf(sha256: string, blobs: BlobStore): Promise<VectorHeader> {
  const stored = await blobs.has(sha256);
  if (!stored) throw new HanseError('blobUnknown', { sha256 });
  const parts: Uint8Array[] = [];
  for await (const part of blobs.stream(sha256, { start: 0, end: HEADER_BYTES })) parts.push(part);
  return parseHeader(Buffer.concat(parts), ANY, stored.size);
}

/** Whether stored content says of itself that it is an update; false for what is not stored. */
export async function isUpdate(sha256: string, blobs: BlobStore): Promise<boolean> {
  try {
    return (await headerOf(sha256, blobs)).kind === 'update';
  } catch (error) {
    if (isProblem(error) && NO_VECTOR.has(error.code)) return false;
    throw error;
  }
}

const NO_VECTOR: ReadonlySet<string> = new Set(['blobUnknown', 'updateMalformed', 'invalidLength']);
