/**
 * Checks an update while it streams by, so that nothing malformed, and nothing longer than clipping permits, is ever
 * stored. SPEC.md 5.3.
 *
 * Content is kept by its hash, next to models. To store first and delete what turns out malformed would let a
 * participant delete a model by sending its bytes as an update.
 */
import { createHash } from 'node:crypto';
import { equalBytes } from '../protocol/bytes.ts';
import { HanseError } from '../protocol/problem.ts';
import { ClipCheck } from '../protocol/ring/clip-check.ts';
import { type Layout, layoutOf } from '../protocol/ring/payload.ts';
import { checkUpdateTail, type SecondBlock, tailBytes } from '../protocol/ring/update.ts';
import { HEADER_BYTES, parseHeader, type VectorHeader } from '../protocol/vector.ts';
import type { Codec } from '../schemas/codec.ts';

/**
 * Passes the bytes of an update through and throws before the end if they are none.
 *
 * @param source attacker-controlled
 * @param length d
 * @throws `updateMalformed`, `invalidLength`, `hashMismatch`, or what the source throws
 */
export async function* checkedUpdate(
  source: AsyncIterable<Uint8Array>,
  codec: Codec,
  length: number,
): AsyncIterable<Uint8Array> {
  const layout = layoutOf(codec, length);
  const total = HEADER_BYTES + layout.payloadBytes;
  const hash = createHash('sha256');
  const clip = new ClipCheck(codec, length);
  const head = new Uint8Array(HEADER_BYTES);
  const tail = new Uint8Array(tailBytes(layout));
  let header: VectorHeader | undefined;
  let received = 0;
  for await (const chunk of source) {
    const end = received + chunk.length;
    if (end > total) throw new HanseError('invalidLength', { what: 'update', expected: total, got: end });
    overlap(chunk, received, head, 0);
    overlap(chunk, received, tail, total - tail.length);
    if (header === undefined && end >= HEADER_BYTES) header = checkHeader(head, layout);
    const payload = chunk.subarray(Math.max(0, HEADER_BYTES - received));
    hash.update(payload);
    clip.add(payload);
    received = end;
    if (received === total) {
      const { weight } = finish(header, hash.digest(), tail, codec, layout);
      clip.finish(weight);
    }
    yield chunk;
  }
  if (received !== total)
    throw new HanseError('invalidLength', { what: 'update', expected: total, got: received });
}

function checkHeader(head: Uint8Array, layout: Layout): VectorHeader {
  const limits = { maxLength: layout.length, maxSecondBlock: layout.secondBlock };
  const header = parseHeader(head, limits, HEADER_BYTES + layout.payloadBytes);
  expectField('kind', 'update', header.kind);
  expectField('width', layout.width, header.width);
  expectField('length', layout.length, header.length);
  expectField('secondBlock', layout.secondBlock, header.secondBlock);
  return header;
}

function finish(
  header: VectorHeader | undefined,
  digest: Uint8Array,
  tail: Uint8Array,
  codec: Codec,
  layout: Layout,
): SecondBlock {
  if (!header || !equalBytes(header.sha256, digest))
    throw new HanseError('updateMalformed', {
      field: 'sha256',
      expected: 'that of the payload',
      got: 'another',
    });
  return checkUpdateTail(tail, codec, layout);
}

/** Copies the part of `chunk`, which lies at `at`, that falls into `target`, which lies at `start`. */
function overlap(chunk: Uint8Array, at: number, target: Uint8Array, start: number): void {
  const from = Math.max(at, start);
  const to = Math.min(at + chunk.length, start + target.length);
  if (from < to) target.set(chunk.subarray(from - at, to - at), from - start);
}

function expectField(field: string, expected: string | number, got: string | number): void {
  if (got !== expected)
    throw new HanseError('updateMalformed', { field, expected: String(expected), got: String(got) });
}
