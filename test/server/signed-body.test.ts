import { expect, test } from 'vitest';
import { HanseError } from '../../protocol/problem.ts';
import { SignedBody } from '../../server/signed-body.ts';
import { hashOf } from '../fixtures/vector-files.ts';

const WHOLE = Uint8Array.from({ length: 100 }, (_, i) => i);
const malformed = new HanseError('updateMalformed', { field: 'kind', expected: 'update', got: 'x' });

/** In pieces of 30 bytes; `end` is called when nobody reads on. */
async function* source(bytes: Uint8Array, end = () => {}): AsyncGenerator<Uint8Array> {
  try {
    for (let at = 0; at < bytes.length; at += 30) yield bytes.subarray(at, at + 30);
  } finally {
    end();
  }
}

async function firstPiece(body: SignedBody): Promise<Uint8Array | undefined> {
  for await (const piece of body.pieces()) return piece;
  return undefined;
}

const altered = WHOLE.with(99, 0);
const buffers = [() => new Uint8Array(WHOLE.length), () => undefined];

test('passes the pieces on, and fills the buffer with them', async () => {
  const buffer = new Uint8Array(WHOLE.length);
  const body = new SignedBody(source(WHOLE), hashOf(WHOLE), WHOLE.length, buffer);
  const lengths: number[] = [];
  for await (const piece of body.pieces()) lengths.push(piece.length);
  expect(lengths).toEqual([30, 30, 30, 10]);
  expect(buffer).toEqual(WHOLE);
});

test.each(buffers)('a refusal stands for what was signed, and for nothing else', async (bufferOf) => {
  for (const [sent, code] of [
    [WHOLE, 'updateMalformed'],
    [altered, 'hashMismatch'],
    [WHOLE.subarray(0, 99), 'hashMismatch'],
    [new Uint8Array([...WHOLE, 1]), 'updateMalformed'], // too long: nobody reads all of it
  ] as const) {
    const body = new SignedBody(source(sent), hashOf(WHOLE), WHOLE.length, bufferOf());
    await firstPiece(body);
    expect(await body.answerTo(malformed)).toMatchObject({ code });
  }
});

test('what is no fault of the body stays what it is, and a body that breaks off proves nothing', async () => {
  const full = new HanseError('storageFull', { path: 'x' });
  expect(await new SignedBody(source(altered), hashOf(WHOLE), 100).answerTo(full)).toBe(full);
  async function* broken(): AsyncGenerator<Uint8Array> {
    yield WHOLE.subarray(0, 30);
    throw new Error('gone');
  }
  const body = new SignedBody(broken(), hashOf(WHOLE), 100);
  await firstPiece(body);
  expect(await body.answerTo(malformed)).toBe(malformed);
});

test('the source ends when the body is closed, not when somebody stops reading', async () => {
  let ended = 0;
  const body = new SignedBody(
    source(WHOLE, () => {
      ended += 1;
    }),
    hashOf(WHOLE),
    100,
  );
  await firstPiece(body);
  expect(ended).toBe(0);
  await body.close();
  await body.close();
  expect(ended).toBe(1);
});
