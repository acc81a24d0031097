/**
 * Checks an update while it streams by, so that nothing malformed, and nothing longer than clipping permits, is ever
 * stored. SPEC.md 5.3. Under masks neither length nor weight can be seen: of a masked update the form alone is checked. Of
 * one with noise the length says nothing.
 *
 * Content is kept by its hash, next to models. To store first and delete what turns out malformed would let a
 * participant delete a model by sending its bytes as an update.
 */
import { HanseError } from '../protocol/problem.ts';
import { ClipCheck } from '../protocol/ring/clip-check.ts';
import { checkTrailingBits, type Layout, layoutOf } from '../protocol/ring/payload.ts';
import { checkUpdateTail, tailBytes } from '../protocol/ring/update.ts';
import { HEADER_BYTES, parseHeader } from '../protocol/vector.ts';
import type { Codec } from '../schemas/codec.ts';

/**
 * Passes the bytes of an update through and throws before the end if they are none. Whether they have the hash that
 * their sender has signed is left to the caller.
 *
 * @param source attacker-controlled
 * @param length d
 * @param isMasked whether what it says cannot be seen
 * @throws `updateMalformed`, `invalidLength`, or what the source throws
 */
export async function* checkedUpdate(
  source: AsyncIterable<Uint8Array>,
  codec: Codec,
  length: number,
  isMasked = false,
): AsyncIterable<Uint8Array> {
  const layout = layoutOf(codec, length);
  const total = HEADER_BYTES + layout.payloadBytes;
  const clip = isMasked || codec.noise || codec.lot ? undefined : new ClipCheck(codec, length);
  const head = new Uint8Array(HEADER_BYTES);
  const tail = new Uint8Array(tailBytes(layout));
  let received = 0;
  for await (const chunk of source) {
    const end = received + chunk.length;
    if (end > total) throw new HanseError('invalidLength', { what: 'update', expected: total, got: end });
    overlap(chunk, received, head, 0);
    overlap(chunk, received, tail, total - tail.length);
    if (received < HEADER_BYTES && end >= HEADER_BYTES) checkHeader(head, layout);
    clip?.add(chunk.subarray(Math.max(0, HEADER_BYTES - received)));
    received = end;
    if (received === total) {
      if (isMasked) checkTrailingBits(tail, layout);
      else {
        const { weight } = checkUpdateTail(tail, codec, layout);
        clip?.finish(weight);
      }
    }
    yield chunk;
  }
  if (received !== total)
    throw new HanseError('invalidLength', { what: 'update', expected: total, got: received });
}

function checkHeader(head: Uint8Array, layout: Layout): void {
  const limits = { maxLength: layout.length, maxSecondBlock: layout.secondBlock };
  const header = parseHeader(head, limits, HEADER_BYTES + layout.payloadBytes);
  expectField('kind', 'update', header.kind);
  expectField('width', layout.width, header.width);
  expectField('length', layout.length, header.length);
  expectField('secondBlock', layout.secondBlock, header.secondBlock);
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
