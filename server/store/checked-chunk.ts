/**
 * A chunk on its way into a part store: no longer, no shorter and no other than it was said to be.
 */
import { createHash } from 'node:crypto';
import { HanseError } from '../../protocol/problem.ts';
import type { Chunk } from './part-store.ts';

/** Passes the pieces through; throws `invalidLength` or `hashMismatch` before the end if they are not the chunk. */
export async function* checkedChunk({ source, length, sha256 }: Chunk): AsyncIterable<Uint8Array> {
  const hash = createHash('sha256');
  let got = 0;
  for await (const piece of source instanceof Uint8Array ? [source] : source) {
    got += piece.length;
    if (got > length) throw new HanseError('invalidLength', { what: 'chunk', expected: length, got });
    hash.update(piece);
    yield piece;
  }
  if (got !== length) throw new HanseError('invalidLength', { what: 'chunk', expected: length, got });
  const digest = hash.digest('hex');
  if (digest !== sha256)
    throw new HanseError('hashMismatch', { what: 'chunk', expected: sha256, got: digest });
}
