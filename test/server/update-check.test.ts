import fc from 'fast-check';
import { expect, test } from 'vitest';
import { isProblem } from '../../protocol/problem.ts';
import { layoutOf } from '../../protocol/ring/payload.ts';
import { HEADER_BYTES, payloadOf } from '../../protocol/vector.ts';
import { checkedUpdate } from '../../server/update-check.ts';
import { CODEC, INITIAL_MODEL } from '../fixtures/manifest.ts';
import { updateFile, vectorFile } from '../fixtures/vector-files.ts';

const LENGTH = 5;
const UPDATE = updateFile([0.1, -0.2, 0.3, -0.4, 0.5], 42, CODEC);
const { payloadBytes } = layoutOf(CODEC, LENGTH);
const HEADER = { kind: 'update', width: CODEC.width, length: LENGTH, secondBlock: 1 } as const;

async function* pieces(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let start = 0; start < bytes.length; start += size) yield bytes.subarray(start, start + size);
}

async function passed(bytes: Uint8Array, size = bytes.length): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for await (const part of checkedUpdate(pieces(bytes, size), CODEC, LENGTH)) parts.push(part);
  return new Uint8Array(Buffer.concat(parts));
}

/** Code and field; whatever the pieces, it must be the same, and the end must never have been given out. */
async function refusal(bytes: Uint8Array): Promise<string> {
  expect(await passed(UPDATE)).toEqual(UPDATE);
  const refusals = new Set<string>();
  for (const size of [1, 7, 64, 65, bytes.length || 1]) {
    let given = 0;
    try {
      for await (const part of checkedUpdate(pieces(bytes, size), CODEC, LENGTH)) given += part.length;
      throw new Error('not refused');
    } catch (error) {
      if (!isProblem(error)) throw error;
      const { field, what } = error.detail as { field?: string; what?: string };
      refusals.add(`${error.code} ${field ?? what}`);
      if (bytes.length === UPDATE.length) expect(given).toBeLessThan(UPDATE.length);
    }
  }
  expect(refusals.size).toBe(1);
  return [...refusals].join();
}

function changed(change: (bytes: Uint8Array) => void, bytes: Uint8Array = UPDATE): Uint8Array {
  const copy = new Uint8Array(bytes);
  change(copy);
  return copy;
}

/** A payload of its own with a hash that fits. */
const withPayload = (change: (payload: DataView) => void) => {
  const payload = new Uint8Array(payloadOf(UPDATE));
  change(new DataView(payload.buffer));
  return vectorFile(payload, HEADER);
};

test('an update passes as it is, however it is cut', async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: UPDATE.length }), async (size) => {
      expect(await passed(UPDATE, size)).toEqual(UPDATE);
    }),
  );
});

test('another length: shorter, longer, nothing, only a header', async () => {
  expect(await refusal(UPDATE.subarray(0, -1))).toBe('invalidLength update');
  expect(await refusal(new Uint8Array([...UPDATE, 0]))).toBe('invalidLength update');
  expect(await refusal(new Uint8Array(0))).toBe('invalidLength update');
  expect(await refusal(UPDATE.subarray(0, HEADER_BYTES))).toBe('invalidLength update');
});

test('a wrong header: each field, and what it says of the payload', async () => {
  const at = (offset: number) => changed((bytes) => bytes.fill(0xee, offset, offset + 1));
  expect(await refusal(at(0))).toBe('updateMalformed magic');
  expect(await refusal(at(4))).toBe('updateMalformed version');
  expect(await refusal(at(6))).toBe('updateMalformed kind');
  expect(await refusal(at(48))).toBe('updateMalformed reserved');
  expect(await refusal(at(16))).toBe('updateMalformed sha256');
  const payload = payloadOf(UPDATE);
  const headers: [Parameters<typeof vectorFile>[1], string][] = [
    [{ ...HEADER, kind: 'parameters', width: 32, secondBlock: 0 }, 'updateMalformed kind'],
    // The same number of bytes under another width, or another division into blocks.
    [{ ...HEADER, width: 21 }, 'updateMalformed width'],
    [{ ...HEADER, length: 6 }, 'updateMalformed length'],
    [{ ...HEADER, length: 4, secondBlock: 2 }, 'updateMalformed secondBlock'],
  ];
  for (const [header, expected] of headers) expect(await refusal(vectorFile(payload, header))).toBe(expected);
});

test('trailing bits, and weights out of range', async () => {
  expect(await refusal(withPayload((payload) => payload.setUint8(15, 0x80)))).toBe(
    'updateMalformed trailing bits',
  );
  const weighing = (weight: number) =>
    withPayload((payload) => payload.setUint32(payloadBytes - 4, weight, true));
  for (const weight of [0, CODEC.weightMax + 1, 0xffff_ffff])
    expect(await refusal(weighing(weight))).toBe('updateMalformed weight');
  for (const weight of [42, CODEC.weightMax])
    expect(await passed(weighing(weight))).toHaveLength(UPDATE.length);
});

test('an update longer than clipping permits, which would outweigh all others, under a hash that fits', async () => {
  const coordinate = (value: number) => withPayload((payload) => payload.setInt32(0, value, true));
  const levels = ((CODEC.clipNorm / CODEC.grid) * 42) / CODEC.weightMax;
  expect(await passed(coordinate(0))).toHaveLength(UPDATE.length);
  expect(await refusal(coordinate(Math.ceil(levels) + 3))).toBe('updateMalformed squared norm');
  // The same delta under the weight of another: what counts is the norm for the weight that is stated.
  const lighter = withPayload((payload) => payload.setUint32(payloadBytes - 4, 1, true));
  expect(await refusal(lighter)).toBe('updateMalformed squared norm');
});

test('a model is no update, though it has as many bytes', async () => {
  expect(INITIAL_MODEL).toHaveLength(UPDATE.length);
  expect(await refusal(INITIAL_MODEL)).toBe('updateMalformed kind');
});

test('what the source throws is passed on, and the source is closed once a refusal is clear', async () => {
  async function* broken(): AsyncGenerator<Uint8Array> {
    yield UPDATE.subarray(0, 10);
    throw new Error('broken off');
  }
  const read = async (source: AsyncIterable<Uint8Array>) => {
    for await (const _ of checkedUpdate(source, CODEC, LENGTH));
  };
  await expect(read(broken())).rejects.toThrow('broken off');
  let isClosed = false;
  let asked = 0;
  async function* endless(): AsyncGenerator<Uint8Array> {
    try {
      for (;;) {
        asked += 1;
        yield new Uint8Array(1000);
      }
    } finally {
      isClosed = true;
    }
  }
  await expect(read(endless())).rejects.toMatchObject({ code: 'invalidLength' });
  expect([isClosed, asked]).toEqual([true, 1]);
});
